import { expect, test } from 'vitest';
import type { EndUserOptions } from '../../src/index.ts';
import { MemoryLogs } from '../../src/topics/memory-logs.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { turns } from '../helpers/turns.ts';
import { HeldBroker } from '../topics/held-broker.ts';
import { startTopicNode } from './topic-world.ts';

const SIGNED_OUT = `88 ${(4401).toString(16)}${Buffer.from('session ended').toString('hex')}`;

/** A text frame that begins with `{"t":"hi"`. */
const HI = new RegExp(`^81 ${Buffer.from('{"t":"hi"').toString('hex')}`);

test('@me gets what is published to the user, on every server, and nobody else does', async () => {
  const logs = new MemoryLogs();
  const [one, other] = [await startTopicNode(logs.connect()), await startTopicNode(logs.connect())];
  const [ann, bob, nobody] = [await one.open({ user: 'ann' }), await other.open({ user: 'bob' }), await one.open()];
  for (const client of [ann, bob, nobody]) client.send({ t: 'sub', topic: '@me' });
  expect(await nobody.next('unsubbed')).toMatchObject({ topic: '@me', code: 'denied' });
  const { pos } = await ann.next('subbed');
  await bob.next('subbed');
  await other.wss.topics.toUser('ann', { hello: 1 }, { key: 'k' });
  expect(await ann.next('m')).toMatchObject({ topic: '@me', key: 'k', data: { hello: 1 } });
  ann.send({ t: 'unsub', topic: '@me' });
  ann.send({ t: 'sub', topic: '@me', since: pos });
  expect(await ann.next('subbed')).toMatchObject({ state: 'recovered', missed: 1 });
  expect(await ann.next('m')).toMatchObject({ topic: '@me', data: { hello: 1 }, r: 1 });
  ann.send({ t: 'hist', topic: '@me', id: 1 });
  expect(await ann.next('hist')).toMatchObject({ id: 1, msgs: [{ data: { hello: 1 } }] });
  ann.send({ t: 'pub', topic: '@me', data: 1, id: 2 });
  expect(await ann.next('err')).toMatchObject({ id: 2, code: 'topic' });
  expect(await bob.all()).toEqual([]);
  expect(await nobody.all()).toEqual([]);
});

test('a connection without the subprotocol gets @me as bare messages, and is heard', async () => {
  const node = await startTopicNode();
  const bare = await node.open({ user: 'ann', isBare: true });
  bare.raw.sendText('hello');
  expect(await bare.raw.nextText()).toBe('heard');
  await node.wss.topics.toUser('ann', 'text');
  await node.wss.topics.toUser('ann', { a: 1 });
  expect([await bare.raw.nextText(), await bare.raw.nextText()]).toEqual(['text', '{"a":1}']);
});

test('endUser closes what was authenticated before, on every server, and nothing else', async () => {
  const logs = new MemoryLogs();
  const [one, other] = [await startTopicNode(logs.connect()), await startTopicNode(logs.connect())];
  const open = {
    at: await other.open({ user: 'ann', authenticatedAt: 1000 }),
    ago: await one.open({ user: 'ann', authenticatedAt: 1 }),
  };
  const unknown = await one.open({ user: 'ann' });
  const bare = await one.open({ user: 'ann', isBare: true });
  const later = await one.open({ user: 'ann', authenticatedAt: 1001 });
  const bob = await other.open({ user: 'bob', authenticatedAt: 1 });
  for (const client of [open.at, open.ago, unknown, later, bob]) await client.all();
  await one.wss.topics.endUser('ann', { before: 1000 });
  for (const client of [open.at, open.ago, unknown, bare]) expect((await client.end()).close).toBe(SIGNED_OUT);
  expect(await later.all()).toEqual([]);
  expect(await bob.all()).toEqual([]);
  // Those who come later are closed before they get anything, whatever they send first.
  await other.wss.topics.toUser('ann', 'secret');
  await other.wss.topics.publish('room', 'secret');
  const back = await other.open({ user: 'ann', authenticatedAt: 1000 });
  for (const topic of ['@me', 'room']) back.send({ t: 'sub', topic, since: 'start' });
  back.send({ t: 'msg', data: 'hello' });
  expect(await back.end()).toEqual({ before: [expect.stringMatching(HI)], close: SIGNED_OUT });
  const fresh = await other.open({ user: 'ann', authenticatedAt: 1001 });
  fresh.send({ t: 'sub', topic: '@me', since: 'start' });
  await fresh.next('subbed');
  // The entry that ends sessions is not for the user.
  expect(await fresh.all()).toMatchObject([{ t: 'm', data: 'secret' }, { t: 'live' }]);
  fresh.send({ t: 'hist', topic: '@me', id: 1 });
  expect((await fresh.next('hist'))['msgs']).toHaveLength(1);
});

test('no reconnection is faster than endUser, although nothing of it was announced', async () => {
  const clock = useFakeClock();
  const logs = new MemoryLogs();
  const broker = new HeldBroker(logs.connect());
  const [one, other] = [await startTopicNode(logs.connect()), await startTopicNode(broker)];
  const first = await other.open({ user: 'ann', authenticatedAt: 1 });
  await first.all();
  broker.isDeaf = true;
  await one.wss.topics.publish('room', 'secret');
  await one.wss.topics.endUser('ann');
  const back = await other.open({ user: 'ann', authenticatedAt: 1 });
  back.send({ t: 'sub', topic: 'room', since: 'start' });
  expect(await back.end()).toEqual({ before: [expect.stringMatching(HI)], close: SIGNED_OUT });
  // The open connection is found by the check of the head, 25 s later at most and a fifth.
  await clock.advance(32_000);
  expect((await first.end()).close).toBe(SIGNED_OUT);
});

