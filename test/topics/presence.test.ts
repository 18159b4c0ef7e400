import { describe, expect, test } from 'vitest';
import { monotonicMs, wallMs } from '../../src/base/clock.ts';
import { timers } from '../../src/base/timers.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { FaultyLogs } from './faulty-broker.ts';
import { PresenceWorld, type WatchingNode } from './presence-world.ts';

const idOf = (node: WatchingNode): string => node.core.presence.leases.id;

function createFaultyLogs(): FaultyLogs {
  return new FaultyLogs({
    random: () => 0.5,
    clock: { monotonicMs, wallMs },
    schedule: (delayMs, callback) => void timers.schedule({ onDeadline: callback }, Math.max(delayMs, 1)),
  });
}

const STATE = { topic: '@members/room', limit: 0, maxBytes: 0, isStateWanted: true } as const;

describe('members', () => {
  test('are shown on all nodes within a second, with user, info and since', async () => {
    const world = new PresenceWorld();
    const [one, other] = await world.steadyNodes(2);
    const before = world.clock.now;
    one!.show('ann', { color: 'red' });
    await world.clock.advance(1000);
    expect(other!.members).toEqual(['ann']);
    expect(await other!.core.presence.members('room')).toEqual({
      count: 1,
      list: [{ id: 'ann', user: 'user of ann', info: { color: 'red' }, since: before }],
    });
  });

  test('cost no writes while they are idle but the lease of their node', async () => {
    const world = new PresenceWorld();
    const [one] = await world.steadyNodes(1);
    for (let i = 0; i < 500; i++) one!.show(`session ${i}`);
    await world.clock.advance(1000);
    expect(one!.members).toHaveLength(500);
    const { renewals, appended } = one!.broker;
    const appends = appended.length;
    await world.clock.advance(600_000);
    expect(one!.broker.appended.length - appends).toBe(0);
    expect(one!.broker.renewals - renewals).toBe(120);
    expect(one!.members).toHaveLength(500);
  });

  test('of a killed node are gone within 21 s, and never seen later', async () => {
    const world = new PresenceWorld();
    const [killed, other, third] = await world.steadyNodes(3);
    killed!.show('ghost');
    await world.clock.advance(4999);
    expect(third!.members).toEqual(['ghost']);
    const killedAt = world.clock.now;
    killed!.broker.hold();
    await world.clock.advance(21_000);
    for (const node of [other!, third!]) {
      expect(node.members).toEqual([]);
      const goneMs = node.log.at(-1)!.at - killedAt;
      expect(goneMs).toBeGreaterThan(10_000);
      expect(goneMs).toBeLessThanOrEqual(21_000);
    }
    // Somebody who comes before it is swept, and after, must not see it either.
    const late = world.node().watch();
    await world.clock.advance(1000);
    expect(late.news).toMatchObject([{ count: 0, list: [] }]);
    await world.clock.advance(60_000);
    expect(other!.core.stats.membersSwept + third!.core.stats.membersSwept + late.core.stats.membersSwept).toBe(1);
    expect([other!, third!, late].flatMap(({ log }) => log.filter(({ joined }) => joined))).toHaveLength(2);
  });

  test('whom nobody has swept yet are never shown to a node that has just started', async () => {
    const world = new PresenceWorld();
    const [killed] = await world.steadyNodes(1);
    killed!.show('ghost');
    await world.clock.advance(1000);
    killed!.broker.hold();
    await world.clock.advance(16_000);
    const fresh = world.node().watch();
    expect(await Promise.all([fresh.core.presence.members('room'), world.clock.advance(0)])).toMatchObject([
      { count: 0 },
      undefined,
    ]);
    await world.clock.advance(60_000);
    expect(fresh.news).toMatchObject([{ count: 0, list: [] }]);
    expect(fresh.core.stats.membersSwept).toBe(1);
  });

  test('of nodes that live are in the first list of a node that has just started', async () => {
    const world = new PresenceWorld();
    const [one] = await world.steadyNodes(1);
    one!.show('ann');
    await world.clock.advance(1000);
    const fresh = world.node();
    const { promise, resolve } = createDeferred();
    fresh.broker.mayRenew = promise;
    fresh.watch();
    await world.clock.advance(1000);
    // The log was read, but not who lives.
    expect(fresh.news).toEqual([]);
    resolve();
    await world.clock.advance(100);
    expect(fresh.news).toMatchObject([{ count: 1, list: [{ id: 'ann' }] }]);
  });

  test('that have moved are not swept with their node, also when that was not heard of', async () => {
    const world = new PresenceWorld();
    const [killed, ...others] = await world.steadyNodes(3);
    killed!.show('ann');
    await world.clock.advance(1000);
    killed!.broker.hold();
    const [sweeper, other] = others.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
    sweeper!.broker.isDeaf = true;
    await world.clock.advance(10_000);
    other!.show('ann');
    await world.clock.advance(60_000);
    expect(sweeper!.broker.appended[0]).toMatchObject({ key: 'ann', isRemoved: true });
    expect(other!.members).toEqual(['ann']);
    expect(other!.log.filter(({ left }) => left)).toEqual([]);
    expect(other!.broker.appended).toHaveLength(1);
  });

  test('are all there when the broker comes back without its data, and none is shown to leave', async () => {
    const world = new PresenceWorld();
    const logs = createFaultyLogs();
    const nodes = [0, 1, 2].map(() => world.node({ logs }).watch());
    await world.clock.advance(20_000);
    for (const [i, node] of nodes.entries()) node.show(`session ${i}`);
    await world.clock.advance(10_000);
    // One node hears of it later than the others.
    nodes[0]!.broker.hold();
    logs.kill(2000);
    await world.clock.advance(5000);
    nodes[0]!.broker.release();
    await world.clock.advance(60_000);
    for (const node of nodes) {
      expect(node.members).toEqual(['session 0', 'session 1', 'session 2']);
      expect(node.log.filter(({ left }) => left)).toEqual([]);
    }
    const fresh = world.node({ logs }).watch();
    await world.clock.advance(1000);
    expect(fresh.members).toEqual(['session 0', 'session 1', 'session 2']);
  });

  test('come back when their node was stopped for 30 s', async () => {
    const world = new PresenceWorld();
    const [stopped, other] = await world.steadyNodes(2);
    stopped!.show('ann');
    await world.clock.advance(1000);
    stopped!.broker.hold();
    await world.clock.advance(30_000);
    expect(other!.members).toEqual([]);
    stopped!.broker.release();
    await world.clock.advance(6000);
    expect(other!.members).toEqual(['ann']);
    expect(stopped!.members).toEqual(['ann']);
  });

  test.each([8000, 12_000, 30_000])('are all there after a pause of the broker of %i ms', async (pauseMs) => {
    const world = new PresenceWorld();
    const nodes = await world.steadyNodes(3);
    for (const [i, node] of nodes.entries()) {
      node.show(`session ${i}`);
      // The nodes renew at different times: after the pause one of them comes first, and sees no other.
      await world.clock.advance(1600);
    }
    for (const { broker } of nodes) broker.hold();
    await world.clock.advance(pauseMs);
    for (const { broker } of nodes) {
      broker.release();
      await world.clock.advance(1300);
    }
    await world.clock.advance(60_000);
    for (const node of nodes) {
      expect(node.members).toEqual(['session 0', 'session 1', 'session 2']);
      expect(node.log.filter(({ left }) => left)).toEqual([]);
      expect(node.core.stats.membersSwept).toBe(0);
    }
  });
});

