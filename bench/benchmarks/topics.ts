import { setTimeout as sleep } from 'node:timers/promises';
import { type Benchmark, flowOf, lower } from '../benchmark.ts';
import { quantilesOf } from '../load/pace.ts';
import { RECOVERING_ROOMS, ROOMS, type Workload } from '../peers/peer.ts';
import type { Usage } from '../process.ts';
import { between, measureCost, measureFlow } from './measure.ts';

const MIB = 1_048_576;
const WORKLOAD: Workload = { behaviour: 'topics', shape: { kind: 'object', bytes: 64 } };
const ROOM = { topics: ['room'], bytes: 40 };
const LATENCY_DELIVERIES = 200;
const LATENCY_GAP_MS = 20;
const JOINING = 500;
const TOPICS = Array.from({ length: 100 }, (_, i) => `topic/${i}`);
const SLOW = { readers: 40, count: 1200 };
const RETURNING = 10_000;
const MISSED = 100;
const IDLE_TOPICS = 1_000_000;
const IDLE_PART = 50_000;

function flow(burst: number): Benchmark {
  return {
    name: `topics-${burst}`,
    metrics: flowOf('delivery'),
    side: 'room',
    measure: between('server', WORKLOAD, async (measurement) => {
      await measurement.openTopics({ ...ROOM, connections: 500 });
      return measureFlow(measurement, burst);
    }),
  };
}

/** Topics, and rooms of Socket.IO: what both do. A message of one client goes to all in `room`. */
const BENCHMARKS: readonly Benchmark[] = [
  flow(1),
  flow(16),
  {
    name: 'topics-latency',
    metrics: lower('last p50 ms', 'last p99 ms', 'first p50 ms', 'first p99 ms'),
    side: 'room',
    measure: between('server', WORKLOAD, async ({ clients, openTopics }) => {
      await openTopics({ ...ROOM, connections: 1000 });
      const [first, last] = [new Float64Array(LATENCY_DELIVERIES), new Float64Array(LATENCY_DELIVERIES)];
      for (let i = -LATENCY_DELIVERIES / 2; i < LATENCY_DELIVERIES; i++) {
        await sleep(LATENCY_GAP_MS);
        const { firstMs, elapsedMs } = await clients.ask('run', { durationMs: 0, burst: 1 });
        if (i >= 0) [first[i], last[i]] = [firstMs, elapsedMs];
      }
      const figures = Object.entries({ first, last }).flatMap(([name, times]) =>
        Object.entries(quantilesOf(times, 1)).map(([quantile, ms]) => [`${name} ${quantile} ms`, ms]),
      );
      return { figures: Object.fromEntries(figures) as Record<string, number> };
    }),
  },
  {
    name: 'topics-memory',
    metrics: lower('heap bytes/subscription', 'RSS bytes/subscription'),
    side: 'topics',
    maxRounds: 3,
    measure: between('server', WORKLOAD, async ({ subject, openTopics }) => {
      const usageWith = async (topics: readonly string[]): Promise<Usage> => {
        await openTopics({ ...ROOM, connections: JOINING, topics });
        return subject.ask('usage', true);
      };
      // What connections in many topics add, less what connections in one topic add.
      const [first, one, all] = [await usageWith(TOPICS), await usageWith(['room']), await usageWith(TOPICS)];
      const added = (kind: 'heapBytes' | 'rssBytes'): number =>
        (all[kind] - one[kind] - (one[kind] - first[kind])) / (JOINING * (TOPICS.length - 1));
      const figures = { 'heap bytes/subscription': added('heapBytes'), 'RSS bytes/subscription': added('rssBytes') };
      return { figures };
    }),
  },
  {
    name: 'topics-slow',
    metrics: lower('MiB more', 'catch up ms'),
    side: 'topics',
    maxRounds: 3,
    measure: between('server', WORKLOAD, async ({ subject, clients, openTopics }) => {
      await openTopics({ ...ROOM, connections: SLOW.readers + 1, bytes: 10_240 });
      await clients.ask('run', { durationMs: 200, burst: 1 });
      const before = await subject.ask('usage', true);
      await clients.ask('stall', SLOW);
      const after = await subject.ask('usage', true);
      const caughtUpMs = await clients.ask('catchUp', SLOW.readers);
      return { figures: { 'MiB more': (after.rssBytes - before.rssBytes) / MIB, 'catch up ms': caughtUpMs } };
    }),
  },
  {
    name: 'topics-resume',
    metrics: lower('CPU µs/client', 'ms', 'MiB more'),
    side: 'resume',
    baseline: RECOVERING_ROOMS,
    maxRounds: 3,
    measure: between('server', WORKLOAD, async ({ subject, load, clients, openTopics }) => {
      await openTopics({ ...ROOM, connections: RETURNING });
      const before = await subject.ask('usage', true);
      const { exchange, cpu, busy } = await measureCost({ subject, load }, async () => {
        return { messages: RETURNING, elapsedMs: await clients.ask('comeBack', MISSED) };
      });
      const { peakBytes } = await subject.ask('usage', false);
      const mib = (peakBytes - before.rssBytes) / MIB;
      return { figures: { ms: exchange.elapsedMs, 'CPU µs/client': cpu, 'MiB more': mib }, busy };
    }),
  },
  {
    name: 'topics-idle',
    metrics: lower('RSS MiB', 'heap bytes/topic', 'publish p50 µs', 'publish p99 µs'),
    side: 'log',
    maxRounds: 3,
    measure: between('server', WORKLOAD, async ({ subject }) => {
      await subject.ask('publish', { from: IDLE_TOPICS, count: IDLE_PART });
      const before = await subject.ask('usage', true);
      for (let from = 0; from < IDLE_TOPICS; from += IDLE_PART) {
        await subject.ask('publish', { from, count: IDLE_PART });
      }
      const after = await subject.ask('usage', true);
      const { p50, p99 } = await subject.ask('publish', { from: 0, count: IDLE_PART });
      const heap = (after.heapBytes - before.heapBytes) / IDLE_TOPICS;
      const rss = (after.rssBytes - before.rssBytes) / MIB;
      return { figures: { 'RSS MiB': rss, 'heap bytes/topic': heap, 'publish p50 µs': p50, 'publish p99 µs': p99 } };
    }),
  },
];

export const topicBenchmarks: readonly Benchmark[] = BENCHMARKS.map((each) => Object.assign({ baseline: ROOMS }, each));