test('nothing is taken or delivered before the answer of the broker, which comes late', async () => {
  const logs = new MemoryLogs();
  const broker = new HeldBroker(logs.connect());
  const [one, other] = [await startTopicNode(logs.connect()), await startTopicNode(broker)];
  await one.wss.topics.publish('room', 'secret');
  const { promise, resolve } = createDeferred();
  broker.mayReadState = promise;
  const visitor = { user: 'ann', authenticatedAt: 1 };
  const [framed, bare] = [await other.open(visitor), await other.open({ ...visitor, isBare: true })];
  framed.send({ t: 'sub', topic: 'room', since: 'start' });
  framed.send({ t: 'msg', data: 'hello' });
  bare.raw.sendText('hello');
  await turns(100);
  await one.wss.topics.toUser('ann', 'secret');
  await one.wss.topics.endUser('ann');
  await turns(100);
  expect([...framed.raw.frames.all, ...bare.raw.frames.all]).toEqual([
    expect.stringMatching(HI),
    SIGNED_OUT,
    SIGNED_OUT,
  ]);
  resolve();
  for (const client of [framed, bare]) expect((await client.end()).close).toBe(SIGNED_OUT);
});

test('nothing is taken or delivered while it cannot be read whether the user was ended, and 1013 follows', async () => {
  const clock = useFakeClock();
  const logs = new MemoryLogs();
  const broker = new HeldBroker(logs.connect());
  const [one, other] = [await startTopicNode(logs.connect()), await startTopicNode(broker)];
  await one.wss.topics.publish('room', 'secret');
  broker.hold();
  const [held, failed] = [await other.open({ user: 'ann', authenticatedAt: 1 }), await other.open({ user: 'bob' })];
  for (const client of [held, failed]) client.send({ t: 'sub', topic: 'room', since: 'start' });
  const subscribed = other.connections[0]!.subscribe('room').catch((error: unknown) => error);
  await clock.advance(5000);
  await one.wss.topics.endUser('ann');
  expect([held, failed].map(({ raw }) => raw.frames.all.length)).toEqual([1, 1]);
  await clock.advance(6000);
  expect(await subscribed).toMatchObject({ code: 'ERR_NOT_CONNECTED' });
  for (const client of [held, failed]) {
    expect(await client.end()).toEqual({
      before: [expect.stringMatching(HI)],
      close: expect.stringMatching(/^88 03f5/) as string,
    });
  }
  broker.release();
});

test('who was ended is not heard any more, before the connection is over', async () => {
  const node = await startTopicNode();
  const ann = await node.open({ user: 'ann', authenticatedAt: 1 });
  ann.send({ t: 'sub', topic: 'open' });
  await ann.next('subbed');
  await node.wss.topics.endUser('ann');
  expect(await ann.raw.nextFrame()).toBe(SIGNED_OUT);
  ann.send({ t: 'pub', topic: 'open', data: 'too late', id: 1 });
  ann.raw.send('88', SIGNED_OUT.slice('88 '.length));
  await ann.raw.ended;
  expect(await node.wss.topics.history('open')).toMatchObject({ messages: [] });
});

test('a later message with a shorter life does not shorten that of what ended a user', () => {
  let nowMs = 1000;
  const logs = new MemoryLogs({ clock: { monotonicMs: () => nowMs, wallMs: () => nowMs } });
  const keep = { messages: 256, seconds: 300, bytes: 1_048_576 };
  const entry = { topic: '@user/ann', bytes: Buffer.alloc(1) };
  logs.append({ ...entry, key: '@end/1', keep: { ...keep, stateSeconds: 2_592_000 } });
  logs.append({ ...entry, key: 'other', keep: { ...keep, stateSeconds: 600 } });
  nowMs += 2_591_000_000;
  const { state } = logs.read({ topic: '@user/ann', limit: 0, maxBytes: 0, isStateWanted: true });
  expect(state?.map(({ key }) => key)).toContain('@end/1');
});

test('endUser with an earlier moment does not take back a later one, and what says nothing more is removed', async () => {
  const logs = new MemoryLogs();
  const node = await startTopicNode(logs.connect());
  const { topics } = node.wss;
  const kept = (): unknown[] =>
    logs.read({ topic: '@user/ann', limit: 0, maxBytes: 0, isStateWanted: true }).state!.map(({ key }) => key);
  await topics.endUser('ann', { before: 2000, keepSeconds: 600 });
  await topics.endUser('ann', { before: new Date(1000), code: 4000, reason: 'older' });
  expect(kept()).toEqual(['@end/2000', '@end/1000']);
  const back = await node.open({ user: 'ann', authenticatedAt: 1500 });
  expect((await back.end()).close).toBe(SIGNED_OUT);
  await topics.endUser('ann', { before: 3000 });
  expect(kept()).toEqual(['@end/3000']);
});

test.each([
  ['no user', '', {}],
  ['a user with half a surrogate', 'a\ud800', {}],
  ['a moment that is none', 'ann', { before: 'now' as never }],
  ['a code of the protocol', 'ann', { code: 1006 }],
  ['no time', 'ann', { keepSeconds: 0 }],
  ['an option that does not exist', 'ann', { keep: 1 }],
])('endUser refuses %s', async (_, user, options) => {
  const { wss } = await startTopicNode();
  await expect(wss.topics.endUser(user, options as EndUserOptions)).rejects.toMatchObject({
    code: expect.stringMatching(/^ERR_INVALID_(OPTION|EXPIRY)$/) as string,
  });
});

test('toUser refuses a key that would end sessions', async () => {
  const { wss } = await startTopicNode();
  const publish = wss.topics.toUser('ann', null, { key: '@end/1000' });
  await expect(publish).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
});