describe('a session that comes back', () => {
  test.each([false, true])('on another node within the grace neither leaves nor joins; unheard: %s', async (isDeaf) => {
    const world = new PresenceWorld();
    const [one, other, third] = await world.steadyNodes(3);
    const leave = one!.show('ann');
    await world.clock.advance(60_000);
    const [{ since }] = (await third!.core.presence.members('room')).list as unknown as [{ since: number }];
    leave(false);
    await world.clock.advance(4000);
    one!.broker.isDeaf = isDeaf;
    other!.show('ann');
    await world.clock.advance(60_000);
    expect(third!.log).toHaveLength(1);
    expect(third!.members).toEqual(['ann']);
    expect(await third!.core.presence.members('room')).toMatchObject({ list: [{ since }] });
    // A leave of the first node must have missed the entry of the other.
    expect(one!.broker.appended.some(({ isRemoved }) => isRemoved)).toBe(isDeaf);
    expect(other!.broker.appended).toHaveLength(1);
  });

  test('on the same node within the grace costs no write', async () => {
    const world = new PresenceWorld();
    const [one] = await world.steadyNodes(1);
    one!.show('ann')(false);
    await world.clock.advance(3000);
    const appends = one!.broker.appended.length;
    one!.show('ann');
    await world.clock.advance(60_000);
    expect(one!.broker.appended.length).toBe(Math.max(appends, 1));
    expect(one!.members).toEqual(['ann']);
  });

  test('leaves when the grace is over, and at once when it says so', async () => {
    const world = new PresenceWorld();
    const [one, other] = await world.steadyNodes(2);
    const leave = one!.show('ann');
    const leaveToo = one!.show('bob');
    await world.clock.advance(1000);
    leave(false);
    leaveToo(true);
    await world.clock.advance(500);
    expect(other!.members).toEqual(['ann']);
    await world.clock.advance(4000);
    expect(other!.members).toEqual(['ann']);
    await world.clock.advance(1000);
    expect(other!.members).toEqual([]);
  });

  test('stays with the node of its younger connection, whichever node writes last', async () => {
    const world = new PresenceWorld();
    const nodes = await world.steadyNodes(3);
    // With equal numbers of connects the greater node would have it.
    const [third, young, old] = nodes.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
    const leaveOld = old!.show('ann', { on: 'old' });
    await world.clock.advance(1000);
    // The old node is cut off; its connection is still open there.
    old!.broker.hold();
    young!.show('ann', { on: 'young' });
    await world.clock.advance(30_000);
    old!.broker.release();
    await world.clock.advance(30_000);
    expect(await third!.core.presence.members('room')).toMatchObject({ list: [{ info: { on: 'young' } }] });
    leaveOld(false);
    await world.clock.advance(30_000);
    expect(await third!.core.presence.members('room')).toMatchObject({ list: [{ info: { on: 'young' } }] });
    expect(third!.log.filter(({ left }) => left)).toEqual([]);
  });

  test('belongs to the greater node when both have it for the same time, and both come to rest', async () => {
    const world = new PresenceWorld();
    const nodes = await world.steadyNodes(2);
    const [greater, lesser] = nodes.toSorted((a, b) => (idOf(a) < idOf(b) ? 1 : -1));
    greater!.show('ann');
    lesser!.show('ann');
    await world.clock.advance(60_000);
    const { state } = world.logs.read(STATE);
    expect(state).toMatchObject([{ owner: idOf(greater!) }]);
    expect([greater!, lesser!].map(({ broker }) => broker.appended.length)).toEqual([2, 1]);
    expect(greater!.log).toHaveLength(1);
  });

  test('is put again when its entry was taken out while it is open', async () => {
    const world = new PresenceWorld();
    const [one, other] = await world.steadyNodes(2);
    one!.show('ann');
    const leave = other!.show('ann');
    await world.clock.advance(1000);
    leave(true);
    await world.clock.advance(60_000);
    expect(other!.members).toEqual(['ann']);
    expect(other!.log.filter(({ left }) => left)).toEqual([]);
  });
});

