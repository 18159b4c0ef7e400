import { expect, test } from 'vitest';
import { metricsText, type TopicHandler, WebSocketServer } from '../../src/index.ts';
import { MemoryLogs } from '../../src/topics/memory-logs.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { HeldBroker } from '../topics/held-broker.ts';
import { type FrameClient, startTopicNode, type TopicNode } from './topic-world.ts';

const SHOW = { presence: { show: true } };

/** Starts two nodes over the same logs; the second one is watched by its program. */
async function startNodes() {
  const clock = useFakeClock();
  const logs = new MemoryLogs();
  const broker = new HeldBroker(logs.connect());
  const [one, other] = [await startTopicNode(broker), await startTopicNode(logs.connect())];
  const news: string[] = [];
  other.wss.topics.subscribe('room', {
    onMembers: (_sub, { list }) => void news.push(...list.map(({ user }) => `there ${user}`)),
    onJoin: (_sub, { user }) => void news.push(`join ${user}`),
    onLeave: (_sub, { user }) => void news.push(`leave ${user}`),
  } satisfies TopicHandler);
  // Nobody is declared gone before leases have been renewed for a while.
  await clock.advance(20_000);
  return { clock, broker, one, other, news };
}

async function show(
  node: TopicNode,
  user: string,
  session?: string,
): Promise<{ client: FrameClient; session: string }> {
  const client = await node.open(session === undefined ? { user } : { user, session });
  const hi = await client.next('hi');
  client.send({ t: 'sub', topic: 'room', ...SHOW });
  await client.next('subbed');
  return { client, session: hi['session'] as string };
}

/** Notes when a promise is over. */
function watch(promise: Promise<unknown>): { isOver: boolean } {
  const seen = { isOver: false };
  void promise.finally(() => (seen.isOver = true));
  return seen;
}

test('drain serves clients until their wave, and members who come back elsewhere never leave', async () => {
  const { clock, one, other, news } = await startNodes();
  const ann = await show(one, 'ann');
  const ben = await show(one, 'ben');
  await clock.advance(1000);
  expect(news).toEqual(['join ann', 'join ben']);
  const drained = one.wss.drain({ batchSize: 1, intervalMs: 2000 });
  expect((await ann.client.end()).close).toBe('88 03f4');
  await show(other, 'ann', ann.session);
  await other.wss.topics.publish('room', 'still served');
  expect(await ben.client.next('m')).toMatchObject({ data: 'still served' });
  ben.client.send({ t: 'sub', topic: 'open' });
  await ben.client.next('subbed');
  ben.client.send({ t: 'pub', topic: 'open', data: 1, id: 1 });
  await ben.client.next('ok');
  await clock.advance(2000);
  expect((await ben.client.end()).close).toBe('88 03f4');
  const benBack = await show(other, 'ben', ben.session);
  await clock.advance(6000);
  expect(await drained).toEqual({ closed: 2, dropped: 0 });
  await clock.advance(30_000);
  expect(news).toEqual(['join ann', 'join ben']);
  expect(other.wss.topics.stats).toMatchObject({ nodesAlive: 1, membersSwept: 0 });
  benBack.client.send({ t: 'unsub', topic: 'room' });
  await clock.advance(6000);
  expect(news.at(-1)).toBe('leave ben');
});

test('drain tells other nodes that this one goes, and ends the lease when the members have had their grace', async () => {
  const { clock, broker, one, other, news } = await startNodes();
  const ann = await show(one, 'ann');
  await clock.advance(1000);
  const renewed: string[] = [];
  const renew = broker.renew.bind(broker);
  broker.renew = (node, ttlMs) => {
    renewed.push(`${node.isDraining ? 'draining' : 'alive'} ${ttlMs}`);
    return renew(node, ttlMs);
  };
  const drained = one.wss.drain();
  const seen = watch(drained);
  await ann.client.end();
  await clock.advance(100);
  expect(renewed).toEqual(['draining 15000']);
  await clock.advance(4700);
  expect([seen.isOver, renewed.includes('draining 0')]).toEqual([false, false]);
  await clock.advance(400);
  await drained;
  expect(renewed.at(-1)).toBe('draining 0');
  await clock.advance(300);
  expect(news).toEqual(['join ann', 'leave ann']);
  expect(other.wss.topics.stats.membersSwept).toBe(0);
});

test('at the deadline the lease is left to lapse: nobody leaves who is on the way', async () => {
  const { clock, one, other, news } = await startNodes();
  const ann = await show(one, 'ann');
  await clock.advance(1000);
  const drained = one.wss.drain({ deadlineMs: 2000 });
  await ann.client.end();
  await clock.advance(2150);
  await drained;
  await clock.advance(8000);
  await show(other, 'ann', ann.session);
  await clock.advance(40_000);
  expect(news).toEqual(['join ann']);
});

test('drain resolves when the broker has stored what was published', async () => {
  const { clock, broker, one, other } = await startNodes();
  broker.hold();
  const published = one.wss.topics.publish('room', 'late');
  const drained = one.wss.drain();
  const seen = watch(drained);
  await clock.advance(4000);
  expect([one.wss.terminated, seen.isOver]).toEqual([true, false]);
  broker.release();
  await published;
  await drained;
  expect((await other.wss.topics.history('room')).messages).toMatchObject([{ data: 'late' }]);
});

test('at the deadline of drain, publications that wait for the broker fail', async () => {
  const { clock, broker, one } = await startNodes();
  broker.hold();
  const published = one.wss.topics.publish('room', 'lost');
  const failed = expect(published).rejects.toMatchObject({ code: 'ERR_BROKER_DOWN', stored: 'unknown' });
  const seen = watch(one.wss.drain({ deadlineMs: 3000 }));
  await clock.advance(2900);
  expect(seen.isOver).toBe(false);
  await clock.advance(300);
  await failed;
  expect(seen.isOver).toBe(true);
});

test('readiness tells whether clients should come here, and why not', async () => {
  const clock = useFakeClock();
  const opened = createDeferred();
  const broker = new HeldBroker(new MemoryLogs().connect());
  const seen: string[] = [];
  const handler = {
    onConnection: () => null,
    onOpen: () => opened.promise,
    onTerminate: (wss: WebSocketServer) => void seen.push(wss.readiness),
  };
  const wss = WebSocketServer.new(handler, { webServer: null, topics: { broker } })!;
  await clock.advance(100);
  seen.push(wss.readiness);
  opened.resolve();
  await clock.advance(0);
  seen.push(wss.readiness);
  expect(metricsText()).toContain('fourd_websocket_server_topic_brokers_down{path="*"} 0\n');
  broker.onState('down');
  seen.push(wss.readiness);
  expect(metricsText()).toContain('fourd_websocket_server_topic_brokers_down{path="*"} 1\n');
  broker.onState('up');
  const drained = wss.drain();
  seen.push(wss.readiness);
  await drained;
  expect(seen).toEqual(['starting', 'ready', 'broker-down', 'ending', 'ended']);
});
