import type { Peer } from './peers.ts';

/** One figure that a benchmark takes. */
export interface Metric {
  readonly name: string;
  /** Head of its column, with the unit. */
  readonly title: string;
  readonly better: 'higher' | 'lower';
  /** Whether it says more of the load than of the peer when the load was at its limit: it is not compared then. */
  readonly dependsOnLoad?: boolean;
  /** Whether it tells of the load alone: it is never compared. */
  readonly isOfLoad?: boolean;
}

/** The figures of one peer in one round, by the name of the metric. */
export interface Sample {
  readonly figures: Readonly<Record<string, number>>;
  /** Who used the processors: only where two processes talk to each other. */
  readonly busy?: Busy;
  /** Whether the load was at its limit before the peer was. */
  readonly isLoadLimit?: boolean;
}

/** Shares of one processor, 0 to 1. */
export interface Busy {
  /** The process that is measured. */
  readonly subject: number;
  /** The process at the other end. Near 1, with a subject well below, it is the limit. */
  readonly load: number;
  /** Everything else on the machine, on any processor. Much of it spoils a measurement. */
  readonly others: number;
}

/** How a run measures. */
export interface Settings {
  readonly rounds: number;
  /** How long messages flow before the measurement, so that the code is compiled. */
  readonly warmUpMs: number;
  /** How long messages flow in a measurement. */
  readonly windowMs: number;
  /** Whether to wait until the machine is quiet, and to repeat what was disturbed. */
  readonly isPatient: boolean;
  /** Processors that the two processes are pinned to; undefined when pinning is not possible. */
  readonly processors: Processors | undefined;
  /** Folder for CPU profiles of the subject, when they are wanted. */
  readonly profileFolder: string | undefined;
}

export interface Processors {
  readonly subject: number;
  readonly load: number;
}

/** Something that is measured for several peers, in turn. */
export interface Benchmark {
  /** Short, unique: what `--only` and floors.json refer to. */
  readonly name: string;
  readonly title: string;
  readonly metrics: readonly Metric[];
  /** The metric that the plot and the summary show. */
  readonly headline: string;
  /** Which kind of peer takes part. */
  readonly side: 'server' | 'compressing server' | 'client' | 'compressing client' | 'package';
  /** Rounds beyond this tell nothing new. */
  readonly maxRounds?: number;
  /** Measures one peer once. Rejects when a message was lost or miscounted, or anything else failed. */
  measure(peer: Peer, settings: Settings): Promise<Sample>;
}
