import type { Benchmark, Metric, Sample, Settings } from '../benchmark.ts';
import type { PacedExchange } from '../load/pace.ts';
import type { MessageShape } from '../messages.ts';
import type { Peer } from '../peers.ts';
import { measureCost, type Measurement } from './message-flow.ts';
import { withServer } from './processes.ts';

const CONNECTIONS = 1000;
const SHAPE: MessageShape = { kind: 'text', bytes: 64 };
/** About 30 % and 60 % of the rate that ws reaches on a small machine; equal for all peers, so that figures compare. */
const RATES: readonly number[] = [15_000, 30_000];
/** Windows of one measurement: the p99.9 needs many messages, and there are few below saturation. */
const WINDOWS = 3;

/** A load that sends one message in a hundred later than this does not keep its rate. */
const MAX_LATENESS_MICROS = 1000;

const METRICS: readonly Metric[] = [
  { name: 'p50', title: 'p50 µs', better: 'lower', dependsOnLoad: true },
  { name: 'p99', title: 'p99 µs', better: 'lower', dependsOnLoad: true },
  { name: 'p999', title: 'p99.9 µs', better: 'lower', dependsOnLoad: true },
  { name: 'max', title: 'max µs', better: 'lower', dependsOnLoad: true },
  { name: 'cpu', title: 'CPU µs/message', better: 'lower' },
  { name: 'late', title: 'sent late, p99 µs', better: 'lower', isOfLoad: true },
];

/** Measures the time of answers to messages at a fixed rate that every server reaches. */
export const latencies: readonly Benchmark[] = RATES.map(latencyAt);

function latencyAt(messagesPerSecond: number): Benchmark {
  const name = `latency-${messagesPerSecond / 1000}k`;
  return {
    name,
    title: `Latency, 64 B text, ${messagesPerSecond.toLocaleString('en')} messages/s, ${CONNECTIONS} connections`,
    metrics: METRICS,
    headline: 'p99',
    side: 'server',
    measure: (peer, settings) => measure(name, messagesPerSecond, peer, settings),
  };
}

function measure(benchmark: string, messagesPerSecond: number, peer: Peer, settings: Settings): Promise<Sample> {
  return withServer(peer, { behaviour: 'echo', shape: SHAPE }, settings, async (server, load, port) => {
    await load.ask('open', {
      port,
      shape: SHAPE,
      connections: CONNECTIONS,
      pattern: 'echo',
      inFlight: 1,
      checksAnswers: true,
    });
    const pace = (windowMs: number): Promise<PacedExchange> =>
      load.ask('pace', { messagesPerSecond, durationMs: windowMs * WINDOWS });
    await pace(settings.warmUpMs);
    const measurement: Measurement = { benchmark, peer, settings, subject: server, load };
    const { exchange, cpuMicros, busy } = await measureCost(measurement, () => pace(settings.windowMs));
    return sampleOf(exchange, { cpuMicros, busy });
  });
}

/** Makes the sample of one measurement. */
export function sampleOf(
  { latency, lateness, loadShare }: Pick<PacedExchange, 'latency' | 'lateness' | 'loadShare'>,
  { cpuMicros, busy }: { readonly cpuMicros: number; readonly busy: NonNullable<Sample['busy']> },
): Sample {
  return {
    figures: { ...latency, cpu: cpuMicros, late: lateness.p99 },
    busy: { ...busy, load: loadShare },
    // With a late load the latency may be the error of the load, and not the time of the server.
    isLoadLimit: lateness.p99 > Math.min(MAX_LATENESS_MICROS, latency.p99 / 2),
  };
}
