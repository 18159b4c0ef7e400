/** Nodes die, stand still, and are replaced, under load. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { killNode, stopNode } from '../cluster/faults.ts';
import { sharedMs } from '../cluster/records.ts';
import type { SubscriberReport } from '../cluster/subscriber-log.ts';
import { expectNoProblem, quantile, startLoad, startTestWorld, TOPICS } from './cluster-tests.ts';
import { describeServers } from './describe-servers.ts';

vi.setConfig({ testTimeout: 120_000 });

/** The members of a node that was killed are gone within this time: its lease, and their grace. */
const GONE_WITHIN_MS = 21_000;
/** Clients that come back at once: more by `TEST_RESUMING=10000`. */
const RESUMING = Number(process.env['TEST_RESUMING'] ?? 2000);
const SHOWN = { show: true };
const WATCHING = { watch: true };

/** The members that a watcher saw come or go, by user. */
function seenMembers(report: SubscriberReport, kind: 'join' | 'leave', user: string): number[] {
  return report.members.filter((each) => each.kind === kind && each.users.includes(user)).map(({ atMs }) => atMs);
}

function watchersOf(subscribers: readonly SubscriberReport[]): SubscriberReport[] {
  return subscribers.filter(({ name }) => name.startsWith('watcher'));
}

describeServers(
  (kind) => {
    test('kill -9 of a node: its clients recover elsewhere within 3 s, and who does not come back is gone', async () => {
      const world = await startTestWorld({ kind, nodes: 3 });
      const { cluster } = world;
      const [doomed, ...others] = cluster.nodes;
      await startLoad(world, { clients: 300, perSecond: 30 });
      const topics = ['a'];
      const ghosts = await cluster.startClients({ name: 'ghost ', count: 5, topics, topicsEach: 1, presence: SHOWN }, [
        doomed!,
      ]);
      await cluster.startClients({ name: 'mover ', count: 30, topics, topicsEach: 1, presence: SHOWN });
      await cluster.startClients({ name: 'watcher ', count: 2, topics, topicsEach: 1, presence: WATCHING }, others);
      // A node tells nobody gone before it has renewed its lease for the life of one.
      await sleep(16_000);
      const killedMs = sharedMs();
      await killNode(world, doomed!, ghosts);
      await sleep(GONE_WITHIN_MS + 3000);
      const { subscribers, gaps } = await expectNoProblem(world);
      expect(gaps).toEqual({});
      const backMs = subscribers.flatMap((each) => each.backMs);
      expect(backMs.length).toBeGreaterThan(90);
      expect(quantile(backMs, 0.99)).toBeLessThan(3000);
      for (const watcher of watchersOf(subscribers)) {
        for (let i = 0; i < 5; i++) {
          const [goneMs = Infinity] = seenMembers(watcher, 'leave', `ghost ${i}`);
          expect(goneMs - killedMs).toBeLessThan(GONE_WITHIN_MS);
          expect(seenMembers(watcher, 'join', `ghost ${i}`).filter((atMs) => atMs > killedMs)).toEqual([]);
        }
        for (let i = 0; i < 30; i++) expect(seenMembers(watcher, 'leave', `mover ${i}`)).toEqual([]);
      }
    });

    test('a node that stands still for 20 s loses its members for that time, and its clients miss nothing', async () => {
      const world = await startTestWorld({ kind, nodes: 2 });
      const { cluster } = world;
      const [stopped, other] = cluster.nodes;
      await startLoad(world, { clients: 60, perSecond: 20 });
      const topics = ['a'];
      await cluster.startClients({ name: 'member ', count: 5, topics, topicsEach: 1, presence: SHOWN }, [stopped!]);
      await cluster.startClients({ name: 'watcher ', count: 2, topics, topicsEach: 1, presence: WATCHING }, [other!]);
      await sleep(16_000);
      await stopNode(stopped!, 22_000);
      const backMs = sharedMs();
      await sleep(8000);
      const { subscribers } = await expectNoProblem(world);
      for (const watcher of watchersOf(subscribers)) {
        for (let i = 0; i < 5; i++) {
          const gone = seenMembers(watcher, 'leave', `member ${i}`);
          expect(gone.length).toBe(1);
          expect(gone[0]).toBeLessThan(backMs);
          expect(seenMembers(watcher, 'join', `member ${i}`).some((atMs) => atMs > backMs - 1000)).toBe(true);
        }
      }
      const members = await other!.ask('members', ['a']);
      expect(members.toSorted()).toEqual([0, 1, 2, 3, 4].map((i) => `member ${i}`));
    });

    test('three nodes that are replaced under load, twice over, lose nothing, and nobody is seen to leave', async () => {
      const world = await startTestWorld({ kind, nodes: 3 });
      const { cluster } = world;
      await startLoad(world, { clients: 90, fromClients: 5 });
      await cluster.startClients({ name: 'member ', count: 20, topics: ['a'], topicsEach: 1, presence: SHOWN });
      await cluster.startClients({ name: 'watcher ', count: 2, topics: ['a'], topicsEach: 1, presence: WATCHING });
      const drained: Promise<unknown>[] = [];
      for (let i = 0; i < 6; i++) {
        const leaving = cluster.nodes[i]!;
        const next = await cluster.startNode();
        await cluster.setNodes(cluster.nodes.slice(i + 1));
        drained.push(leaving.ask('drain', []).then(() => leaving.ended()));
        await cluster.publishFrom(next, { topics: TOPICS, perSecond: 60 });
        await sleep(1500);
      }
      await Promise.all(drained);
      expect(cluster.nodes.slice(0, 6).map(({ exitCode }) => exitCode)).toEqual(Array(6).fill(0));
      const { subscribers, gaps, unknown, failed } = await expectNoProblem(world);
      expect(gaps).toEqual({});
      expect([unknown, failed]).toEqual([0, 0]);
      expect(subscribers.flatMap(({ members }) => members.filter((each) => each.kind === 'leave'))).toEqual([]);
    });

    test(`${RESUMING} clients that come back at once cost one read of their topic`, async () => {
      const world = await startTestWorld({ kind, nodes: 2 });
      const { cluster } = world;
      const [restarted, other] = cluster.nodes;
      const clients = await cluster.startClients(
        { name: 'client ', count: RESUMING, topics: ['a'], topicsEach: 1, isAnonymous: true },
        [restarted!],
      );
      await cluster.publishFrom(other!, { topics: ['a'], perSecond: 50 });
      await sleep(500);
      const port = Number(new URL(restarted!.url!).port);
      await cluster.kill(restarted!);
      await sleep(1000);
      const again = await cluster.startNode(port);
      await clients.ask('setUrls', [[again.url!]]);
      const { subscribers, gaps } = await expectNoProblem(world);
      expect(gaps).toEqual({});
      expect(subscribers.flatMap(({ backMs }) => backMs).length).toBe(RESUMING);
      const [, figures] = await cluster.watchFigures();
      // One for all of them, and a few more when the reader of the topic begins.
      expect(figures!.reads).toBeLessThan(10);
    });
  },
  ['valkey'],
);
