import type { Benchmark, Metric, Sample, Settings } from '../benchmark.ts';
import type { DialectName } from '../load/topic-dialect.ts';
import type { TopicPlan } from '../load/topic-load.ts';
import { checkOpenFiles } from '../open-files.ts';
import { type Peer, RECOVERING_ROOMS, ROOMS } from '../peers.ts';
import type { LoadCalls, ServerCalls, Usage } from '../processes/calls.ts';
import type { Remote } from '../processes/remote.ts';
import { FLOW_METRICS, measureCost, measureFlow, type Measurement } from './message-flow.ts';
import { withServer } from './processes.ts';

const MIB = 1_048_576;
const ROOM: Omit<TopicPlan, 'port' | 'dialect' | 'connections'> = { topics: ['room'], bytes: 40 };

const LATENCY_SUBSCRIBERS = 1000;
const DELIVERIES = 200;
const FLOW_SUBSCRIBERS = 500;
const TOPICS = 100;
const JOINING = 500;
const RETURNING = 10_000;
const MISSED = 100;
const SLOW_READERS = 40;
const SLOW_MESSAGES = { count: 1200, bytes: 10_240 };
const IDLE_TOPICS = 1_000_000;
const PARTS = 20;

const DIALECT_OF: Partial<Record<Peer['module'], DialectName>> = { socketio: 'socketio', raw: 'bare' };

interface Ends {
  readonly server: Remote<ServerCalls>;
  readonly load: Remote<LoadCalls>;
  readonly measurement: Measurement;
  readonly open: (plan: Partial<TopicPlan> & Pick<TopicPlan, 'connections'>) => Promise<unknown>;
}

