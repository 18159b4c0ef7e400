import { Remote } from '../../tools/remote.ts';
import type { Benchmark, Busy, Sample } from '../benchmark.ts';
import { isLoadSaturated } from '../compare.ts';
import type { Exchange } from '../load/load.ts';
import type { OpenPlan } from '../load/raw.ts';
import type { TopicPlan } from '../load/topics.ts';
import { machineCpuMs } from '../machine.ts';
import type { Peer, Workload } from '../peers/peer.ts';
import type { Calls, Usage } from '../process.ts';

export interface Measurement {
  /** The process whose cost is the figure. */
  readonly subject: Remote<Calls>;
  readonly load: Remote<Calls>;
  /** The process with the connections: the subject, when clients are measured. */
  readonly clients: Remote<Calls>;
  readonly warmUpMs: number;
  readonly windowMs: number;
  /** Opens connections, beside those of earlier calls. The result counts handshakes. */
  readonly open: (plan: Omit<OpenPlan, 'port' | 'shape'>) => Promise<Exchange>;
  readonly openTopics: (plan: Omit<TopicPlan, 'port' | 'dialect'>) => Promise<Exchange>;
}

/** The bare server, which answers measured clients, and the bare sockets that are the load of measured servers. */
const BARE: Peer = { name: 'bare', file: 'bare', sides: [] };
/** A young generation for seconds of garbage: each collection makes messages of the load late. */
const LOAD_OPTIONS = ['--min-semi-space-size=64', '--max-semi-space-size=64'];

export function startProcess(label: string, processor?: number, options: readonly string[] = []): Remote<Calls> {
  const program = new URL(`../process${import.meta.url.slice(-3)}`, import.meta.url);
  return new Remote(program, { processor, execArgv: [...process.execArgv, ...options], label });
}

/**
 * Makes the function that measures one peer once, as server or as clients. Both ends are fresh processes, each pinned to
 * its processor; the other end are bare sockets.
 */
export function between(
  measured: 'server' | 'client',
  workload: Workload,
  work: (measurement: Measurement) => Promise<Sample>,
): Benchmark['measure'] {
  const isServer = measured === 'server';
  return async (peer, { processors, warmUpMs, windowMs }) => {
    const subject = startProcess(measured, processors?.subject);
    const load = startProcess(isServer ? 'load' : 'server', processors?.load, isServer ? LOAD_OPTIONS : []);
    const [server, clients] = isServer ? [subject, load] : [load, subject];
    try {
      const port = await server.ask('serve', { peer: isServer ? peer : BARE, workload });
      const open: Measurement['open'] = (plan) =>
        clients.ask('open', { peer: isServer ? BARE : peer, plan: { ...plan, port, shape: workload.shape } });
      const dialect = peer.file === 'socketio' ? 'socketio' : 'topics';
      const openTopics: Measurement['openTopics'] = (plan) => clients.ask('openTopics', { ...plan, port, dialect });
      const sample = await work({ subject, load, clients, warmUpMs, windowMs, open, openTopics });
      await clients.ask('verify');
      return sample;
    } finally {
      // The load stops first. Bare clients reset their connections. Measured ones close theirs, and the side that ends
      // TCP keeps a port in TIME_WAIT for each: a server has only one.
      await load.stop();
      await subject.stop();
    }
  };
}

/** Measures the processor time of one message for the subject. Nothing may be in flight before and after `run`. */
export async function measureCost<E extends Pick<Exchange, 'messages' | 'elapsedMs'>>(
  { subject, load }: Pick<Measurement, 'subject' | 'load'>,
  run: () => Promise<E>,
): Promise<{ readonly exchange: E; readonly cpu: number; readonly busy: Busy }> {
  const usages = (): Promise<[Usage, Usage]> => Promise.all([subject.ask('usage', false), load.ask('usage', false)]);
  const machineBefore = machineCpuMs();
  const before = await usages();
  const exchange = await run();
  const after = await usages();
  const machineMicros = (machineCpuMs() - machineBefore) * 1000;
  const subjectMicros = after[0].cpuMicros - before[0].cpuMicros;
  const loadMicros = after[1].cpuMicros - before[1].cpuMicros;
  const share = (micros: number): number => micros / exchange.elapsedMs / 1000;
  const others = share(Math.max(0, machineMicros - subjectMicros - loadMicros));
  const busy = { subject: share(subjectMicros), load: share(loadMicros), others };
  return { exchange, cpu: subjectMicros / exchange.messages, busy };
}

export async function measureExchange(measurement: Measurement, run: () => Promise<Exchange>): Promise<Sample> {
  const { exchange, cpu, busy } = await measureCost(measurement, run);
  const throughput = (exchange.messages / exchange.elapsedMs) * 1000;
  return { figures: { throughput, cpu }, busy, isLoadLimit: isLoadSaturated(busy) };
}

export async function measureFlow(measurement: Measurement, burst: number): Promise<Sample> {
  const { clients, warmUpMs, windowMs } = measurement;
  await clients.ask('run', { durationMs: warmUpMs, burst });
  return measureExchange(measurement, () => clients.ask('run', { durationMs: windowMs, burst }));
}
