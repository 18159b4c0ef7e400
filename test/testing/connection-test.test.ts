import { setImmediate } from 'node:timers/promises';
import { describe, expect, expectTypeOf, onTestFinished, test } from 'vitest';
import { type ConnectionHandler, FourDError, type MessageEvent, type WebSocketConnection } from '../../src/index.ts';
import { createClock, testConnection } from '../../src/testing.ts';

interface User {
  readonly name: string;
}

/** Answers in a later turn, counts, and broadcasts. */
const chat: ConnectionHandler<string, User> & { ends: number } = {
  ends: 0,
  onOpen: (ws) => void ws.send(`hello ${ws.data.name}`),
  async onMessage(ws, { data }) {
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    if (data === 'fail') throw new Error('on purpose');
    ws.wss.broadcast(`${ws.data.name}: ${data}`);
  },
  async onTerminate() {
    await Promise.resolve();
    this.ends++;
  },
};

async function chatTest() {
  const connection = await testConnection(chat, { data: { name: 'Ann' } });
  onTestFinished(() => connection.end());
  return connection;
}

describe('a connection under test', () => {
  test('is open with its data, and has sent what onOpen sends', async () => {
    const connection = await chatTest();
    expectTypeOf(connection.ws.data).toEqualTypeOf<User>();
    expectTypeOf(connection.messages).toEqualTypeOf<readonly string[]>();
    expect(connection.sent).toEqual(['hello Ann']);
    expect(connection.ws.status).toBe('Connected');
    expect(connection.events.map(({ type }) => type)).toEqual(['open']);
  });

  test('receives a message, and has answered when the promise of onMessage has settled', async () => {
    const connection = await chatTest();
    await connection.receive('one');
    await connection.receive('two');
    expect(connection.messages).toEqual(['one', 'two']);
    expect(connection.sent).toEqual(['hello Ann', 'Ann: one', 'Ann: two']);
    expect([await connection.nextSent(), await connection.nextSent()]).toEqual(['hello Ann', 'Ann: one']);
    expect(await connection.nextMessage()).toBe('one');
    expect(await connection.nextEvent('message')).toMatchObject({ data: 'one' });
  });

  test('receives bytes and objects in the form that its data type asks for', async () => {
    const got: [string, boolean][] = [];
    const handler = {
      onMessage: (ws: WebSocketConnection<Uint8Array>, { data, isBinary }: MessageEvent<Uint8Array>) => {
        got.push([Buffer.from(data).toString(), isBinary]);
        ws.send(data);
      },
    };
    await using connection = await testConnection(handler, { server: { dataType: 'blob' } });
    await connection.receive(Uint8Array.of(104, 105));
    await connection.receive({ n: 1 });
    expect(got).toEqual([
      ['hi', true],
      ['{"n":1}', false],
    ]);
    expect(connection.sent).toEqual([Buffer.from('hi'), Buffer.from('{"n":1}')]);
  });

  test('has the request, subprotocol and address that the test asks for', async () => {
    await using connection = await testConnection(
      { onMessage: () => {} },
      { protocol: 'chat', headers: { cookie: 'a=b' }, remoteAddress: '192.0.2.7', server: { path: '/chat' } },
    );
    expect(connection.ws.protocol).toBe('chat');
    expect(connection.ws.request).toMatchObject({ headers: { cookie: 'a=b' }, remoteAddress: '192.0.2.7' });
  });

  test('closes and fails; its promise resolves when the callbacks are over', async () => {
    chat.ends = 0;
    const closed = await chatTest();
    expect(await closed.close(3001, 'bye')).toMatchObject({ code: 3001, reason: 'bye', wasClean: true });
    expect(chat.ends).toBe(1);
    await expect(closed.receive('x')).rejects.toThrow('receive: the connection has ended');
    const lost = await chatTest();
    expect(await lost.error()).toMatchObject({ error: { code: 'ERR_CONNECTION_LOST' } });
    expect(await lost.ended()).toMatchObject({ code: 1006 });
    const broken = await chatTest();
    expect(await broken.error('protocol')).toMatchObject({ error: { code: 'ERR_RESERVED_BITS' } });
  });

  test('tells of a callback that fails, with what it threw', async () => {
    const connection = await testConnection({ ...chat, onError: () => {} }, { data: { name: 'Ann' } });
    await connection.receive('fail');
    expect(connection.errors[0]?.error).toMatchObject({ code: 'ERR_CALLBACK_FAILED', cause: new Error('on purpose') });
    await expect(connection.receive('x')).rejects.toThrow(
      'ended with ERR_CALLBACK_FAILED (onMessage failed: on purpose)',
    );
    await connection.end();
    expect(connection.ending).toMatchObject({ code: 1011, wasClean: false });
  });

  test('moves with the clock', async () => {
    const clock = createClock();
    const handler = { onMessage: () => {} };
    const connection = await testConnection(handler, { clock, server: { pingIntervalMs: 1000, pongTimeoutMs: 1000 } });
    connection.line.stall();
    await clock.advance(3000);
    expect(connection.errors[0]?.error.code).toBe('ERR_HEARTBEAT');
    await connection.end();
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ['handler', () => testConnection((() => {}) as never), 'an object with onMessage; received a function'],
    [
      'handler of a server',
      () => testConnection({ onConnection: () => null } as never),
      'of a server, for which createPair() is',
    ],
    ['option', () => testConnection(chat, { dta: 1 } as never), 'did you mean "data"?'],
    ['kind of error', async () => (await chatTest()).error('x' as never), "it takes 'lost' or 'protocol'"],
  ])('refuses a wrong %s', async (_, call, sentence) => {
    await expect(call()).rejects.toThrow(FourDError);
    await expect(call()).rejects.toThrow(sentence);
  });
});
