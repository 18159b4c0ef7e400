import { expect, test } from 'vitest';
import {
  accept,
  type AcceptOptions,
  currentProcessName,
  type ConnectionHandler,
  type FourDError,
  grant,
  memoryBroker,
  metricsText,
  type Publishable,
  type Subscription,
  type TopicHandler,
  type TopicMessageEvent,
  type TopicsOptions,
  tryExpr,
  type WebSocketConnection,
  type WebSocketServer,
  type WebSocketServerOptions,
} from '../../src/index.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { errorOf } from '../helpers/error-of.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { Inbox } from '../helpers/inbox.ts';
import { startLibraryServer } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { turns } from '../helpers/turns.ts';
import { runInWorker, workerName } from '../helpers/workers.ts';
import { WireClient } from '../topics/wire-world.ts';

type Handler = Partial<Omit<ConnectionHandler<unknown>, 'onOpen'>>;
type Conn = WebSocketConnection<unknown>;
type Options = Omit<WebSocketServerOptions, 'webServer'>;

interface Hi {
  readonly session: string;
  readonly aliveMs: number;
}

interface World {
  readonly wss: WebSocketServer<unknown>;
  readonly connections: Inbox<Conn>;
  /** Opens a client of topics, and returns it with its `hi` frame and the server's end. */
  readonly join: (offers?: readonly string[]) => Promise<{ client: WireClient; hi: Hi; conn: Conn }>;
  readonly openBare: (headers?: readonly string[]) => Promise<{ client: RawClient; conn: Conn }>;
}

async function start(
  handler: Handler = { onSubscribe: () => grant({ publish: true }) },
  topics: TopicsOptions | boolean = true,
  options: Options = {},
  accepting: (url: string) => AcceptOptions = () => ({}),
  path = '/',
): Promise<World> {
  const connections = new Inbox<Conn>();
  const withOpen = Object.assign(handler, { onOpen: (ws: Conn) => connections.push(ws) });
  const { wss, web } = await startLibraryServer(
    (_wss, { request }) => accept(withOpen as never, accepting(request.url)),
    { topics, ...options },
  );
  return {
    wss,
    connections,
    async join(offers) {
      const client = await WireClient.open(web.HTTPPort, offers, path);
      return { client, hi: (await client.next()) as unknown as Hi, conn: await connections.next() };
    },
    async openBare(headers = []) {
      const client = await RawClient.open(web.HTTPPort, { headers });
      return { client, conn: await connections.next() };
    },
  };
}

/** Awaits the frames of a subscription's beginning. */
async function subscribe(client: WireClient, topic: string): Promise<void> {
  client.send({ t: 'sub', topic });
  expect(await client.next()).toMatchObject({ t: 'subbed', topic });
}

test('without the option everything of topics is ERR_TOPICS_OFF, and nothing of it is spoken', async () => {
  const { wss, openBare } = await start({ onMessage: () => {} }, false, { protocols: ['chat'] });
  expect(errorOf(() => wss.topics)).toMatchObject({ code: 'ERR_TOPICS_OFF' });
  expect(tryExpr(() => wss.topics)).toBeUndefined();
  const { client, conn } = await openBare(['Sec-WebSocket-Protocol: 4d-topics.1, chat']);
  expect(conn.protocol).toBe('chat');
  expect([conn.user, conn.session, conn.subscriptions]).toEqual([undefined, undefined, []]);
  await expect(conn.subscribe('a')).rejects.toMatchObject({ code: 'ERR_TOPICS_OFF' });
  conn.unsubscribe('a');
  conn.send('plain');
  expect(await client.nextText()).toBe('plain');
});

test.each([
  [['4d-topics.1', 'chat'], '4d-topics.1'],
  [['chat', 'session.x', '4d-topics.1'], '4d-topics.1'],
  [['chat'], 'chat'],
  [[], ''],
])('of the offers %j the server speaks "%s"', async (offers, spoken) => {
  const { openBare } = await start({}, true, { protocols: ['chat'] });
  const headers = offers.length === 0 ? [] : [`Sec-WebSocket-Protocol: ${offers.join(', ')}`];
  const { conn } = await openBare(headers);
  expect(conn.protocol).toBe(spoken);
});

