import { expect, test } from 'vitest';
import { WebSocketConnection } from '../../src/index.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { startLibraryServer } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { RecordingHandler } from '../helpers/recording-handler.ts';
import { turns } from '../helpers/turns.ts';

async function join(): Promise<{
  client: RawClient;
  handler: RecordingHandler;
  conn: WebSocketConnection<unknown>;
}> {
  const handler = new RecordingHandler();
  const { web } = await startLibraryServer(() => handler);
  const client = await RawClient.open(web.HTTPPort);
  return { client, handler, conn: (await handler.opened) as unknown as WebSocketConnection<unknown> };
}

test('no property can be assigned', async () => {
  const { conn, handler } = await join();
  for (const name of ['handler', 'id', 'status', 'wss', 'protocol', 'bufferedBytes']) {
    expect([name, Reflect.set(conn, name, 'changed')]).toEqual([name, false]);
  }
  expect(conn.handler).toBe(handler);
  expect(conn.status).toBe('Connected');
  expect(conn.protocol).toBe('');
  expect(conn.bufferedBytes).toBe(0);
});

test('bufferedBytes counts what has not left, and goes back to 0', async () => {
  const { conn, client } = await join();
  conn.send('hello');
  expect(conn.bufferedBytes).toBe(7);
  expect(await client.nextText()).toBe('hello');
  expect(conn.bufferedBytes).toBe(0);
});

test.each([5, {}, null, ['a'], true, Symbol('no text')])(
  'a message of terminate that is no text is left out: %s',
  async (message) => {
    const { conn, client, handler } = await join();
    conn.terminate(4000, message as string);
    expect(conn.status).toBe('Closing');
    expect(await client.nextFrame()).toBe('88 0fa0');
    client.sendClose(4000);
    client.socket.end();
    await handler.terminated;
  },
);

test.each([null, '4000', {}, Infinity, -4000])('a code that is none closes with 1000: %s', async (code) => {
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

test('terminate does not run onTerminate within the call, nor does it twice', async () => {
  const { conn, client, handler } = await join();
  conn.terminate(4000, 'first');
  conn.terminate(4001, 'second');
  expect(handler.names).toEqual(['onOpen']);
  await client.endInOrder();
  await handler.terminated;
  conn.terminate(4002, 'third');
  await turns();
  expect(client.frames.all).toEqual([`88 0fa0${Buffer.from('first').toString('hex')}`]);
  expect(handler.names).toEqual(['onOpen', 'onTerminate']);
  expect(conn.status).toBe('Closed');
});

test('what was sent before terminate arrives before the close', async () => {
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
