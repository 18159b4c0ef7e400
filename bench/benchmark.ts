import type { Peer, Side } from './peers/peer.ts';

/** One figure that a benchmark measures; `title` heads its column, with the unit. */
export interface Metric {
  readonly name: string;
  readonly title: string;
  readonly better: 'higher' | 'lower';
  /** Whether the figure describes the load when the load was at its limit; it is not compared then. */
  readonly dependsOnLoad?: boolean;
}

/** Shares of one processor, 0 to 1, that the measured process, the other end, and all others on the machine used. */
export type Busy = Readonly<Record<'subject' | 'load' | 'others', number>>;

export interface Sample {
  readonly figures: Readonly<Record<string, number>>;
  readonly busy?: Busy;
  /** True when the load was at its limit and the peer was not. */
  readonly isLoadLimit?: boolean;
}

export interface Settings {
  readonly rounds: number;
  /** Time in which messages flow before the measurement, so that V8 compiles the code. */
  readonly warmUpMs: number;
  readonly windowMs: number;
  readonly isPatient: boolean;
  /** Processors that the two processes are pinned to; undefined when pinning is not possible. */
  readonly processors: { readonly subject: number; readonly load: number } | undefined;
}

export interface Benchmark {
  readonly name: string;
  /** The first one is shown in the summary. */
  readonly metrics: readonly Metric[];
  readonly side: Side;
  /** The peer that ratios compare with. Default: ws. */
  readonly baseline?: string;
  readonly maxRounds?: number;
  /** Whether it runs only when `--only` names it. */
  readonly isLong?: boolean;
  /** Measures one peer once. Rejects when a message was lost or miscounted, or when anything else failed. */
  measure(peer: Peer, settings: Settings): Promise<Sample>;
}

/** Makes metrics of which less is better, and whose names are their titles. */
export function lower(...names: readonly string[]): readonly Metric[] {
  return names.map((name) => ({ name, title: name, better: 'lower' }));
}

/** Makes the metrics of a benchmark in which messages flow, or whatever the figures are for. */
export function flowOf(what: string): readonly Metric[] {
  return [
    { name: 'cpu', title: `CPU µs/${what}`, better: 'lower' },
    { name: 'throughput', title: `${what}/s`, better: 'higher', dependsOnLoad: true },
  ];
}
