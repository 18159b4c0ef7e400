/** Brokers die, stand still, forget and refuse, under load. The judge knows every acknowledged message. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { cutConnections, failOver, fillBroker, hop, killBroker, stopBroker } from '../cluster/faults.ts';
import { sharedMs } from '../cluster/records.ts';
import { findLost } from '../cluster/world.ts';
import { expectNoProblem, startLoad, startTestWorld, TOPICS } from './cluster-tests.ts';
import { describeServers } from './describe-servers.ts';

vi.setConfig({ testTimeout: 120_000 });

const KILLS = 2;
/** Publications that a node stores again so soon after its broker is back. */
const BACK_WITHIN_MS = 1500;

describeServers((kind) => {
  test('kill -9 of a broker with its log on disk loses nothing, and nobody is told of a gap', async () => {
    const world = await startTestWorld({ kind, nodes: 2 });
    await startLoad(world);
    const backMs: number[] = [];
    for (let i = 0; i < KILLS; i++) {
      await killBroker(world);
      backMs.push(sharedMs());
      await sleep(1500);
    }
    const { gaps, publications, failed, unknown } = await expectNoProblem(world);
    expect(gaps).toEqual({});
    expect([failed, unknown]).toEqual([0, 0]);
    for (const back of backMs) {
      const stored = publications.filter(({ endedMs, outcome }) => outcome === 'stored' && endedMs > back);
      expect(Math.min(...stored.map(({ endedMs }) => endedMs)) - back).toBeLessThan(BACK_WITHIN_MS);
    }
  });

  test('kill -9 of a broker without a log is one gap for each subscriber, and nothing else', async () => {
    const world = await startTestWorld({ kind, persistence: 'none', nodes: 2 });
    await startLoad(world);
    for (let i = 0; i < KILLS; i++) {
      await killBroker(world, 200);
      await sleep(2500);
    }
    const { subscribers } = await expectNoProblem(world);
    const reasons = subscribers.map(({ seen }) =>
      seen.flatMap((each) => (typeof each === 'number' || each.mark === 'new' ? [] : [each.reason])),
    );
    expect(new Set(reasons.map(String))).toEqual(new Set([Array(KILLS).fill('epoch').join()]));
  });

  test('connections to the broker that are cut again and again, with clients that move, lose nothing', async () => {
    const world = await startTestWorld({ kind, nodes: 2 });
    await startLoad(world);
    await Promise.all([cutConnections(world), sleep(500).then(() => hop(world))]);
    await sleep(1000);
    const { gaps } = await expectNoProblem(world);
    expect(gaps).toEqual({});
  });
});

describeServers(
  (kind) => {
    test('a broker that stands still is noticed within 4 s, and keeps the order of 256 messages in flight', async () => {
      const world = await startTestWorld({ kind, nodes: 3 });
      const { cluster } = world;
      await cluster.startClients({ name: 'client ', count: 30, topics: ['a'], topicsEach: 1 });
      for (const node of cluster.nodes)
        await cluster.publishFrom(node, { topics: ['a'], perSecond: 2000, padding: 256 });
      await sleep(500);
      const isOver = stopBroker(world, 6000);
      await sleep(4000);
      const figures = await cluster.watchFigures();
      expect(figures.map(({ brokerState }) => brokerState)).toEqual(['down', 'down', 'down']);
      await hop(world);
      await isOver;
      await sleep(1000);
      const { failed, unknown } = await expectNoProblem(world);
      expect([failed, unknown]).toEqual([0, 0]);
    });

    test('a failover that loses acknowledged messages is told to those who saw one, and to nobody else', async () => {
      const world = await startTestWorld({ kind, nodes: 2, hasStandby: true, messages: 10_000 });
      const { cluster } = world;
      await startLoad(world);
      // Nothing of this topic is lost, so that nobody may be told.
      await cluster.startClients({ name: 'quiet ', count: 10, topics: ['quiet'], topicsEach: 1 });
      await cluster.reach();
      await failOver(world);
      await sleep(2000);
      const result = await cluster.judge((publications) => findLost(world, publications));
      expect(result.problems.map(({ text }) => text)).toEqual([]);
      expect(result.late).toEqual([]);
      expect(result.gaps['forked']).toBeGreaterThan(0);
    });

    test('announcements that get lost on their way are found', async () => {
      const world = await startTestWorld({ kind, nodes: 2, lostFeed: 0.05 });
      await startLoad(world);
      await sleep(1500);
      const { gaps } = await expectNoProblem(world);
      const repaired = (await world.cluster.watchFigures()).map(({ holesRepaired }) => holesRepaired);
      expect(Math.min(...repaired)).toBeGreaterThan(0);
      expect(gaps).toEqual({});
    });

    test('a broker without memory refuses at once, and what it refused is nowhere', async () => {
      const world = await startTestWorld({ kind, nodes: 2 });
      await startLoad(world, { perSecond: 200, fromClients: 0 });
      await fillBroker(world, 700);
      await sleep(700);
      const { publications, gaps } = await expectNoProblem(world);
      const refused = publications.filter(({ outcome }) => outcome !== 'stored');
      expect(new Set(refused.map(({ code, outcome }) => `${code} ${outcome}`))).toEqual(
        new Set(['ERR_BROKER_FULL no']),
      );
      expect(gaps).toEqual({});
    });

    test('publications wait for a broker that is away for 10 s, and then fail with what is known of them', async () => {
      const world = await startTestWorld({ kind, nodes: 2 });
      await startLoad(world, { perSecond: 30 });
      const awayMs = sharedMs();
      await killBroker(world, 11_500);
      const backMs = sharedMs();
      await sleep(1000);
      const { publications, gaps } = await expectNoProblem(world);
      const failed = publications.filter(({ outcome }) => outcome !== 'stored');
      expect(new Set(failed.map(({ code }) => code))).toEqual(new Set(['ERR_BROKER_DOWN']));
      expect(failed.filter(({ outcome }) => outcome === 'no').length).toBeGreaterThan(10);
      for (const { beganMs, endedMs } of failed) {
        expect(endedMs - beganMs).toBeGreaterThan(9500);
        expect(endedMs - beganMs).toBeLessThan(11_000);
      }
      const late = publications.filter(({ beganMs }) => beganMs > awayMs + 3000 && beganMs < backMs);
      expect(late.every(({ outcome }) => outcome === 'stored')).toBe(true);
      expect(TOPICS).toContain(late[0]!.topic);
      expect(gaps).toEqual({});
    });
  },
  ['valkey'],
);
