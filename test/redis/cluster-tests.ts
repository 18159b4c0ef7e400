import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import type { RunResult } from '../cluster/cluster.ts';
import { startWorld, type World, type WorldOptions } from '../cluster/world.ts';

export const TOPICS: readonly string[] = ['a', 'b', 'c'];

/** As section 8 of the limits has it: what a node holds at most. */
const MOST_RING_BYTES = 128 * 1024 * 1024;
const MOST_WAITING = 10_000;
const WATCH_MS = 1000;

/** Starts a cluster that ends with the test. What its nodes hold is watched all the time. */
export async function startTestWorld(options: WorldOptions): Promise<World> {
  const world = await startWorld(options);
  // A node that is killed, or stands still, does not answer.
  const watch = setInterval(() => void world.cluster.watchFigures().catch(() => {}), WATCH_MS);
  onTestFinished(async () => {
    clearInterval(watch);
    await world.close();
  });
  return world;
}

/** Starts clients that subscribe to {@link TOPICS}, and publishers in all nodes and in some clients. */
export async function startLoad(
  { cluster }: World,
  { clients = 60, perSecond = 60, fromClients = 2, messages = {} } = {},
): Promise<void> {
  const started = await cluster.startClients({ name: 'client ', count: clients, topics: TOPICS, topicsEach: 1 });
  const plan = { topics: TOPICS, perSecond, ...messages };
  for (const node of cluster.nodes) await cluster.publishFrom(node, plan);
  for (let client = 0; client < fromClients; client++) {
    await cluster.publishFromClient(started, client, { topics: TOPICS });
  }
  await sleep(500);
}

/** Judges the run: nothing is lost, doubled or out of order, and nothing is missing that was not told. */
export async function expectNoProblem({ cluster }: World): Promise<RunResult> {
  const result = await cluster.judge();
  expect(result.late).toEqual([]);
  expect(result.problems.map(({ kind, text }) => `${kind}: ${text}`)).toEqual([]);
  expect(result.stored).toBeGreaterThan(100);
  const { ringBytes, outboxWaiting } = cluster.peak;
  expect(ringBytes).toBeLessThan(MOST_RING_BYTES);
  expect(outboxWaiting).toBeLessThanOrEqual(MOST_WAITING);
  return result;
}

/** The value below which a share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