/** Measures topics, and rooms of Socket.IO: what both do. A message of one client goes to all in `room`. */
export const topicBenchmarks: readonly Benchmark[] = [
  ...[1, 16].map((burst) =>
    topicBenchmark({
      name: `topics-${burst}`,
      title: `Topic with ${FLOW_SUBSCRIBERS} subscribers, 64 B objects, ${burst === 1 ? 'one at a time' : `${burst} in a turn`}: each delivery`,
      metrics: FLOW_METRICS,
      headline: 'cpu',
      side: 'room',
      async run({ load, measurement, open }) {
        await open({ connections: FLOW_SUBSCRIBERS });
        return measureFlow(measurement, (durationMs) => load.ask('flow', { durationMs, burst }));
      },
    }),
  ),
  topicBenchmark({
    name: 'topics-latency',
    title: `Topic with ${LATENCY_SUBSCRIBERS} subscribers, ${DELIVERIES} messages: ms until the first and the last have one`,
    metrics: ['first p50', 'first p99', 'last p50', 'last p99'].map(lower),
    headline: 'last p50',
    side: 'room',
    async run({ load, open }) {
      await open({ connections: LATENCY_SUBSCRIBERS });
      await load.ask('timeDeliveries', DELIVERIES / 2);
      const { first, last } = await load.ask('timeDeliveries', DELIVERIES);
      const figures = {
        'first p50': first.p50,
        'first p99': first.p99,
        'last p50': last.p50,
        'last p99': last.p99,
      };
      return { figures };
    },
  }),
  topicBenchmark({
    name: 'topics-memory',
    title: `${JOINING} connections in ${TOPICS} topics instead of one: what each subscription adds`,
    metrics: ['heap bytes', 'RSS bytes'].map(lower),
    headline: 'heap bytes',
    side: 'topics',
    maxRounds: 3,
    async run({ server, open }) {
      const many = Array.from({ length: TOPICS }, (_, i) => `topic/${i}`);
      const usageWith = async (topics: readonly string[]): Promise<Usage> => {
        await open({ connections: JOINING, topics });
        return server.ask('usage', true);
      };
      const first = await usageWith(many);
      const one = await usageWith(['room']);
      const all = await usageWith(many);
      const added = (kind: 'heapBytes' | 'rssBytes'): number =>
        (all[kind] - one[kind] - (one[kind] - first[kind])) / (JOINING * (TOPICS - 1));
      return { figures: { 'heap bytes': added('heapBytes'), 'RSS bytes': added('rssBytes') } };
    },
  }),
  topicBenchmark({
    name: 'topics-slow',
    title: `${SLOW_READERS} readers stop while another one gets ${SLOW_MESSAGES.count} messages of ${SLOW_MESSAGES.bytes} B, then catch up`,
    metrics: ['MiB more', 'catch up ms'].map(lower),
    headline: 'MiB more',
    side: 'topics',
    maxRounds: 3,
    async run({ server, load, open }) {
      await open({ connections: SLOW_READERS + 1, bytes: SLOW_MESSAGES.bytes });
      await load.ask('flow', { durationMs: 200, burst: 1 });
      const before = await server.ask('usage', true);
      await load.ask('stall', { readers: SLOW_READERS, count: SLOW_MESSAGES.count });
      const after = await server.ask('usage', true);
      const caughtUpMs = await load.ask('catchUp', null);
      return { figures: { 'MiB more': (after.rssBytes - before.rssBytes) / MIB, 'catch up ms': caughtUpMs } };
    },
  }),
  topicBenchmark({
    name: 'topics-resume',
    title: `${RETURNING} clients come back at once, ${MISSED} missed messages each`,
    metrics: ['ms', 'CPU µs/client', 'MiB more'].map(lower),
    headline: 'CPU µs/client',
    side: 'resume',
    baseline: RECOVERING_ROOMS,
    maxRounds: 3,
    async run({ server, load, measurement, open }) {
      checkOpenFiles(RETURNING);
      await open({ connections: RETURNING });
      const before = await server.ask('usage', true);
      const { exchange, cpuMicros, busy } = await measureCost(measurement, async () => {
        return { messages: RETURNING, elapsedMs: await load.ask('comeBack', MISSED) };
      });
      const peak = await server.ask('peakBytes', null);
      const figures = {
        ms: exchange.elapsedMs,
        'CPU µs/client': cpuMicros,
        'MiB more': (peak - before.rssBytes) / MIB,
      };
      return { figures, busy };
    },
  }),
  topicBenchmark({
    name: 'topics-idle',
    title: `${IDLE_TOPICS.toLocaleString('en')} idle topics, whose messages are too old`,
    metrics: ['heap bytes/topic', 'RSS MiB', 'publish p50 µs', 'publish p99 µs'].map(lower),
    headline: 'RSS MiB',
    side: 'log',
    maxRounds: 3,
    async run({ server }) {
      const publish = (from: number, count: number): ReturnType<typeof server.ask<'publish'>> =>
        server.ask('publish', { prefix: 'idle/', from, count });
      await publish(IDLE_TOPICS, IDLE_TOPICS / PARTS);
      const before = await server.ask('usage', true);
      for (let part = 0; part < PARTS; part++) await publish((part * IDLE_TOPICS) / PARTS, IDLE_TOPICS / PARTS);
      const after = await server.ask('usage', true);
      const { p50, p99 } = await publish(0, IDLE_TOPICS / PARTS);
      const figures = {
        'heap bytes/topic': (after.heapBytes - before.heapBytes) / IDLE_TOPICS,
        'RSS MiB': (after.rssBytes - before.rssBytes) / MIB,
        'publish p50 µs': p50,
        'publish p99 µs': p99,
      };
      return { figures };
    },
  }),
];

function lower(name: string): Metric {
  return { name, title: name, better: 'lower' };
}

/** Makes a benchmark of a fresh server, and a fresh process with its clients. */
function topicBenchmark({
  run,
  ...benchmark
}: Omit<Benchmark, 'measure'> & { readonly run: (ends: Ends) => Promise<Sample> }): Benchmark {
  return {
    baseline: ROOMS,
    ...benchmark,
    measure: (peer: Peer, settings: Settings) =>
      withServer(
        peer,
        { behaviour: 'topics', shape: { kind: 'object', bytes: 64 } },
        settings,
        (server, load, port) => {
          const dialect = DIALECT_OF[peer.module] ?? 'topics';
          return run({
            server,
            load,
            measurement: { benchmark: benchmark.name, peer, settings, subject: server, load },
            open: (plan) => load.ask('openTopics', { ...ROOM, ...plan, port, dialect }),
          });
        },
      ),
  };
}
