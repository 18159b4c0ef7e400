import type { Peer } from './peers.ts';

/** One figure that a benchmark measures. */
export interface Metric {
  readonly name: string;
  /** Heading of the column, with the unit. */
  readonly title: string;
  readonly better: 'higher' | 'lower';
  /** True for a figure that describes the load when the load was at its limit; it is not compared then. */
  readonly dependsOnLoad?: boolean;
  /** True for a figure that always describes the load; it is never compared. */
  readonly isOfLoad?: boolean;
}

/** The figures of one peer in one round, by the name of the metric. */
export interface Sample {
  readonly figures: Readonly<Record<string, number>>;
  /** Use of the processors, in benchmarks with two processes. */
  readonly busy?: Busy;
  /** True when the load was at its limit and the peer was not. */
  readonly isLoadLimit?: boolean;
}

/** Shares of one processor, 0 to 1. */
export interface Busy {
  /** The process that is measured. */
  readonly subject: number;
  /** The process at the other end. A value near 1, with a subject well below, means that the load is the limit. */
  readonly load: number;
  /** Everything else on the machine, on any processor. A high value spoils a measurement. */
  readonly others: number;
}

/** Settings of a run. */
export interface Settings {
  readonly rounds: number;
  /** Time in which messages flow before the measurement, so that V8 compiles the code. */
  readonly warmUpMs: number;
  /** Time in which messages flow in a measurement. */
  readonly windowMs: number;
  /** Whether to wait until the machine is quiet, and to repeat disturbed measurements. */
  readonly isPatient: boolean;
  /** Processors that the two processes are pinned to; undefined when pinning is not possible. */
  readonly processors: Processors | undefined;
  /** Folder for CPU profiles of the subject; undefined for no profiles. */
  readonly profileFolder: string | undefined;
}

export interface Processors {
  readonly subject: number;
  readonly load: number;
}

/** A benchmark that measures several peers in turns. */
export interface Benchmark {
  /** Short, unique name for `--only` and floors.json. */
  readonly name: string;
  readonly title: string;
  readonly metrics: readonly Metric[];
  /** The metric that the plot and the summary show. */
  readonly headline: string;
  /** The kind of peers that take part. */
  readonly side:
    | 'server'
    | 'compressing server'
    | 'client'
    | 'compressing client'
    | 'package'
    /** Servers that send to all in a room; of these, those with rooms or topics, those that give clients what they missed, and those that keep topics. */
    | 'room'
    | 'topics'
    | 'resume'
    | 'log';
  /** The peer that ratios compare with. Default: ws. */
  readonly baseline?: string;
  /** Most rounds: further rounds give no new information. */
  readonly maxRounds?: number;
  /** Measures one peer once. Rejects when a message was lost or miscounted, or when anything else failed. */
  measure(peer: Peer, settings: Settings): Promise<Sample>;
}
