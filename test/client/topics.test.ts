import { inspect } from 'node:util';
import { describe, expect, expectTypeOf, onTestFinished, test, vi } from 'vitest';
import {
  callWorker,
  grant,
  killWorker,
  WebSocket,
  type WebSocketConnection,
  type WebSocketHandler,
  type WebSocketServerOptions,
} from '../../src/index.ts';
import { createClock, serveInMemory } from '../../src/testing.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { TopicRecorder } from '../topics/client-harness.ts';

const RECONNECT = { minDelayMs: 1, maxDelayMs: 1, maxAttempts: 1000 };
const OPTIONS = { topics: true, reconnect: RECONNECT };

/** A server whose clients may do everything. */
function serve(options: Omit<WebSocketServerOptions, 'webServer' | 'dataType'> = {}, callbacks: object = {}) {
  const handler = {
    onSubscribe: () => grant({ publish: true }),
    onRequest: (_: unknown, { data }: { data: unknown }) => ({ asked: data }),
    onMessage: (ws: WebSocketConnection, { data }: { data: string }) => void ws.send(`echo ${data}`),
    ...callbacks,
  };
  const server = serveInMemory({ onConnection: () => handler }, { server: { topics: true, ...options } });
  onTestFinished(() => server.end());
  return server;
}

const until = (check: () => void): Promise<void> => vi.waitFor(check, { interval: 2, timeout: 3000 });

