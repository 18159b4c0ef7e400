import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer } from '../../src/index.ts';
import {
  createClock,
  createPair,
  type Direction,
  type PairOptions,
  serveInMemory,
  type TestClock,
  testConnection,
} from '../../src/testing.ts';
import { noFaults, Pipe } from '../../src/testing/pipe.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';

const echoServer = {
  onConnection: () => ({
    onMessage: (ws: { send(data: string): unknown }, event: { data: string }) => void ws.send(event.data),
  }),
};

async function pairOf(options: PairOptions<'text'> = {}) {
  const pair = await createPair(echoServer, undefined, options);
  onTestFinished(() => pair.end());
  return pair;
}

describe('the clock', () => {
  test('moves heartbeats: a client that hears nothing gives its server up', async () => {
    const clock = useFakeClock();
    const pair = await pairOf({ client: { pingIntervalMs: 10_000, pongTimeoutMs: 5000 } });
    await clock.advance(55_000);
    expect(pair.client.errors).toEqual([]);
    pair.client.line.stall('toClient');
    await clock.advance(9000);
    expect(pair.client.errors).toEqual([]);
    await clock.advance(2000);
    expect(pair.client.errors[0]?.error.code).toBe('ERR_HEARTBEAT');
  });

  test('moves the wait to connect again, as often as the server is down', async () => {
    const clock = useFakeClock();
    const pair = await pairOf({ client: { reconnect: { minDelayMs: 1000, maxDelayMs: 8000 } } });
    pair.line.down();
    await clock.advance(60_000);
    const attempts = pair.client.line.attempts;
    expect(attempts).toBeGreaterThan(5);
    pair.line.up();
    pair.client.send('waited');
    await clock.advance(9000);
    expect(await pair.client.nextMessage()).toBe('waited');
    expect(pair.client.events.filter(({ type }) => type === 'reconnect')).toHaveLength(1);
    expect(pair.connection.messages).toEqual(['waited']);
    expect(pair.connections).toHaveLength(2);
  });

  test('moves the deadline of a handshake, and the time of an expiry', async () => {
    const clock = useFakeClock();
    const never = { onConnection: () => new Promise<null>(() => {}) };
    const attempt = expect(createPair(never, null, { server: { handshakeTimeoutMs: 3000 } })).rejects.toMatchObject({
      httpStatus: 503,
    });
    await clock.advance(3100);
    await attempt;
    const pair = await pairOf();
    pair.connection.ws.expiresAt = clock.now + 3_600_000;
    await clock.advance(3_600_000 - 100);
    expect(pair.connection.ending).toBeUndefined();
    await clock.advance(300);
    expect(pair.connection.ending).toMatchObject({ cause: 'expired' });
  });

  test('moves servers over TCP that were there before, and back again', async () => {
    const server = await WebSocketServer.serve(echoServer, { host: '127.0.0.1', pingIntervalMs: 20_000 });
    const ws = await WebSocket.connect(server.url);
    const clock = useFakeClock();
    await clock.advance(60_000);
    expect(server.metrics().connections).toBe(1);
    expect(clock.pendingTimers).toBe(1);
    clock.restore();
    clock.restore();
    ws.terminate();
    await server.drain();
    const startMs = performance.now();
    using again = createClock();
    expect(again.pendingTimers).toBe(0);
    await again.advance(0);
    expect(performance.now() - startMs).toBeLessThan(1000);
  });

  test('stands still unless it is moved, and never goes back', () => {
    const first = createClock();
    const before = first.now;
    void first.advance(0);
    expect(first.now).toBe(before);
    first[Symbol.dispose]();
    const second = createClock();
    expect(second.now).toBeGreaterThanOrEqual(before);
    second.restore();
  });

  test('goes back to the real time when the server that has it cannot be created', async () => {
    const wrong = { protocols: 'none' } as never;
    const handler = { onMessage: () => {} };
    for (const create of [
      (clock: TestClock) => createPair({ onConnection: () => null }, null, { clock, server: wrong }),
      async (clock: TestClock) => serveInMemory({ onConnection: () => null }, { clock, server: wrong }),
      (clock: TestClock) => testConnection(handler, { clock, server: wrong }),
    ]) {
      await expect(create(useFakeClock())).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    }
  });

  test('refuses a second clock, a wrong time, and to be moved after its end', async () => {
    const clock = useFakeClock();
    expect(() => createClock()).toThrow('there is a test clock already: call its restore()');
    await expect(clock.advance(-1)).rejects.toThrow('it takes a whole number, 0 or more');
    await expect(clock.advance('1' as never)).rejects.toThrow('received a string');
    await expect(clock.advance(Infinity)).rejects.toThrow('time does not pass for ever');
    const pair = await createPair(echoServer, null, { clock });
    await pair.end();
    await expect(clock.advance(1)).rejects.toThrow('the clock was restored');
  });
});