test('a session is that of its secret and its user', async () => {
  const { join } = await start({}, true, {}, (url) => ({ user: url.slice(2) || undefined }));
  const first = await join();
  const token = `session.${first.hi.session}`;
  const back = await join([token]);
  expect(back.hi.session).toBe(first.hi.session);
  expect(back.conn.session).toBe(first.conn.session);
  expect(first.conn.session).not.toContain(first.hi.session);
  // Texts that are no secret of the library make a new session: nobody can choose one that others guess.
  for (const forged of ['session.a', `session.${'x'.repeat(23)}`, `session.${'+'.repeat(22)}`]) {
    const { hi, conn } = await join([forged]);
    expect(hi.session).toMatch(/^[\w-]{22}$/);
    expect(`session.${hi.session}`).not.toBe(forged);
    expect(conn.session).not.toBe(first.conn.session);
  }
});

test('the secret of another user is another session', async () => {
  let user = 'ann';
  const { join } = await start({}, true, {}, () => ({ user, authenticatedAt: new Date(5) }));
  const ann = await join();
  user = 'bob';
  const bob = await join([`session.${ann.hi.session}`]);
  expect([ann.conn.user, bob.conn.user]).toEqual(['ann', 'bob']);
  expect(bob.conn.session).not.toBe(ann.conn.session);
});

test.each([
  [{ user: '' }, 'user must be a text of 1 to 256 characters'],
  [{ user: 5 }, 'user must be a text of 1 to 256 characters'],
  [{ authenticatedAt: NaN }, 'authenticatedAt must be a valid Date'],
])('accept refuses %j', (options, problem) => {
  expect(errorOf(() => accept({ onMessage() {} }, options as never)).message).toContain(problem);
});

test('a handler without onSubscribe and onRequest refuses with a hint', async () => {
  const { join } = await start({});
  const { client } = await join();
  client.send({ t: 'sub', topic: 'a' });
  const hint = { code: 'no-handler', message: 'the connection handler has no onSubscribe' };
  expect(await client.next()).toEqual({ t: 'unsubbed', topic: 'a', ...hint });
  client.send({ t: 'req', data: 1, id: 1 });
  expect(await client.next()).toMatchObject({ t: 'err', id: 1, code: 'no-handler' });
});

test('callbacks of one topic run in order and await promises, those of other topics meanwhile', async () => {
  const gate = createDeferred();
  const calls: string[] = [];
  const { join } = await start({
    async onSubscribe(_ws, { topic }) {
      calls.push(`ask ${topic}`);
      if (topic === 'slow') await gate.promise;
      return true;
    },
    onPublish(_ws, { topic }) {
      calls.push(`publish ${topic}`);
      return true;
    },
    onUnsubscribe: (_ws, { topic, cause }) => calls.push(`end ${topic} ${cause}`),
  });
  const { client } = await join();
  client.send({ t: 'sub', topic: 'slow' });
  client.send({ t: 'pub', topic: 'slow', data: 1, id: 1 });
  client.send({ t: 'unsub', topic: 'slow' });
  await subscribe(client, 'fast');
  expect(calls).toEqual(['ask slow', 'ask fast']);
  gate.resolve();
  expect(await client.next()).toMatchObject({ t: 'subbed', topic: 'slow' });
  expect(await client.next()).toMatchObject({ t: 'ok', id: 1 });
  expect(calls.slice(2)).toEqual(['publish slow', 'end slow client']);
  client.raw.socket.destroy();
  await turns();
  expect(calls.slice(4)).toEqual(['end fast ended']);
});

test('when the connection is over, what waited is not asked any more', async () => {
  const gate = createDeferred();
  const calls: unknown[] = [];
  const terminated = createDeferred();
  const { join } = await start({
    async onPublish(_ws, { data }) {
      calls.push(data);
      await gate.promise;
      return true;
    },
    onTerminate: () => terminated.resolve(),
  });
  const { client } = await join();
  for (const data of [1, 2]) client.send({ t: 'pub', topic: 'a', data, id: data });
  await turns();
  client.raw.socket.destroy();
  await terminated.promise;
  gate.resolve();
  await turns();
  expect(calls).toEqual([1]);
});

