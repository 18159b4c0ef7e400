import { expect, onTestFinished, test } from 'vitest';
import { accept, grant, type Member, type TopicHandler } from '../../src/index.ts';
import { MembersFeed, type MembersListener } from '../../src/server/members-feed.ts';
import { serveInMemory } from '../../src/testing.ts';
import type { MembersNews, MembersSink } from '../../src/topics/feed.ts';
import { MemoryLogs } from '../../src/topics/memory-logs.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { startTopicNode } from './topic-world.ts';

const BOTH = { show: true, watch: true };

const GRANTING = { onSubscribe: () => grant({ presence: BOTH, info: { seat: 1 } }), onMessage() {} };

test('a client is told who is there behind subbed, then who joins and leaves, and asks with who', async () => {
  const clock = useFakeClock();
  const node = await startTopicNode();
  const ann = await node.open({ user: 'ann' });
  ann.send({ t: 'sub', topic: 'room', presence: BOTH });
  await ann.next('subbed');
  await clock.advance(300);
  const bob = await node.open();
  bob.send({ t: 'sub', topic: 'room', presence: BOTH });
  await bob.next('subbed');
  await clock.advance(300);
  const [annMember, bobMember] = node.connections.map(({ session }) => ({ id: session, info: { color: 'red' } }));
  const asAnn = expect.objectContaining({ ...annMember, user: 'ann', since: clock.now - 600 }) as object;
  expect(await bob.next('who')).toEqual({ t: 'who', topic: 'room', count: 1, list: [asAnn] });
  ann.send({ t: 'who', topic: 'room', id: 'q' });
  bob.send({ t: 'unsub', topic: 'room' });
  await bob.all();
  await clock.advance(300);
  expect(await ann.all()).toMatchObject([
    { t: 'who', count: 0, list: [] },
    { t: 'who', count: 1, join: [{ user: 'ann' }] },
    { t: 'who', topic: 'room', count: 2, join: [bobMember] },
    { t: 'who', topic: 'room', count: 2, list: [asAnn, bobMember], id: 'q' },
    { t: 'who', topic: 'room', count: 1, leave: [bobMember] },
  ]);
});

test('a client neither shows itself nor sees members without a grant, whatever it sends', async () => {
  const clock = useFakeClock();
  const node = await startTopicNode();
  const watcher = await node.open({ user: 'ann' });
  watcher.send({ t: 'sub', topic: 'blind', presence: BOTH });
  watcher.send({ t: 'sub', topic: 'quiet', presence: BOTH });
  const forger = await node.open({ user: 'eve' });
  forger.send({ t: 'sub', topic: 'quiet', presence: BOTH });
  forger.send({ t: 'who', topic: 'quiet', id: 1 });
  forger.send({ t: 'who', topic: 'elsewhere', id: 2 });
  forger.send({ t: 'who', topic: '@members/blind', id: 3 });
  forger.send({ t: 'sub', topic: '@members/blind', since: 'state' });
  forger.send({ t: 'pub', topic: '@members/blind', key: 'x', data: { connects: 1 }, id: 4 });
  forger.send({ t: 'who', topic: 'blind', count: 1, list: [{ id: 'x' }], join: [{ id: 'x' }] });
  await clock.advance(1000);
  expect((await forger.all()).filter(({ t }) => t === 'err')).toMatchObject([
    { id: 1, code: 'denied' },
    { id: 2, code: 'denied' },
    { id: 3, code: 'topic' },
    { topic: '@members/blind', code: 'topic' },
    { id: 4, code: 'topic' },
    { code: 'invalid' },
  ]);
  expect((await watcher.all()).filter(({ t }) => t === 'who')).toEqual([]);
  expect(await node.wss.topics.members('quiet')).toEqual({ count: 0, list: [] });
  expect(await node.wss.topics.members('blind')).toMatchObject({ count: 1, list: [{ user: 'ann' }] });
});

test('a session that comes back to another server within the grace is not shown to leave', async () => {
  const clock = useFakeClock();
  const logs = new MemoryLogs();
  const [one, other] = [await startTopicNode(logs.connect()), await startTopicNode(logs.connect())];
  const watcher = await other.open({ user: 'bob' });
  watcher.send({ t: 'sub', topic: 'room', presence: { watch: true } });
  await watcher.next('subbed');
  const ann = await one.open({ user: 'ann' });
  const { session } = await ann.next('hi');
  ann.send({ t: 'sub', topic: 'room', presence: { show: true } });
  await clock.advance(60_000);
  ann.raw.socket.destroy();
  await clock.advance(4000);
  const back = await other.open({ user: 'ann', session: session as string });
  back.send({ t: 'sub', topic: 'room', presence: { show: true } });
  await clock.advance(60_000);
  expect((await watcher.all()).filter(({ t }) => t === 'who')).toMatchObject([
    { count: 0 },
    { join: [{ user: 'ann' }] },
  ]);
  // The same secret with another user is another session.
  const thief = await one.open({ user: 'eve', session: session as string });
  thief.send({ t: 'sub', topic: 'room', presence: { show: true } });
  await clock.advance(1000);
  expect(await one.wss.topics.members('room')).toMatchObject({ count: 2, list: [{ user: 'ann' }, { user: 'eve' }] });
});

