import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { accept, WebSocketConnection } from '../../src/index.ts';
import { timers } from '../../src/base/timers.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { recordingHandler, type RecordingHandler } from '../../src/testing.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { startLibraryServer } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { turns } from '../helpers/turns.ts';

async function join(): Promise<{
  client: RawClient;
  handler: RecordingHandler<unknown>;
  conn: WebSocketConnection<unknown>;
}> {
  const handler = recordingHandler();
  const { web } = await startLibraryServer(() => handler, { pingIntervalMs: Infinity });
  const client = await RawClient.open(web.HTTPPort);
  return { client, handler, conn: (await handler.opened()) as unknown as WebSocketConnection<unknown> };
}

test('no property can be assigned', async () => {
  const { conn, handler } = await join();
  for (const name of ['handler', 'id', 'status', 'wss', 'protocol', 'request', 'bufferedBytes']) {
    expect([name, Reflect.set(conn, name, 'changed')]).toEqual([name, false]);
  }
  expect(conn.handler).toBe(handler);
  expect(conn.status).toBe('Connected');
  expect(conn.protocol).toBe('');
  expect(conn.bufferedBytes).toBe(0);
});

test('bufferedBytes counts bytes that have not left, and returns to 0', async () => {
  const { conn, client } = await join();
  conn.send('hello');
  expect(conn.bufferedBytes).toBe(7);
  expect(await client.nextText()).toBe('hello');
  expect(conn.bufferedBytes).toBe(0);
});

test.each([5, {}, null, ['a'], true, Symbol('no text')])(
  'terminate leaves out a message that is no string: %s',
  async (message) => {
    const { conn, client, handler } = await join();
    conn.terminate(4000, message as string);
    expect(conn.status).toBe('Closing');
    expect(await client.nextFrame()).toBe('88 0fa0');
    client.sendClose(4000);
    client.socket.end();
    await handler.ended();
  },
);

test.each([null, '4000', {}, Infinity, -4000])('terminate closes with 1000 for the invalid code %s', async (code) => {
  const errors = recordErrors();
  const { conn, client } = await join();
  conn.terminate(code as number, 'no');
  expect(await client.nextFrame()).toBe('88 03e8');
  expect(errors).toEqual([]);
});

test('a message of terminate is cut to 123 bytes at a code point', async () => {
  const { conn, client } = await join();
  conn.terminate(4000, '€'.repeat(50));
  const payload = Buffer.from((await client.nextFrame()).slice('88 0fa0'.length), 'hex');
  expect(payload.toString('utf8')).toBe('€'.repeat(41));
});

test('terminate runs onTerminate once, and not within the call', async () => {
  const { conn, client, handler } = await join();
  conn.terminate(4000, 'first');
  conn.terminate(4001, 'second');
  expect(handler.callbacks).toEqual(['onOpen']);
  await client.endInOrder();
  await handler.ended();
  conn.terminate(4002, 'third');
  await turns();
  expect(client.frames.all).toEqual([`88 0fa0${Buffer.from('first').toString('hex')}`]);
  expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
  expect(conn.status).toBe('Closed');
});

test('messages sent before terminate arrive before the close frame', async () => {
  const { conn, client } = await join();
  conn.send('one');
  conn.send(new Uint8Array([1, 2]));
  conn.terminate();
  conn.send('too late');
  expect(await client.nextFrame()).toBe(`81 ${Buffer.from('one').toString('hex')}`);
  expect(await client.nextFrame()).toBe('82 0102');
  expect(await client.nextFrame()).toBe('88 03e8');
  client.sendClose(1000);
  await client.ended;
  expect(client.frames.all).toHaveLength(3);
});

test('the class is exported to be tested with instanceof', async () => {
  const { conn } = await join();
  expect(conn).toBeInstanceOf(WebSocketConnection);
});

test('data is undefined until it is set', async () => {
  const { conn } = await join();
  expect(conn.data).toBeUndefined();
  conn.data = { name: 'Ada' };
  expect(conn.data).toEqual({ name: 'Ada' });
});

test('data is the object that accept was given, from onOpen to onTerminate', async () => {
  const data = { name: 'Ada' };
  const seen: unknown[] = [];
  const note = (ws: unknown): void => void seen.push((ws as WebSocketConnection).data);
  const handler = recordingHandler({ onOpen: note, onTerminate: note });
  const { web } = await startLibraryServer(() => accept(handler as never, { data }));
  const client = await RawClient.open(web.HTTPPort);
  await handler.opened();
  client.socket.resetAndDestroy();
  await handler.ended();
  expect(seen).toHaveLength(2);
  for (const value of seen) expect(value).toBe(data);
});