describe('a member that nobody follows any more', () => {
  test('is taken out when it is not known whether it was ever stored', async () => {
    const world = new PresenceWorld();
    const node = world.node();
    await world.clock.advance(100);
    const leave = node.show('ann');
    Object.assign(node.broker, { isDeaf: true, losesAnswers: true });
    await world.clock.advance(100);
    expect(world.logs.read(STATE).state).toHaveLength(1);
    node.broker.losesAnswers = false;
    leave(true);
    await world.clock.advance(5000);
    expect(world.logs.read(STATE).state).toEqual([]);
  });

  test('is taken out again when a failover has lost that it left', async () => {
    const world = new PresenceWorld();
    const logs = createFaultyLogs();
    const node = world.node({ logs });
    await world.clock.advance(100);
    const leave = node.show('ann');
    await world.clock.advance(1000);
    leave(true);
    await world.clock.advance(10_000);
    logs.failOver(1, 100);
    await world.clock.advance(50);
    expect(logs.logs.read(STATE).state).toHaveLength(1);
    await world.clock.advance(60_000);
    expect(logs.logs.read(STATE).state).toEqual([]);
  });
});

describe('above the number that is listed', () => {
  test('1 001 members are only counted, and listed again when there are 1 000', async () => {
    const world = new PresenceWorld();
    const [one] = await world.steadyNodes(1);
    const leaves = Array.from({ length: 1001 }, (_, i) => one!.show(`session ${i}`));
    await world.clock.advance(1000);
    const { topic, count, list, join, leave } = one!.news.at(-1)!;
    expect({ topic, count, list, join, leave }).toEqual({ topic: 'room', count: 1001 });
    expect(await one!.core.presence.members('room')).toEqual({ count: 1001, list: [] });
    leaves[0]!(true);
    await world.clock.advance(1000);
    expect(one!.news.at(-1)).toMatchObject({ count: 1000 });
    expect(one!.news.at(-1)!.list).toHaveLength(1000);
  });

  test('changes of 200 ms go out together', async () => {
    const world = new PresenceWorld();
    const [one] = await world.steadyNodes(1);
    const told = one!.news.length;
    for (let i = 0; i < 100; i++) {
      one!.show(`session ${i}`)(i < 50);
      if (i % 40 === 0) await world.clock.advance(50);
    }
    await world.clock.advance(1000);
    expect(one!.news.slice(told)).toHaveLength(1);
    expect(one!.news.at(-1)).toMatchObject({ count: 50 });
  });
});
