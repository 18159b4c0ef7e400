import type { Busy, Metric, Sample, Settings } from '../benchmark.ts';
import type { Exchange } from '../load/exchange.ts';
import type { Usage } from '../processes/calls.ts';
import { machineCpuMs } from '../quiet.ts';

/** Figures of every benchmark in which messages flow. */
export const FLOW_METRICS: readonly Metric[] = [
  { name: 'throughput', title: 'messages/s', better: 'higher' },
  { name: 'cpu', title: 'CPU µs/message', better: 'lower' },
];

/** A process of which the usage can be asked. */
interface Measurable {
  ask(call: 'usage', afterGc: boolean): Promise<Usage>;
}

/** Warms up, then measures one window. */
export async function measureFlow(
  subject: Measurable,
  load: Measurable,
  run: (durationMs: number) => Promise<Exchange>,
  { warmUpMs, windowMs }: Settings,
): Promise<Sample> {
  await run(warmUpMs);
  return measureExchange(subject, load, () => run(windowMs));
}

/** Measures what an exchange costs. Nothing may be in flight before and after it. */
export async function measureExchange(
  subject: Measurable,
  load: Measurable,
  run: () => Promise<Exchange>,
): Promise<Sample> {
  const machineBefore = machineCpuMs();
  const before = await Promise.all([subject.ask('usage', false), load.ask('usage', false)]);
  const { messages, elapsedMs } = await run();
  const after = await Promise.all([subject.ask('usage', false), load.ask('usage', false)]);
  const machineMicros = (machineCpuMs() - machineBefore) * 1000;
  const subjectMicros = after[0].cpuMicros - before[0].cpuMicros;
  const loadMicros = after[1].cpuMicros - before[1].cpuMicros;
  const elapsedMicros = elapsedMs * 1000;
  const busy: Busy = {
    subject: subjectMicros / elapsedMicros,
    load: loadMicros / elapsedMicros,
    others: Math.max(0, machineMicros - subjectMicros - loadMicros) / elapsedMicros,
  };
  return { figures: { throughput: (messages / elapsedMs) * 1000, cpu: subjectMicros / messages }, busy };
}