test('a client whose frames wait is not read from, and loses none of them', async () => {
  const gate = createDeferred();
  let count = 0;
  const { join } = await start(
    {
      async onPublish() {
        count++;
        await gate.promise;
        return false;
      },
    },
    { limits: { publishesPerSecond: 1000 } },
  );
  const { client } = await join();
  for (let id = 1; id <= 300; id++) client.send({ t: 'pub', topic: 'a', data: 1, id });
  client.send({ t: 'ping' });
  await turns(50);
  expect(count).toBe(1);
  expect(client.raw.frames.all).toHaveLength(1);
  gate.resolve();
  const frames = await client.raw.frames.atLeast(302);
  expect(frames).toHaveLength(302);
  expect(count).toBe(300);
});

test('the server subscribes a connection, also one that does not speak the protocol', async () => {
  const { wss, join, openBare } = await start({ onSubscribe: () => false });
  const framed = await join();
  const bare = await openBare();
  const [own, other] = await Promise.all([framed.conn.subscribe('a'), bare.conn.subscribe('a')]);
  expect(framed.conn.subscriptions).toEqual([own]);
  expect(await framed.client.next()).toMatchObject({ t: 'subbed', topic: 'a', unasked: true });
  const messages: Publishable[] = ['a string', { an: 'object' }, new Uint8Array([0, 255])];
  for (const message of messages) await wss.topics.publish('a', message);
  expect(await bare.client.nextText()).toBe('a string');
  expect(await bare.client.nextText()).toBe('{"an":"object"}');
  expect(await bare.client.nextFrame()).toBe('82 00ff');
  expect(await framed.client.next()).toMatchObject({ t: 'm', data: 'a string' });
  await framed.client.next();
  expect(await framed.client.next()).toMatchObject({ t: 'm', data: { b64: 'AP8=' } });
  expect(own.position).toBe((await wss.topics.history('a', { limit: 1 })).messages[0]!.position);
  // Nobody has to allow what the program has done.
  framed.client.send({ t: 'sub', topic: 'a', since: { last: 1 } });
  expect(await framed.client.next()).toMatchObject({ t: 'subbed', topic: 'a', missed: 1 });
  expect(await framed.client.next()).toMatchObject({ t: 'm', data: { b64: 'AP8=' }, r: 1 });
  expect(await framed.client.next()).toMatchObject({ t: 'live' });
  // A client that follows the topic has to hear that it begins anew.
  await framed.conn.subscribe('a');
  expect(await framed.client.next()).not.toHaveProperty('unasked');
  framed.conn.unsubscribe('a');
  expect(await framed.client.next()).toMatchObject({ t: 'unsubbed', topic: 'a', code: 'taken' });
  framed.client.send({ t: 'sub', topic: 'a' });
  expect(await framed.client.next()).toMatchObject({ t: 'unsubbed', topic: 'a', code: 'denied' });
  other.unsubscribe();
  await wss.topics.publish('a', 'unheard');
  bare.conn.send('last');
  expect(await bare.client.nextText()).toBe('last');
  await expect(framed.conn.subscribe('@a')).rejects.toMatchObject({ code: 'ERR_INVALID_TOPIC' });
  await expect(framed.conn.subscribe('a', { since: 5 as never })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  bare.conn.terminate();
  await expect(bare.conn.subscribe('a')).rejects.toMatchObject({ code: 'ERR_NOT_CONNECTED' });
});

test('except leaves out the session of a connection, also after it has moved', async () => {
  const { wss, join } = await start();
  const ann = await join();
  const bob = await join();
  await subscribe(ann.client, 'a');
  await subscribe(bob.client, 'a');
  await wss.topics.publish('a', 1, { except: ann.conn });
  const moved = await join([`session.${ann.hi.session}`]);
  moved.client.send({ t: 'sub', topic: 'a', since: 'start' });
  expect(await moved.client.next()).toMatchObject({ t: 'subbed' });
  expect(await moved.client.next()).toMatchObject({ t: 'live' });
  expect(await bob.client.next()).toMatchObject({ t: 'm', data: 1 });
  await wss.topics.publish('a', 2);
  expect(await ann.client.next()).toMatchObject({ t: 'm', data: 2 });
});

test('the mids of one client are not those of another, nor the idempotency keys of the program', async () => {
  const { wss, join } = await start({ onPublish: () => true });
  const mid = '0123456789abcdef';
  const clients = [await join(), await join()];
  for (const { client } of clients) client.send({ t: 'pub', topic: 'a', data: 1, mid, id: 1 });
  for (const { client } of clients) expect(await client.next()).not.toHaveProperty('dup');
  for (const duplicate of [false, true]) {
    expect(await wss.topics.publish('a', 1, { idempotencyKey: mid })).toMatchObject({ duplicate });
  }
  // A client that has lost the answer comes back with its session, and sends the same frame.
  const { client } = await join([`session.${clients[0]!.hi.session}`]);
  client.send({ t: 'pub', topic: 'a', data: 1, mid, id: 1 });
  expect(await client.next()).toMatchObject({ t: 'ok', dup: true });
});

test('a user has no mid in common with one whose name goes on with a colon', async () => {
  const users = ['a', 'a:b'];
  const { join } = await start({ onPublish: () => true }, true, {}, () => ({ user: users.shift() }));
  const mid = '0123456789abcdef';
  const [one, other] = [await join(), await join()];
  one.client.send({ t: 'pub', topic: 'room', data: 1, mid: `b:${mid}`, id: 1 });
  expect(await one.client.next()).not.toHaveProperty('dup');
  other.client.send({ t: 'pub', topic: 'room', data: 2, mid, id: 1 });
  expect(await other.client.next()).not.toHaveProperty('dup');
});

test('a program that subscribes behind the end of the server is told so, also while members have their grace', async () => {
  const clock = useFakeClock();
  const { wss } = await start(undefined, { broker: memoryBroker() });
  await expect(wss.topics.members('a')).resolves.toEqual({ count: 0, list: [] });
  const drained = wss.drain();
  while (!wss.terminated) await turns(1);
  const ends = new Inbox<unknown>();
  const handler = {
    onSubscribed: () => ends.push('subscribed'),
    onEnd: (_: unknown, event: object) => ends.push(event),
  };
  wss.topics.subscribe('a', handler);
  expect(await ends.next()).toEqual({ type: 'end', cause: 'ended' });
  await clock.advance(6000);
  await drained;
});

test('a grant expires', async () => {
  const clock = useFakeClock();
  const causes: unknown[] = [];
  const { join } = await start({
    onSubscribe: () => grant({ expiresAt: clock.now + 5000 }),
    onUnsubscribe: (_ws, { cause }) => causes.push(cause),
  });
  const { client } = await join();
  await subscribe(client, 'a');
  await clock.advance(5100);
  expect(await client.next()).toMatchObject({ t: 'unsubbed', topic: 'a', code: 'expired' });
  expect(causes).toEqual(['expired']);
});

test('a client gets some frame within each aliveMs', async () => {
  const clock = useFakeClock();
  const { join } = await start({}, true, { pingIntervalMs: 10_000 });
  const { client, hi } = await join();
  expect(hi.aliveMs).toBe(10_000);
  await clock.advance(5100);
  await clock.advance(5100);
  expect(await client.next()).toEqual({ t: 'alive' });
});

test.each([
  ['object', { a: 1 }, { a: 1 }],
  ['object', 'text', 'text'],
  ['auto', 'text', 'text'],
  ['text', 'text', 'text'],
  ['auto', { a: 1 }, undefined],
  ['blob', 'text', undefined],
] as const)('with dataType "%s", the data %j of msg arrives as %j', async (dataType, data, expected) => {
  const got = new Inbox<unknown>();
  const onMessage = (_ws: unknown, { data: message }: { readonly data: unknown }): void => got.push(message);
  const { join } = await start({ onMessage }, true, { dataType });
  const { client } = await join();
  client.send({ t: 'msg', data });
  if (expected === undefined) expect(await client.next()).toMatchObject({ t: 'err', code: 'data' });
  else expect(await got.next()).toEqual(expected);
});

test('binary messages stay those of the application, and send and broadcast put text into frames', async () => {
  const got = new Inbox<unknown>();
  const { wss, join, openBare } = await start(
    { onMessage: (_ws: unknown, { data }: { readonly data: unknown }) => got.push(data) },
    true,
    { dataType: 'auto' },
  );
  const framed = await join();
  const bare = await openBare();
  framed.client.raw.send('82', '0102');
  expect(await got.next()).toEqual(Buffer.from([1, 2]));
  framed.conn.send('text');
  framed.conn.send({ a: 1 }, { compress: false });
  framed.conn.send(new Uint8Array([3]));
  expect(wss.broadcast(['b'])).toBe(2);
  expect(await framed.client.next()).toEqual({ t: 'msg', data: 'text' });
  expect(await framed.client.next()).toEqual({ t: 'msg', data: { a: 1 } });
  expect(await framed.client.raw.nextFrame()).toBe('82 03');
  expect(await framed.client.next()).toEqual({ t: 'msg', data: ['b'] });
  expect(await bare.client.nextText()).toBe('["b"]');
});

test('drain tells clients to move, and closes with 1012', async () => {
  const { wss, join, openBare } = await start();
  const { client } = await join();
  const bare = await openBare();
  void wss.drain();
  const { t, afterMs } = (await client.next()) as { t: string; afterMs: number };
  expect(t).toBe('move');
  expect(afterMs >= 0 && afterMs <= 1000).toBe(true);
  expect(await client.raw.nextClose()).toBe('88 03f4');
  expect(await bare.client.nextClose()).toBe('88 03f4');
});

test('drain closes a connection that is behind when it has everything, at the deadline at last', async () => {
  const clock = useFakeClock();
  const broker = memoryBroker();
  const watch = broker.watch.bind(broker);
  broker.watch = (topics) => (topics.includes('never') ? new Promise(() => {}) : watch(topics));
  const { wss, join } = await start(undefined, { broker, history: { messages: 1000, bytes: 100_000_000 } });
  const [late, lost, waiting] = [await join(), await join(), await join()];
  for (const { client } of [late, lost]) {
    await subscribe(client, 'a');
    client.raw.socket.pause();
  }
  waiting.client.send({ t: 'sub', topic: 'never' });
  let count = 0;
  while (wss.topics.stats.behind < 3) {
    await wss.topics.publish('a', [count++, 'x'.repeat(60_000)]);
    await turns(1);
  }
  // Nothing of these is sent before the drain begins.
  for (let i = 0; i < 50; i++) await wss.topics.publish('a', [count++, 'x'.repeat(60_000)]);
  const drained = wss.drain({ deadlineMs: 5000 });
  late.client.raw.socket.resume();
  for (let i = 0; i < count; i++) expect(await late.client.next()).toMatchObject({ t: 'm', data: { 0: i } });
  await clock.advance(100);
  expect(await late.client.next()).toMatchObject({ t: 'move' });
  expect(await late.client.raw.nextClose()).toBe('88 03f4');
  late.client.raw.send('88', '03f4');
  expect([late.conn.status, lost.conn.status]).toEqual(['Closing', 'Connected']);
  await clock.advance(5000);
  expect(await waiting.client.next()).toMatchObject({ t: 'move' });
  expect(await waiting.client.raw.nextClose()).toBe('88 03f4');
  // Callbacks have some time more.
  await clock.advance(1000);
  expect(await drained).toEqual({ closed: 1, dropped: 2 });
});

test.each<[TopicsOptions, Options]>([
  [{ onSlow: 'close' }, {}],
  // A frame that was dropped would be a hole that nobody tells of.
  [{ onSlow: 'catchUp' }, { bufferPolicy: 'drop-newest', maxBufferedBytes: 1000 }],
])('with %j and %j a client that does not keep up is closed with 1013', async (topics, options) => {
  const { wss, join } = await start(undefined, topics, options);
  const { client, conn } = await join();
  await subscribe(client, 'a');
  client.raw.socket.pause();
  for (let i = 0; i < 20_000 && conn.status === 'Connected'; i++) {
    await wss.topics.publish('a', 'x'.repeat(30_000));
    await turns(1);
    // A subscription that is behind gets nothing that could be dropped; an answer does not wait.
    if (conn.bufferedBytes > 0) client.send({ t: 'ping' });
  }
  client.raw.socket.resume();
  let frame = await client.raw.nextFrame();
  while (!frame.startsWith('88')) frame = await client.raw.nextFrame();
  expect(frame).toMatch(/^88 03f5/);
});

test('limits of rates say when there is room again, and there is', async () => {
  const clock = useFakeClock();
  const { join } = await start(undefined, { limits: { subscribesPerSecond: 2, subscribesAtOnce: 3 } });
  const { client } = await join();
  client.send({ t: 'sub', topic: ['a', 'b', 'c', 'd'].map((topic) => ({ topic })) });
  const refused = await client.next();
  expect(refused).toEqual({
    t: 'err',
    topic: 'd',
    code: 'rate',
    message: 'too many subscriptions: at most 2 a second, and 3 at once',
    retryMs: 500,
  });
  for (const topic of ['a', 'b', 'c']) expect(await client.next()).toMatchObject({ t: 'subbed', topic });
  await clock.advance(500);
  await subscribe(client, 'd');
});

test('a publication that is refused for now is not overtaken by those behind it', async () => {
  const clock = useFakeClock();
  const { wss, join } = await start({ onPublish: () => true }, { limits: { publishesPerSecond: 2 } });
  const { client } = await join();
  const publish = (n: number): void => client.send({ t: 'pub', topic: 'a', data: n, id: n, mid: `${n}`.repeat(16) });
  for (const n of [1, 2, 3]) publish(n);
  const answers = [await client.next(), await client.next(), await client.next()];
  expect(answers.map((answer) => String(answer['t'])).toSorted((a, b) => a.localeCompare(b))).toEqual([
    'err',
    'ok',
    'ok',
  ]);
  await clock.advance(1000);
  publish(4);
  expect(await client.next()).toMatchObject({ t: 'err', id: 4, code: 'rate' });
  for (const n of [3, 4]) publish(n);
  for (const id of [3, 4]) expect(await client.next()).toMatchObject({ t: 'ok', id });
  const { messages } = await wss.topics.history('a');
  expect(messages.map(({ data }) => data)).toEqual([1, 2, 3, 4]);
});

test('a client that does not send again what was refused for now goes on after 5 s', async () => {
  const clock = useFakeClock();
  const { join } = await start({ onPublish: () => true }, { limits: { publishesPerSecond: 1 } });
  const { client } = await join();
  const publish = (n: number): void => client.send({ t: 'pub', topic: 'a', data: n, id: n, mid: `${n}`.repeat(16) });
  for (const n of [1, 2]) publish(n);
  await client.next();
  await client.next();
  await clock.advance(5000);
  publish(3);
  expect(await client.next()).toMatchObject({ t: 'ok', id: 3 });
});

test('a flood of one client takes nothing from another', async () => {
  const { join } = await start();
  const hostile = await join();
  const honest = await join();
  await subscribe(honest.client, 'a');
  for (let i = 0; i < 3000; i++) {
    hostile.client.send({ t: 'sub', topic: `t${i}`, since: 'forged.1.1' });
    hostile.client.send({ t: 'pub', topic: 'a', data: i, id: i, mid: 'm'.repeat(16) });
    hostile.client.send('{"t":');
  }
  honest.client.send({ t: 'pub', topic: 'a', data: 'mine', id: 1 });
  expect(await honest.client.next()).toMatchObject({ t: 'm', data: 'mine' });
  expect(await honest.client.next()).toMatchObject({ t: 'ok', id: 1 });
  expect(hostile.conn.subscriptions.length).toBeLessThanOrEqual(1000);
});

test('what user code throws or returns by mistake is reported, and refuses one topic alone', async () => {
  const errors = recordErrors();
  const { join } = await start({
    onSubscribe: (_ws, { topic }) => (topic === 'odd' ? ({ publish: true } as never) : true),
    onPublish: () => ({ data: new Map() }),
    onRequest: () => () => {},
    onUnsubscribe: () => Promise.reject(new Error('late')),
  });
  const { client } = await join();
  client.send({ t: 'sub', topic: 'odd' });
  expect(await client.next()).toMatchObject({ t: 'err', topic: 'odd', code: 'failed' });
  client.send({ t: 'pub', topic: 'a', data: 1, id: 1 });
  expect(await client.next()).toMatchObject({ t: 'err', id: 1, code: 'failed' });
  client.send({ t: 'req', data: 1, id: 2 });
  expect(await client.next()).toMatchObject({ t: 'err', id: 2, code: 'failed' });
  await subscribe(client, 'a');
  client.send({ t: 'unsub', topic: 'a' });
  await subscribe(client, 'b');
  expect(errors.flat().map(({ message }) => message.split(':')[0])).toEqual([
    'onSubscribe failed',
    'onPublish failed',
    'onRequest failed',
    'onUnsubscribe failed',
  ]);
});

test('callbacks run in the worker of the server', async () => {
  const names = new Inbox<unknown>();
  const note = (): void => names.push(currentProcessName());
  const worker = workerName();
  const world = await runInWorker(worker, () =>
    start({
      onSubscribe: () => (note(), true),
      onPublish: () => (note(), true),
      onUnsubscribe: note,
      onRequest: note,
    }),
  );
  const { client } = await world.join();
  await subscribe(client, 'a');
  client.send({ t: 'pub', topic: 'a', data: 1, id: 1 });
  client.send({ t: 'req', data: 1, id: 2 });
  client.send({ t: 'unsub', topic: 'a' });
  expect(await names.atLeast(4)).toEqual(Array(4).fill(worker));
});

// The server's own program

/** A handler that notes what it gets. */
function noting(notes: unknown[], onMessage?: TopicHandler['onMessage']): TopicHandler {
  return {
    onSubscribed: (_sub, { state, missed }) => notes.push([state, missed]),
    onMessage: (sub, event: TopicMessageEvent) => {
      notes.push(event.data);
      return onMessage?.(sub, event);
    },
    onLive: (_sub, { count }) => notes.push(['live', count]),
    onEnd: (_sub, { cause }) => notes.push(cause),
  };
}

test('a program subscribes: in order, one callback at a time, its position behind the last one', async () => {
  const { wss } = await start();
  const gate = createDeferred();
  const notes: unknown[] = [];
  const positions: unknown[] = [];
  await wss.topics.publish('a', 1);
  const handler = noting(notes, async (sub) => {
    positions.push(sub.position);
    await gate.promise;
  });
  const sub: Subscription = wss.topics.subscribe('a', handler, { since: 'start' });
  expect(notes).toEqual([]);
  await turns();
  await wss.topics.publish('a', new Uint8Array([2]));
  await turns();
  expect(notes).toEqual([['new', 1], 1]);
  gate.resolve();
  await turns();
  const { messages } = await sub.history();
  expect(notes).toEqual([['new', 1], 1, ['live', 1], Buffer.from([2])]);
  expect(positions).toEqual([undefined, messages[0]!.position]);
  expect(sub.position).toBe(messages[1]!.position);
  await sub.publish({ three: 3 });
  sub.unsubscribe();
  await turns();
  expect(notes.at(-1)).toBe('local');
});

test('a program whose place the topic does not know is told why', async () => {
  const { wss } = await start();
  const events: unknown[] = [];
  const note = (_: unknown, event: object): unknown => events.push(event);
  wss.topics.subscribe('a', { onSubscribed: note, onGap: note }, { since: { after: 'other.1.1' } });
  await turns();
  expect(events).toEqual([
    { type: 'subscribed', state: 'gap', reason: 'epoch', missed: 0 },
    { type: 'gap', reason: 'epoch' },
  ]);
});

test('a callback that throws ends its subscription alone, and is reported', async () => {
  const errors = recordErrors();
  const { wss } = await start();
  const notes: unknown[] = [];
  const others: unknown[] = [];
  wss.topics.subscribe(
    'a',
    noting(notes, () => Promise.reject(new Error('no'))),
  );
  wss.topics.subscribe('a', noting(others));
  await turns();
  await wss.topics.publish('a', 1);
  await wss.topics.publish('a', 2);
  await turns();
  expect(notes).toEqual([['new', 0], 1, 'callback']);
  expect(others).toEqual([['new', 0], 1, 2]);
  expect(errors.flat().map(({ message }) => message)).toEqual(['onMessage of the subscription to a failed: no']);
});

test('a slow program falls behind, and gets everything all the same; the end of the server ends it', async () => {
  const { wss } = await start(undefined, { history: { messages: 1000 } });
  const got: unknown[] = [];
  let cause: unknown;
  const gate = createDeferred();
  wss.topics.subscribe('a', {
    onMessage: async (_sub, { data }) => {
      got.push(data);
      await gate.promise;
    },
    onEnd: (_sub, event) => (cause = event.cause),
  });
  await turns();
  for (let i = 0; i < 500; i++) await wss.topics.publish('a', i);
  gate.resolve();
  await turns(200);
  expect(got).toEqual(Array.from({ length: 500 }, (_, i) => i));
  await wss.drain();
  expect(cause).toBe('ended');
});

test('history and state give the messages that are kept', async () => {
  const { wss } = await start();
  await wss.topics.publish('a', 'one', { key: 'x' });
  const { position } = await wss.topics.publish('a', 'two', { key: 'y' });
  await wss.topics.publish('a', 'three', { key: 'x' });
  const page = await wss.topics.history('a', { after: position });
  expect(page).toMatchObject({ messages: [{ data: 'three', key: 'x' }], hasMore: false });
  const state = await wss.topics.state('a');
  expect(state.map(({ data, position: place }) => [data, place])).toEqual([
    ['two', undefined],
    ['three', undefined],
  ]);
});

test.each([
  [['', 1], 'ERR_INVALID_TOPIC', 'the name of a topic must not be empty'],
  [['@me', 1], 'ERR_INVALID_TOPIC', 'must not begin with @'],
  [['a', undefined], 'ERR_INVALID_MESSAGE', 'cannot publish undefined'],
  [['a', NaN], 'ERR_INVALID_MESSAGE', 'cannot publish NaN'],
  [['a', 1n], 'ERR_INVALID_MESSAGE', 'cannot publish bigint'],
  [['a', new Map()], 'ERR_INVALID_MESSAGE', 'Map'],
  [['a', Promise.resolve()], 'ERR_INVALID_MESSAGE', 'promise'],
  [['a', 'ü'.repeat(32_768)], 'ERR_INVALID_MESSAGE', 'data is too long: 65538 bytes (payloadBytes 65536)'],
  [['a', 1, { ttl: -1 }], 'ERR_INVALID_OPTION', 'ttl must be a number of seconds above 0; received -1'],
  [['a', 1, { key: '' }], 'ERR_INVALID_OPTION', 'key must be a text of 1 to 256 characters'],
  [['a', 1, { keys: 'a' }], 'ERR_INVALID_OPTION', 'there is no option "keys": did you mean "key"?'],
  [['a', 1, { except: {} }], 'ERR_INVALID_OPTION', 'except must be a connection; received object'],
])('publish(%o) is %s', async (args, code, message) => {
  const { wss } = await start();
  const error = await wss.topics.publish(...(args as [string, string])).catch((thrown: FourDError) => thrown);
  expect(error).toMatchObject({ code });
  expect((error as FourDError).message).toContain(message);
});

test.each([
  [['@a', {}], 'ERR_INVALID_TOPIC'],
  [['a', () => {}], 'ERR_INVALID_HANDLER'],
  [['a', {}, { since: 'later' }], 'ERR_INVALID_OPTION'],
  [['a', {}, { since: { last: 0 } }], 'ERR_INVALID_OPTION'],
  [['a', {}, { from: 'start' }], 'ERR_INVALID_OPTION'],
])('subscribe(%o) is %s', async (args, code) => {
  const { wss } = await start();
  const call = (): unknown => wss.topics.subscribe(...(args as [string, object]));
  expect(errorOf(call)).toMatchObject({ code });
  expect(tryExpr(call)).toBeUndefined();
});

test('figures of topics are in metrics() and metricsText(), also after the end of the server', async () => {
  const { wss, join } = await start(undefined, true, { path: '/figures' }, undefined, '/figures');
  const { client } = await join();
  await subscribe(client, 'a');
  await wss.topics.publish('a', 1);
  expect(wss.metrics().topics).toEqual(wss.topics.stats);
  expect(wss.metrics().topics).toMatchObject({ topics: 1, subscriptions: 1, published: 1, delivered: 1 });
  const published = 'fourd_websocket_server_topic_published_total{path="/figures"} 1\n';
  const gaps = 'fourd_websocket_server_topic_gaps_total{path="/figures",reason="slow"} 0\n';
  const gauge = 'fourd_websocket_server_topic_subscriptions{path="/figures"} 1\n';
  for (const line of [published, gaps, gauge]) expect(metricsText()).toContain(line);
  client.raw.socket.destroy();
  await wss.drain();
  expect(metricsText()).toContain(published);
  expect(metricsText()).not.toContain(gauge);
});

test('a broker serves one server', async () => {
  const broker = memoryBroker();
  await start({}, { broker });
  await expect(start({}, { broker })).rejects.toThrow('topics.broker belongs to another server');
});