test('the program shows a connection, and watches', async () => {
  const clock = useFakeClock();
  const node = await startTopicNode();
  const news: unknown[] = [];
  const subscription = node.wss.topics.subscribe('room', {
    onSubscribed: () => void news.push('subscribed'),
    onMembers: (_sub, { count, list }) => void news.push([count, list]),
    onJoin: (_sub, { info }: Member) => void news.push(info),
    onLeave: (_sub, { id }: Member) => void news.push(id),
  });
  await node.open({ isBare: true });
  await clock.advance(500);
  const [connection] = node.connections;
  const tooLong = { text: 'x'.repeat(1024) };
  await expect(connection!.subscribe('room', { presence: { show: true }, info: tooLong })).rejects.toMatchObject({
    code: 'ERR_INVALID_OPTION',
  });
  await connection!.subscribe('room', { presence: { show: true }, info: { seat: 3 } });
  await clock.advance(500);
  expect(await subscription.members()).toMatchObject({ count: 1, list: [{ id: connection!.session }] });
  connection!.unsubscribe('room');
  await clock.advance(500);
  expect(news).toEqual(['subscribed', [0, []], { seat: 3 }, connection!.session]);
  expect(await subscription.members()).toEqual({ count: 0, list: [] });
});

test('a watcher that does not keep up gets the members as they are when it does again', () => {
  let sink: MembersSink | undefined;
  let onReady: (() => void) | undefined;
  const told: MembersNews[] = [];
  const listener: MembersListener & { isReady: boolean } = {
    isReady: true,
    onceReady: (callback) => {
      onReady = callback;
    },
    onMembersNews: (news) => void told.push(news),
  };
  const list: MembersNews = { topic: 'room', count: 3, list: [] };
  const feed = new MembersFeed(listener);
  const presence = {
    show: () => () => {},
    members: () => Promise.reject(new Error('not asked')),
    watch: (_topic: string, given: MembersSink) => {
      sink = given;
      return { list, end: () => {} };
    },
  };
  feed.start(presence, 'room');
  const first: MembersNews = { topic: 'room', count: 1, join: [] };
  sink!.onMembers(first);
  listener.isReady = false;
  sink!.onMembers({ topic: 'room', count: 2, join: [] });
  listener.isReady = true;
  sink!.onMembers({ topic: 'room', count: 3, join: [] });
  onReady!();
  expect(told).toEqual([first, list]);
  feed.stop();
  sink!.onMembers(first);
  expect(told).toHaveLength(2);
});

test('clients of the library see each other, also after one of them has reconnected', async () => {
  const clock = useFakeClock();
  const server = serveInMemory(
    {
      onConnection: (_wss, { request }) => accept(GRANTING, { user: String(request.query['user']) }),
    },
    { server: { topics: true } },
  );
  onTestFinished(() => server.end());
  const news: string[] = [];
  const watch: TopicHandler = {
    onMembers: (_room, { count, list }) => void news.push(`${count}: ${list.map(({ user }) => user).join()}`),
    onJoin: (_room, { user }) => void news.push(`join ${user}`),
    onLeave: (_room, { user }) => void news.push(`leave ${user}`),
  };
  const { ws: bob } = await server.connect(null, { path: '/?user=bob', topics: true });
  const room = bob.subscribe('room', watch, { presence: { watch: true } });
  await clock.advance(500);
  const ann = await server.connect(null, { path: '/?user=ann', topics: true, reconnect: true });
  ann.ws.subscribe('room', {}, { presence: { show: true } });
  await clock.advance(500);
  const { list } = await room.members();
  ann.line.cut();
  await clock.advance(4000);
  expect((await room.members()).list).toEqual(list);
  await clock.advance(60_000);
  expect(news).toEqual(['0: ', 'join ann']);
  ann.ws.terminate();
  await clock.advance(4000);
  expect(news).toHaveLength(2);
  await clock.advance(2000);
  expect(news).toEqual(['0: ', 'join ann', 'leave ann']);
});