describe('faults', () => {
  test('cut: both ends lose the connection', async () => {
    const pair = await pairOf();
    pair.line.cut();
    expect(await pair.client.ended()).toMatchObject({ code: 1006, cause: 'peer-reset' });
    expect(await pair.connection.ended()).toMatchObject({ code: 1006, cause: 'peer-reset' });
  });

  test('stall: the sender is blocked, and nothing is lost', async () => {
    const pair = await pairOf();
    pair.line.stall('toServer');
    const big = 'x'.repeat(300_000);
    pair.client.send(big);
    await new Promise((resolve) => setImmediate(resolve));
    expect(pair.client.send('behind')).toBe('queued');
    expect(pair.client.ws.bufferedBytes).toBeGreaterThan(100_000);
    expect(pair.connection.messages).toEqual([]);
    pair.line.resume();
    await pair.client.ws.drained();
    expect([await pair.client.nextMessage(), await pair.client.nextMessage()]).toEqual([big, 'behind']);
  });

  test('latency: a message is on its way as long as that, and others with it', async () => {
    const clock = useFakeClock();
    const pair = await pairOf();
    pair.line.latency(200);
    pair.client.send('a');
    await clock.advance(50);
    pair.client.send('b');
    await clock.advance(149);
    expect(pair.connection.messages).toEqual([]);
    await clock.advance(1);
    expect(pair.connection.messages).toEqual(['a']);
    await clock.advance(50);
    expect(pair.connection.messages).toEqual(['a', 'b']);
    expect(pair.client.messages).toEqual([]);
    await clock.advance(200);
    expect(pair.client.messages).toEqual(['a', 'b']);
    const rtt = pair.client.ws.ping();
    await clock.advance(400);
    expect(await rtt).toBe(400);
  });

  test('split: every byte arrives alone', async () => {
    const pair = await pairOf({ server: { compression: true }, client: { compression: true } });
    pair.line.split(1);
    const text = 'ä'.repeat(3000);
    pair.client.send(text);
    expect(await pair.client.nextMessage()).toBe(text);
    expect(await pair.client.close(3000, 'done')).toMatchObject({ code: 3000, wasClean: true });
  });

  test('capacity: the sender is blocked by less, and its memory is not read any more when its write is over', async () => {
    const pair = await pairOf();
    pair.line.capacity(1, 'toServer');
    pair.line.stall('toServer');
    const message = 'x'.repeat(20_000);
    pair.client.send(message);
    await new Promise((resolve) => setImmediate(resolve));
    expect(pair.client.send('behind')).toBe('queued');
    pair.line.resume();
    expect(await pair.connection.nextMessages(2)).toEqual([message, 'behind']);

    const arrived: string[] = [];
    const end = {
      isWanting: true,
      isGone: false,
      onLost() {},
      arrive: (bytes: Buffer | null) => void arrived.push(String(bytes)),
    };
    const written = Buffer.from('abcdef');
    const inTime = Buffer.from('ghijkl');
    const changed = createDeferred();
    const pipe = new Pipe({ ...noFaults(), pieceBytes: [1, 4], capacityBytes: 8 }, end);
    pipe.write(written, () => written.fill('-'));
    pipe.write(inTime, () => changed.resolve());
    inTime.fill('+', 0, 3);
    await changed.promise;
    inTime.fill('-');
    await new Promise((resolve) => setImmediate(resolve));
    expect(arrived).toEqual(['a', 'bcde', 'f', '+++j', 'k', 'l']);
  });

  test('slow: a reader takes as many bytes in a second', async () => {
    const clock = useFakeClock();
    const pair = await pairOf();
    pair.line.slow(10_000, 'toClient');
    for (let i = 0; i < 10; i++) pair.connection.send('x'.repeat(1000));
    await clock.advance(500);
    expect(pair.client.messages).toHaveLength(5);
    await clock.advance(600);
    expect(pair.client.messages).toHaveLength(10);
  });

  test('a lost close frame: the end waits for its deadline', async () => {
    const clock = useFakeClock();
    const pair = await pairOf({ server: { closeTimeoutMs: 4000 } });
    pair.line.loseCloseFrames('toClient');
    pair.connection.send('before');
    void pair.connection.close(4000);
    await clock.advance(3900);
    expect([pair.client.messages, pair.client.ending, pair.connection.ending]).toEqual([
      ['before'],
      undefined,
      undefined,
    ]);
    await clock.advance(300);
    expect(pair.connection.ending).toMatchObject({ code: 1006, wasClean: false });
    expect(pair.client.ending).toMatchObject({ code: 1006 });
  });

  test('the first byte of a frame arrives although no other one follows', async () => {
    const clock = useFakeClock();
    const pair = await pairOf({ server: { incompleteMessageTimeoutMs: 1000 } });
    pair.line.inject(Uint8Array.of(0x81));
    await clock.advance(1200);
    expect(pair.connection.errors[0]?.error.code).toBe('ERR_INCOMPLETE_MESSAGE');
  });

  test('injected bytes that break the protocol, behind a message', async () => {
    const pair = await pairOf();
    pair.client.send('first');
    await pair.connection.nextMessage();
    pair.line.inject(Uint8Array.of(0x81, 0x00));
    expect(await pair.connection.nextEvent('error')).toMatchObject({ error: { code: 'ERR_MASK_REQUIRED' } });
    expect(await pair.client.ended()).toMatchObject({ code: 1002 });
  });

  test('a server that ends in order while bytes are on their way: they arrive', async () => {
    const clock = useFakeClock();
    const pair = await pairOf();
    pair.line.latency(100, 'toClient');
    pair.connection.send('last');
    pair.wss.terminate();
    await clock.advance(1000);
    expect(pair.client.messages).toEqual(['last']);
    expect(pair.client.ending).toMatchObject({ code: 1000, wasClean: true });
  });

  test.each<[string, (line: Awaited<ReturnType<typeof pairOf>>['line']) => void, string]>([
    ['direction', (line) => line.stall('up' as Direction), "the direction is 'toServer', 'toClient' or 'both'"],
    ['latency', (line) => line.latency(Infinity), 'bytes that never arrive are stall()'],
    ['split', (line) => line.split(0), 'split: it takes a whole number, 1 or more'],
    ['slow', (line) => line.slow(NaN), 'slow: it takes a whole number, 1 or more'],
    ['inject', (line) => line.inject('x' as never), 'it takes bytes'],
  ])('a wrong %s is told', async (_, call, sentence) => {
    const { line } = await pairOf();
    expect(() => call(line)).toThrow(sentence);
  });
});
