/** The counter-check of the fault tests: the judge finds mistakes that are made on purpose. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { failOver, hop, killBroker, stopBroker } from '../cluster/faults.ts';
import type { ProblemKind } from '../cluster/judge.ts';
import { findLost, type World, type WorldOptions } from '../cluster/world.ts';
import { startLoad, startTestWorld } from './cluster-tests.ts';
import { describeServers } from './describe-servers.ts';

vi.setConfig({ testTimeout: 120_000 });

const REPLAYED_MS = 300;

type Row = [mistake: string, kind: ProblemKind, fault: (world: World) => Promise<void>, more?: Partial<WorldOptions>];

const ROWS: readonly Row[] = [
  ['subscribers hear of a message before it is stored', 'doubled', () => sleep(REPLAYED_MS)],
  ['a replay begins one too late', 'lost', hop],
  ['holes are not seen', 'lost', () => sleep(1000), { lostFeed: 0.05 }],
  ['a gap is not told', 'lost', (world) => killBroker(world, 200), { persistence: 'none' }],
  ['the fence does not know what is stored', 'doubled', (world) => stopBroker(world, 5000)],
  ['forks are not seen', 'gap', failOver, { hasStandby: true, messages: 10_000 }],
];

describeServers(
  (kind) => {
    // A broker may die in a moment in which the mistake does no harm.
    test.each(ROWS)('the judge finds it when %s', { retry: 2 }, async (mistake, found, fault, more = {}) => {
      const world = await startTestWorld({ kind, nodes: 2, mistakes: [mistake], ...more });
      await startLoad(world, { clients: 20, perSecond: 200, fromClients: 0 });
      await fault(world);
      await sleep(1500);
      const find = more.hasStandby === true ? findLost.bind(undefined, world) : undefined;
      const { problems } = await world.cluster.judge(find, 3000);
      expect(problems.map(({ kind: each }) => each)).toContain(found);
    });
  },
  ['valkey'],
);
