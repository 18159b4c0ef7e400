import { type Benchmark, flowOf, lower } from '../benchmark.ts';
import type { PacedExchange } from '../load/pace.ts';
import type { MessageShape } from '../messages.ts';
import { between, measureCost, measureExchange, measureFlow } from './measure.ts';

type Shapes = Readonly<Record<string, MessageShape>>;
type Measured = 'server' | 'client';

const SIZES = { '64': 64, '1k': 1024, '4k': 4096, '64k': 65_536, '1m': 1_048_576 } as const;
const SHORT: MessageShape = { kind: 'text', bytes: 64 };
const COMPRESSED: MessageShape = { kind: 'object', bytes: 1024, isCompressed: true };
const IN_FLIGHT: readonly number[] = [1, 16];
const TO_ALL_CONNECTIONS = 500;
const PACED_CONNECTIONS = 1000;
/** About 30 % and 60 % of what ws reaches on a small machine; equal for all peers, so that figures compare. */
const RATES: readonly number[] = [15_000, 30_000];
/** Windows of one measurement: the p99 needs many messages, and there are few below saturation. */
const PACED_WINDOWS = 3;
/** A load that sends one message in a hundred later than this does not keep its rate. */
const MAX_LATENESS_MICROS = 1000;
/** The number is high because the code of a handshake is long, and V8 takes long to compile it. */
const HANDSHAKES = 4000;
const IDLE_CONNECTIONS = 8000;
/** Connections that are opened before the first measurement, so that the heap has its size and all code is compiled. */
const FIRST_IDLE_CONNECTIONS = 2000;

const SHAPES: Shapes = {
  ...shapes('text', { kind: 'text' }),
  ...shapes('wide', { kind: 'text', isWide: true }),
  ...shapes('object', { kind: 'object' }),
  ...shapes('binary', { kind: 'binary' }),
  'compressed-1k': COMPRESSED,
};

/** Only for servers, because the bare server answers with whole messages. */
const FRAGMENTS: Shapes = Object.fromEntries(
  Object.entries(SHAPES)
    .filter(([, { kind, bytes }]) => kind !== 'binary' && bytes >= 65_536)
    .map(([name, shape]) => [`${name}-fragments`, { ...shape, fragmentBytes: 16_384 }]),
);

function shapes(name: string, shape: Omit<MessageShape, 'bytes'>): Shapes {
  return Object.fromEntries(Object.entries(SIZES).map(([size, bytes]) => [`${name}-${size}`, { ...shape, bytes }]));
}

const prefix = (measured: Measured): string => (measured === 'server' ? '' : 'client-');

function echoes(measured: Measured, all: Shapes): readonly Benchmark[] {
  return Object.entries(all).flatMap(([name, shape]) => IN_FLIGHT.map((burst) => echo(measured, name, shape, burst)));
}

function echo(measured: Measured, name: string, shape: MessageShape, burst: number): Benchmark {
  const connections = shape.bytes > 65_536 ? 4 : shape.bytes > 4096 ? 16 : 64;
  return {
    name: `${prefix(measured)}echo-${name}-${burst}`,
    metrics: flowOf('message'),
    side: shape.isCompressed === true ? `compressing ${measured}` : measured,
    measure: between(measured, { behaviour: 'echo', shape }, async (measurement) => {
      await measurement.open({ connections, burst, checksAnswers: true });
      return measureFlow(measurement, burst);
    }),
  };
}

function toAll(behaviour: 'fan-out' | 'broadcast', burst: number): Benchmark {
  return {
    name: `${behaviour}-${burst}`,
    metrics: flowOf('message'),
    side: 'server',
    measure: between('server', { behaviour, shape: SHORT }, async (measurement) => {
      await measurement.open({ connections: TO_ALL_CONNECTIONS, burst, sendsToAll: true, checksAnswers: true });
      return measureFlow(measurement, burst);
    }),
  };
}

function latency(messagesPerSecond: number): Benchmark {
  return {
    name: `latency-${messagesPerSecond / 1000}k`,
    metrics: [
      { name: 'p99', title: 'p99 µs', better: 'lower', dependsOnLoad: true },
      { name: 'p50', title: 'p50 µs', better: 'lower', dependsOnLoad: true },
      { name: 'cpu', title: 'CPU µs/message', better: 'lower' },
    ],
    side: 'server',
    measure: between('server', { behaviour: 'echo', shape: SHORT }, async (measurement) => {
      const { clients, open, warmUpMs, windowMs } = measurement;
      await open({ connections: PACED_CONNECTIONS, burst: 1, checksAnswers: true });
      const pace = (ms: number): Promise<PacedExchange> =>
        clients.ask('pace', { messagesPerSecond, durationMs: ms * PACED_WINDOWS });
      await pace(warmUpMs);
      const { exchange, cpu, busy } = await measureCost(measurement, () => pace(windowMs));
      // With a late load the latency may be the error of the load, and not the time of the server.
      const isLoadLimit = exchange.lateness.p99 > Math.min(MAX_LATENESS_MICROS, exchange.latency.p99 / 2);
      return { figures: { ...exchange.latency, cpu }, busy, isLoadLimit };
    }),
  };
}

function handshakes(measured: Measured): Benchmark {
  return {
    name: `${prefix(measured)}handshakes`,
    metrics: flowOf('handshake'),
    side: measured,
    measure: between(measured, { behaviour: 'echo', shape: SHORT }, async (measurement) => {
      await measurement.open({ connections: HANDSHAKES, burst: 1 });
      return measureExchange(measurement, () => measurement.open({ connections: HANDSHAKES, burst: 1 }));
    }),
  };
}

function idleMemory(measured: Measured, shape: MessageShape, connections = IDLE_CONNECTIONS): Benchmark {
  return {
    name: `${prefix(measured)}idle-memory${shape.isCompressed === true ? '-compressed' : ''}`,
    metrics: lower('RSS bytes/connection', 'heap bytes/connection'),
    side: shape.isCompressed === true ? `compressing ${measured}` : measured,
    maxRounds: 3,
    measure: between(measured, { behaviour: 'echo', shape }, async ({ subject, open }) => {
      const plan = { burst: 1, checksAnswers: true, usesAddresses: connections > IDLE_CONNECTIONS };
      await open({ ...plan, connections: FIRST_IDLE_CONNECTIONS });
      const before = await subject.ask('usage', true);
      await open({ ...plan, connections });
      const after = await subject.ask('usage', true);
      const [rss, heap] = [after.rssBytes - before.rssBytes, after.heapBytes - before.heapBytes];
      return { figures: { 'RSS bytes/connection': rss / connections, 'heap bytes/connection': heap / connections } };
    }),
  };
}

export const messageBenchmarks: readonly Benchmark[] = [
  ...echoes('server', { ...SHAPES, ...FRAGMENTS }),
  ...IN_FLIGHT.map((burst) => toAll('fan-out', burst)),
  ...IN_FLIGHT.map((burst) => toAll('broadcast', burst)),
  ...RATES.map(latency),
  handshakes('server'),
  idleMemory('server', SHORT),
  idleMemory('server', COMPRESSED),
  ...echoes('client', SHAPES),
  handshakes('client'),
  idleMemory('client', SHORT),
  { ...idleMemory('server', SHORT, 48_000), name: 'scale', isLong: true },
];
