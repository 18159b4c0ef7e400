import { join } from 'node:path';
import type { Busy, Metric, Sample, Settings } from '../benchmark.ts';
import type { Exchange } from '../load/exchange.ts';
import type { Peer } from '../peers.ts';
import type { CommonCalls } from '../processes/calls.ts';
import type { Remote } from '../processes/remote.ts';
import { machineCpuMs } from '../quiet.ts';
import { isLoadSaturated } from '../report/saturation.ts';

/** Figures of every benchmark in which messages flow. */
export const FLOW_METRICS: readonly Metric[] = [
  { name: 'throughput', title: 'messages/s', better: 'higher', dependsOnLoad: true },
  { name: 'cpu', title: 'CPU µs/message', better: 'lower' },
];

/** A process that reports its usage. */
type Measurable = Pick<Remote<CommonCalls>, 'ask'>;

/** The processes and settings of a measurement. */
export interface Measurement {
  readonly benchmark: string;
  readonly peer: Peer;
  readonly settings: Settings;
  /** The process whose cost is the figure. */
  readonly subject: Measurable;
  /** The process at the other end. */
  readonly load: Measurable;
}

/** Warms up, then measures one window. */
export async function measureFlow(
  measurement: Measurement,
  run: (durationMs: number) => Promise<Exchange>,
): Promise<Sample> {
  const { warmUpMs, windowMs } = measurement.settings;
  await run(warmUpMs);
  return measureExchange(measurement, () => run(windowMs));
}

/** Measures an exchange. Nothing may be in flight before and after it. */
export async function measureExchange(measurement: Measurement, run: () => Promise<Exchange>): Promise<Sample> {
  const { exchange, cpuMicros, busy } = await measureCost(measurement, run);
  const throughput = (exchange.messages / exchange.elapsedMs) * 1000;
  return { figures: { throughput, cpu: cpuMicros }, busy, isLoadLimit: isLoadSaturated(busy) };
}

/** The cost of an exchange for the subject. */
export interface Cost<E extends Exchange> {
  readonly exchange: E;
  /** Processor time of one message. */
  readonly cpuMicros: number;
  readonly busy: Busy;
}

/** Reads the use of the processors before and after an exchange. Nothing may be in flight at these times. */
export async function measureCost<E extends Exchange>(
  measurement: Measurement,
  run: () => Promise<E>,
): Promise<Cost<E>> {
  const { benchmark, peer, settings, subject, load } = measurement;
  const { profileFolder } = settings;
  if (profileFolder !== undefined) await subject.ask('startProfile', null);
  const machineBefore = machineCpuMs();
  const before = await Promise.all([subject.ask('usage', false), load.ask('usage', false)]);
  const exchange = await run();
  const after = await Promise.all([subject.ask('usage', false), load.ask('usage', false)]);
  const machineMicros = (machineCpuMs() - machineBefore) * 1000;
  if (profileFolder !== undefined) {
    await subject.ask('stopProfile', join(profileFolder, `${benchmark}-${peer.module}-${Date.now()}.cpuprofile`));
  }
  const subjectMicros = after[0].cpuMicros - before[0].cpuMicros;
  const loadMicros = after[1].cpuMicros - before[1].cpuMicros;
  const elapsedMicros = exchange.elapsedMs * 1000;
  const busy: Busy = {
    subject: subjectMicros / elapsedMicros,
    load: loadMicros / elapsedMicros,
    others: Math.max(0, machineMicros - subjectMicros - loadMicros) / elapsedMicros,
  };
  return { exchange, cpuMicros: subjectMicros / exchange.messages, busy };
}
