import type { Sample, Settings } from '../benchmark.ts';
import type { PeerDescription } from '../processes/calls.ts';
import type { Machine } from './machine.ts';
import type { Summary } from './statistics.ts';

/** The result of one peer in one benchmark. */
export interface PeerResult {
  readonly peer: string;
  /** Summaries by the name of the metric. */
  readonly summaries: Readonly<Record<string, Summary>>;
  /** Medians of the shares of a processor that both sides used. */
  readonly busy: Sample['busy'];
  /** True when the load was at its limit in most rounds: figures that depend on the load then have no ratio. */
  readonly isLoadLimit: boolean;
  readonly samples: readonly Sample[];
}

/** The result of one benchmark: a comparison, or the failures that prevent one. */
export interface BenchmarkResult {
  readonly name: string;
  readonly title: string;
  readonly headline: string;
  /** The peer that ratios compare with. */
  readonly baseline?: string;
  readonly peers: readonly PeerResult[];
  readonly failures: readonly string[];
}

/** A whole run, which is the content of the JSON file. */
export interface RunResult {
  readonly date: string;
  readonly machine: Machine;
  readonly settings: Settings;
  readonly peers: Readonly<Record<string, PeerDescription>>;
  readonly skipped: readonly string[];
  readonly benchmarks: readonly BenchmarkResult[];
}
