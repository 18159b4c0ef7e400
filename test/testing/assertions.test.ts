import { AssertionError } from 'node:assert';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FourDError, WebSocket, WebSocketServer } from '../../src/index.ts';
import {
  assertEnded,
  assertFailed,
  assertReceived,
  assertReceivedAll,
  assertSent,
  configure,
  matchers,
  recordingHandler,
  recordingServerHandler,
  serveInMemory,
  testConnection,
  type WebSocketMatchers,
} from '../../src/testing.ts';
import { getDefaultWaitMs } from '../../src/testing/recording.ts';

declare module 'vitest' {
  interface Matchers<T> extends WebSocketMatchers<T> {}
}

expect.extend(matchers);

/** A connection that has got a text, an object and bytes, has sent them back, and has failed and ended. */
async function endedConnection() {
  const connection = await testConnection(
    { onMessage: (ws, { data }: { data: string | Uint8Array }) => void ws.send(data) },
    { server: { dataType: 'auto' } },
  );
  onTestFinished(() => connection.end());
  for (const message of ['hello', { n: 1 }, Uint8Array.of(1, 2)]) await connection.receive(message);
  await connection.error();
  await connection.ended();
  return connection;
}

describe('matchers and assertions', () => {
  test('pass for what is so: texts, objects as JSON, bytes of any class, asymmetric matchers', async () => {
    const connection = await endedConnection();
    for (const message of ['hello', { n: 1 }, Buffer.of(1, 2), Uint8Array.of(1, 2)]) {
      expect(connection).toHaveReceived(message);
      expect(connection).toHaveSent(message);
      assertReceived(connection, message);
      assertSent(connection, message);
    }
    expect(connection).toHaveReceived(expect.stringContaining('ell'));
    expect(connection).toHaveReceived(expect.objectContaining({ n: 1 }));
    expect(connection).toHaveReceivedAll(['hello', { n: 1 }, Uint8Array.of(1, 2)]);
    assertReceivedAll(connection, ['hello', '{"n":1}', Uint8Array.of(1, 2)]);
    expect(connection).toHaveEnded();
    expect(connection).toHaveEnded(1006);
    expect(connection).toHaveEnded({ cause: 'peer-reset', wasClean: false });
    assertEnded(connection, { cause: 'peer-reset' });
    expect(connection).toHaveFailed('ERR_CONNECTION_LOST');
    assertFailed(connection);
    expect(connection).not.toHaveReceived('other');
    expect(connection).not.toHaveFailed('ERR_HEARTBEAT');
  });

  test.each<[string, (c: Awaited<ReturnType<typeof endedConnection>>) => void, string]>([
    [
      'received',
      (c) => assertReceived(c, 'x'),
      'expected "x" to be received; received so far: "hello", "{\\"n\\":1}", <0102>',
    ],
    ['sent', (c) => assertSent(c, { n: 2 }), 'expected {"n":2} to be sent; sent so far: "hello"'],
    [
      'all',
      (c) => assertReceivedAll(c, ['hello']),
      'expected all that was received to be "hello"; received so far: "hello", ',
    ],
    ['end', (c) => assertEnded(c, 1000), 'expected an end with {"code":1000}; it has ended with {"code":1006'],
    [
      'error',
      (c) => assertFailed(c, 'ERR_HEARTBEAT'),
      'expected an error ERR_HEARTBEAT; it has failed with ERR_CONNECTION_LOST',
    ],
    ['not', (c) => expect(c).not.toHaveReceived('hello'), 'did not expect "hello" to be received'],
    ['matcher', (c) => expect(c).toHaveReceived('x'), 'expected "x" to be received; received so far: "hello"'],
  ])('say what is so instead: %s', async (_, check, sentence) => {
    const connection = await endedConnection();
    expect(() => check(connection)).toThrow(sentence);
  });

  test('say that nothing came', async () => {
    const handler = recordingHandler();
    expect(() => assertReceived(handler, 'x')).toThrow(AssertionError);
    expect(() => assertReceived(handler, 'x')).toThrow('nothing was received so far');
    expect(() => assertEnded(handler)).toThrow('it has not ended');
    expect(() => assertFailed(handler)).toThrow('no error came');
  });

  test('refuse what has received nothing ever', () => {
    expect(() => assertReceived({} as never, 'x')).toThrow(FourDError);
    expect(() => assertReceived(null as never, 'x')).toThrow('it takes what has received messages: pair.client');
    expect(() => assertSent(recordingHandler() as never, 'x')).toThrow('it takes what testConnection() has returned');
    expect(() => assertReceived(Promise.resolve() as never, 'x')).toThrow('received a promise: await it first');
    expect(() => assertReceived(new WebSocket('ws://gone.test') as never, 'x')).toThrow('pass what has the `ws`');
    expect(() => assertEnded(recordingHandler(), 'timeout' as never)).toThrow('it takes a close code, or properties');
    expect(() => assertReceivedAll(recordingHandler(), 'x' as never)).toThrow('it takes an array of messages');
    expect(() => recordingHandler(7 as never)).toThrow('it takes an object with callbacks, or nothing');
  });
});