describe('a client with topics', () => {
  test('subscribes, publishes, asks, and sends plain messages beside', async () => {
    const server = serve();
    const room = new TopicRecorder();
    const client = await server.connect(null, { topics: true, protocols: ['chat'] });
    expect([client.ws.protocol, client.ws.status]).toEqual(['4d-topics.1', 'Connected']);
    const sub = client.ws.subscribe('room', room);
    expect(await sub.publish({ a: 1 })).toEqual({ position: expect.any(String) as string, duplicate: false });
    const again = { idempotencyKey: 'a key of sixteen characters' };
    expect((await client.ws.publish('room', Uint8Array.of(7), again)).duplicate).toBe(false);
    expect((await client.ws.publish('room', Uint8Array.of(8), again)).duplicate).toBe(true);
    const answer = client.ws.request<{ asked: string }>('time');
    expectTypeOf(answer).resolves.toEqualTypeOf<{ asked: string }>();
    expect(await answer).toEqual({ asked: 'time' });
    expect(client.ws.send('plain')).toBe('sent');
    expect(await client.nextMessage()).toBe('echo plain');
    await until(() => expect(room.seen).toEqual(['new 0', '{"a":1}', '{"type":"Buffer","data":[7]}']));
    const { messages, hasMore } = await sub.history();
    expect(messages.map(({ data }) => data)).toEqual([{ a: 1 }, Buffer.of(7)]);
    expect([hasMore, messages[1]?.position]).toEqual([false, sub.position]);
    client.ws.terminate();
    await until(() => expect(room.seen.at(-1)).toBe('end ended'));
  });

  test('hears a topic that the server has subscribed it to, without asking anybody, also after a loss', async () => {
    const server = serve(
      {},
      { onSubscribe: () => false, onOpen: (ws: WebSocketConnection) => void ws.subscribe('news') },
    );
    const [news, other] = [new TopicRecorder(), new TopicRecorder()];
    const client = await server.connect(null, OPTIONS);
    client.ws.subscribe('news', news);
    client.ws.subscribe('other', other);
    await until(() => expect([news.seen, other.seen]).toEqual([['new 0'], ['refused denied']]));
    await server.wss.topics.publish('news', 1);
    await until(() => expect(news.seen).toEqual(['new 0', '1']));
    client.line.cut();
    await server.wss.topics.publish('news', 2);
    await until(() => expect(news.seen).toEqual(['new 0', '1', 'recovered 1', 'replayed 2', 'live 1']));
  });

  test('waits in onOpen for an answer, and delivers what was sent meanwhile behind it', async () => {
    const server = serve({}, { onOpen: (ws: WebSocketConnection) => void ws.send('welcome') });
    const seen: unknown[] = [];
    const handler = {
      async onOpen(ws: WebSocket) {
        ws.subscribe('room', {});
        seen.push(await ws.request(1));
      },
      onMessage: (_: WebSocket, { data }: { data: string }) => seen.push(data),
    };
    const client = await server.connect(handler, { topics: true });
    await until(() => expect(seen).toEqual([{ asked: 1 }, 'welcome']));
    expect(client.ws.status).toBe('Connected');
  });

  test.each([
    ['text', 'text', 'x'],
    ['object', { a: [1] }, { a: [1] }],
    ['auto', 'x', 'x'],
    ['auto', { a: 1 }, '{"a":1}'],
    ['blob', 'é', Buffer.from('é')],
  ] as const)('of dataType %s gets what the server sends', async (dataType, sent, got) => {
    const server = serve({}, { onOpen: (ws: WebSocketConnection) => void ws.send(sent) });
    const client = await server.connect({ dataType } as WebSocketHandler<unknown> & { dataType: 'blob' }, OPTIONS);
    expect(await client.nextMessage()).toEqual(dataType === 'text' ? 'text' : got);
  });

  test('gets bytes as a binary message', async () => {
    const server = serve({}, { onOpen: (ws: WebSocketConnection) => void ws.send(Uint8Array.of(1, 2)) });
    const client = await server.connect({ dataType: 'blob' }, OPTIONS);
    expect(await client.nextMessage()).toEqual(Buffer.of(1, 2));
  });

  test('misses and doubles nothing while its connection is cut again and again', async () => {
    const server = serve();
    const got: unknown[] = [];
    const states = new Set<string>();
    const client = await server.connect(null, OPTIONS);
    client.ws.subscribe('room', {
      onSubscribed: (_, { state }) => states.add(state),
      onMessage: (_, { data }) => got.push(data),
    });
    await client.ws.publish('room', 0);
    const published: Promise<unknown>[] = [];
    for (let n = 1; n <= 120; n++) {
      published.push(client.ws.publish('room', n));
      // A turn now and then, so that the cut meets publications on their way, stored and on their way back.
      if (n % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      if (n % 7 === 0) client.line.cut();
      if (n % 20 === 0) await until(() => expect(client.ws.status).toBe('Connected'));
    }
    await Promise.all(published);
    await until(() => expect(got).toHaveLength(121));
    expect(got).toEqual(Array.from({ length: 121 }, (_, n) => n));
    expect(Array.from(states).toSorted()).toEqual(['new', 'recovered']);
    expect(client.line.attempts).toBeGreaterThan(5);
  });

  test('comes back as the same session, and hides its secret', async () => {
    const server = serve();
    const client = await server.connect(null, OPTIONS);
    const { session } = client.connection.ws;
    await client.ws.request(1);
    client.line.cut();
    await until(() => expect(server.connections).toHaveLength(2));
    expect([server.connections[1]?.ws.session, session]).toEqual([session, expect.any(String)]);
    expect(inspect(client.ws)).not.toContain('session.');
  });

  test('sends messages that waited once, and gives those back that it could not send', async () => {
    const server = serve();
    const client = await server.connect(null, OPTIONS);
    client.line.down();
    await until(() => expect(client.ws.status).toBe('Connecting'));
    client.ws.subscribe('room', {});
    expect([client.ws.send('one'), client.ws.send({ two: 2 })]).toEqual(['queued', 'queued']);
    client.line.up();
    expect(await client.nextMessage()).toBe('echo one');
    // dataType text of the server takes texts alone.
    client.line.down();
    await until(() => expect(client.ws.status).toBe('Connecting'));
    client.ws.send('"quoted"');
    client.ws.send({ b: 1 });
    client.ws.send(Uint8Array.of(1));
    client.ws.terminate();
    expect((await client.ended()).unsentMessages).toEqual(['"quoted"', '{"b":1}', Buffer.of(1)]);
  });

  test('moves when the server says so, and not before', async () => {
    const clock = createClock();
    onTestFinished(() => clock.restore());
    const server = serve();
    const reconnect = { minDelayMs: 60_000, maxDelayMs: 60_000 };
    const client = await server.connect(null, { topics: true, reconnect });
    void server.wss.drain();
    await until(() => expect(client.connection.ws.status).toBe('Closed'));
    expect(client.line.attempts).toBe(1);
    await clock.advance(1100);
    expect(client.line.attempts).toBe(2);
  });

  test.each([
    [Infinity, 'heartbeat'],
    [25_000, undefined],
  ])(
    'without pings (every %s ms) takes a server that sends no frame for 1.5 times aliveMs for lost: %s',
    async (pingIntervalMs, cause) => {
      const clock = createClock();
      const server = serveInMemory(
        { onConnection: () => ({ onSubscribe: () => true }) },
        { server: { topics: true, pingIntervalMs: 4000 }, clock },
      );
      onTestFinished(() => server.end());
      const client = await server.connect(null, { topics: true, pingIntervalMs });
      await clock.advance(20_000);
      expect(client.ws.status).toBe('Connected');
      client.line.stall('toClient');
      await clock.advance(5900);
      expect(client.ws.status).toBe('Connected');
      await clock.advance(300);
      expect(client.events.find(({ type }) => type === 'terminate')).toEqual(
        cause && expect.objectContaining({ cause, code: 1006 }),
      );
    },
  );

  test('pauses while onMessage is slow, and reads on', async () => {
    const server = serve();
    const held = createDeferred();
    let count = 0;
    const client = await server.connect(null, { topics: true, maxWaitingMessages: 4 });
    const ready = createDeferred();
    client.ws.subscribe('room', {
      onSubscribed: () => ready.resolve(),
      onMessage: () => {
        count++;
        return count === 1 ? held.promise : undefined;
      },
    });
    await ready.promise;
    const big = 'x'.repeat(30_000);
    for (let n = 0; n < 20; n++) await server.wss.topics.publish('room', big);
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(count).toBe(1);
    expect(server.wss.topics.stats.delivered).toBeLessThan(18);
    held.resolve();
    await until(() => expect(count).toBe(20));
  });

  test('runs the callbacks of topics in its worker', async () => {
    const server = serve();
    const seen = createDeferred<string>();
    callWorker('topics', async () => {
      const ws = await WebSocket.connect(server.url, null, { topics: true });
      ws.subscribe('room', {
        onSubscribed: async () => seen.resolve((await import('../../src/index.ts')).currentProcessName()),
      });
    });
    await until(() => expect(server.connections).toHaveLength(1));
    expect(await seen.promise).toBe('topics');
    killWorker('topics');
  });
});

describe('topics that are off', () => {
  const OFF = expect.objectContaining({ code: 'ERR_TOPICS_OFF' }) as Error;

  test('at the client refuse all', async () => {
    const { ws } = await serve().connect(null);
    expect(ws.protocol).toBe('');
    expect(() => ws.subscribe('room', {})).toThrow(OFF);
    await expect(ws.publish('room', 1)).rejects.toThrow(OFF);
    await expect(ws.request(1)).rejects.toThrow(OFF);
  });

  test('at the server refuse all, and messages are plain', async () => {
    const server = serve({ topics: false });
    const client = await server.connect(null, { topics: true, protocols: ['chat'] });
    expect(() => client.ws.subscribe('room', {})).toThrow(OFF);
    client.ws.send('x');
    expect(await client.nextMessage()).toBe('echo x');
  });

  test('are an option of true or false', async () => {
    await expect(WebSocket.connect('ws://a.test', null, { topics: {} as never })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
    });
  });
});