test('request is the request that onConnection saw, also after the end', async () => {
  const requests: unknown[] = [];
  const handler = recordingHandler();
  const { web } = await startLibraryServer((_, { request }) => {
    requests.push(request);
    return handler;
  });
  const headers = ['Cookie: a=1', 'Cookie: b=2', 'X-Empty:', 'X-Latin: \u00E9'];
  const client = await RawClient.open(web.HTTPPort, { path: '/a?b=1&b=2', headers });
  const conn = (await handler.opened()) as unknown as WebSocketConnection;
  client.socket.resetAndDestroy();
  await handler.ended();
  expect(conn.request).toEqual(requests[0]);
  expect(conn.request).toMatchObject({
    url: '/a?b=1&b=2',
    query: { b: ['1', '2'] },
    headers: { cookie: ['a=1', 'b=2'], 'x-empty': '', 'x-latin': '\u00E9' },
    remoteAddress: '127.0.0.1',
  });
  expect(conn.request).toBe(conn.request);
});

test('at expiresAt the connection closes with 3000, which is no error', async () => {
  const clock = useFakeClock();
  const { conn, client, handler } = await join();
  expect(conn.expiresAt).toBeUndefined();
  conn.expiresAt = clock.now + 5000;
  expect(conn.expiresAt).toBe(clock.now + 5000);
  await clock.advance(4950);
  client.sendText('in time');
  expect(await handler.nextMessage()).toBe('in time');
  expect(conn.status).toBe('Connected');
  await clock.advance(100);
  expect(conn.status).toBe('Closing');
  client.sendText('too late');
  await client.endInOrder();
  expect(client.frames.all).toEqual([`88 0bb8${Buffer.from('session expired').toString('hex')}`]);
  expect(await handler.ended()).toMatchObject({
    code: 3000,
    wasClean: true,
    cause: 'expired',
    message: 'this program closed the connection: expiresAt was reached',
  });
  expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onTerminate']);
  expect(timers.pendingTicks).toBe(0);
});

test('expiresAt can be a Date, can be postponed and can be removed', async () => {
  const clock = useFakeClock();
  const { conn } = await join();
  conn.expiresAt = new Date(clock.now + 1000);
  expect(conn.expiresAt).toBe(clock.now + 1000);
  conn.expiresAt = clock.now + 3000;
  await clock.advance(2000);
  expect(conn.status).toBe('Connected');
  conn.expiresAt = undefined;
  expect(conn.expiresAt).toBeUndefined();
  await clock.advance(60_000);
  expect(conn.status).toBe('Connected');
  expect(timers.pendingTicks).toBe(0);
});

test('an expiresAt that has passed closes soon, but not within the assignment', async () => {
  const clock = useFakeClock();
  const { conn, client } = await join();
  conn.expiresAt = clock.now - 1;
  expect(conn.status).toBe('Connected');
  await clock.advance(100);
  expect(await client.nextClose()).toMatch(/^88 0bb8/);
});

test('a peer that does not answer the close frame of expiresAt is destroyed after closeTimeoutMs', async () => {
  const clock = useFakeClock();
  const { conn, handler } = await join();
  conn.expiresAt = clock.now;
  await clock.advance(100);
  await clock.advance(10_050);
  expect(await handler.ended()).toMatchObject({ code: 1006, wasClean: false, cause: 'timeout' });
});

test('the end of the connection cancels expiresAt', async () => {
  const clock = useFakeClock();
  const { conn, client, handler } = await join();
  conn.expiresAt = clock.now + 5000;
  conn.terminate(4000, 'bye');
  conn.expiresAt = clock.now + 1;
  await client.endInOrder();
  expect(await handler.ended()).toMatchObject({ code: 4000, cause: 'local' });
  expect(timers.pendingTicks).toBe(0);
  conn.expiresAt = clock.now + 1;
  expect(timers.pendingTicks).toBe(0);
});

test.each([NaN, Infinity, '2030-01-01', null, {}, true, new Date('nonsense')])(
  'expiresAt %s is an error and changes nothing',
  async (moment) => {
    const errors = recordErrors();
    const clock = useFakeClock();
    const { conn } = await join();
    conn.expiresAt = clock.now + 5000;
    conn.expiresAt = moment as never;
    expect(errors).toMatchObject([[{ errCode: -20_015, componentSignature: 'HTTP' }]]);
    expect(conn.expiresAt).toBe(clock.now + 5000);
  },
);

test('inspect shows no header of the request', async () => {
  const handler = recordingHandler();
  const { web } = await startLibraryServer(() => handler);
  await RawClient.open(web.HTTPPort, { path: '/?token=secret', headers: ['Authorization: Bearer secret'] });
  const conn = await handler.opened();
  expect(inspect(conn, { depth: 10, showHidden: true })).not.toContain('secret');
  expect(JSON.stringify(conn)).not.toContain('secret');
});