test('a recording handler records over TCP, on both sides, and calls what it was given', async () => {
  const onServer = recordingHandler({ onMessage: (ws, { data }) => ws.send(data.toUpperCase()) });
  const wss = await WebSocketServer.serve({ onConnection: () => onServer }, { host: '127.0.0.1' });
  const onClient = recordingHandler({ dataType: 'blob', headers: { 'x-id': '7' } });
  const ws = await WebSocket.connect(wss.url, onClient);
  ws.send('hello');
  expect(await onServer.nextMessage()).toBe('hello');
  expect(Buffer.from(await onClient.nextMessage()).toString()).toBe('HELLO');
  expect(wss.connections[0]?.request.headers['x-id']).toBe('7');
  ws.terminate(3000);
  expect(await onServer.ended()).toMatchObject({ code: 3000 });
  expect(await onClient.nextEvent('terminate')).toBe(await onClient.ended());
  await wss.drain();
});

test('a recording handler of a server records it, and makes recording handlers for its clients', async () => {
  const server = recordingServerHandler();
  const wss = await WebSocketServer.serve(server, { host: '127.0.0.1' });
  expect(await server.opened()).toBe(wss);
  const ws = await WebSocket.connect(wss.url);
  const connection = await server.nextHandler();
  expect(await connection.opened()).toBe(wss.connections[0]);
  for (const text of ['one', 'two', 'three']) ws.send(text);
  expect(await connection.nextMessages(2)).toEqual(['one', 'two']);
  expect(await connection.nextMessage()).toBe('three');
  expect(connection.callbacks).toEqual(['onOpen', 'onMessage', 'onMessage', 'onMessage']);
  expect(connection.eventsOf('message').map(({ data }) => data)).toEqual(['one', 'two', 'three']);
  await wss.drain();
  await expect(connection.nextMessage()).rejects.toThrow('did not get message 4: the connection has ended');
  expect(await server.ended()).toEqual({ type: 'terminate' });
  expect(server.callbacks).toEqual(['onOpen', 'onConnection', 'onTerminate']);
  expect(server.eventsOf('connection')[0]?.request.url).toBe('/');
  expect(server.handlers).toEqual([connection]);
});

test('a recording handler of a server decides as it is told, and tells who was refused', async () => {
  const handler = recordingHandler();
  const server = recordingServerHandler({
    onConnection: (_, { request }) => (request.url === '/in' ? handler : null),
    onRefuse() {},
  });
  await using memory = serveInMemory(server);
  await expect(memory.connect()).rejects.toMatchObject({ httpStatus: 403 });
  expect(await server.nextEvent('refuse')).toMatchObject({ status: 403, request: { url: '/' } });
  await memory.connect(null, { path: '/in' });
  expect(server.handlers).toEqual([handler]);
  await expect(recordingServerHandler().nextEvent('refuse')).rejects.toThrow('onRefuse() {}');
  await expect(handler.nextEvent('close' as never)).rejects.toThrow('no events of the type "close"; the types are');
  expect(() => handler.eventsOf('onOpen' as never)).toThrow("the types are 'open', ");
});

test('configure() sets how long what is created later waits', async () => {
  const before = getDefaultWaitMs();
  onTestFinished(() => configure({ waitMs: before }));
  configure({ waitMs: 20 });
  await expect(recordingHandler().nextMessages(2)).rejects.toThrow('did not get message 1 within 20 ms');
  expect(() => configure({ waitMs: 0 })).toThrow('waitMs: it takes a whole number, 1 or more');
});

test('a recording handler of several connections has messages to come while one of them is open, and hears each end', async () => {
  const handler = recordingHandler();
  await using server = serveInMemory({ onConnection: () => handler });
  const [going, staying] = [await server.connect(), await server.connect()];
  await going.close();
  expect(await handler.ended()).toMatchObject({ code: 1000 });
  const message = handler.nextMessage();
  staying.send('still here');
  expect(await message).toBe('still here');
});
