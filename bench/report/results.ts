import type { Sample, Settings } from '../benchmark.ts';
import type { PeerDescription } from '../processes/calls.ts';
import type { Machine } from './machine.ts';
import type { Summary } from './statistics.ts';

/** What one peer achieved in one benchmark. */
export interface PeerResult {
  readonly peer: string;
  /** By the name of the metric. */
  readonly summaries: Readonly<Record<string, Summary>>;
  /** Medians of the shares of a processor that both sides used. */
  readonly busy: Sample['busy'];
  /** Whether the load was at its limit in most rounds: what depends on it has no ratio then. */
  readonly isLoadLimit: boolean;
  readonly samples: readonly Sample[];
}

/** The outcome of one benchmark: a comparison, or why there is none. */
export interface BenchmarkResult {
  readonly name: string;
  readonly title: string;
  readonly headline: string;
  readonly peers: readonly PeerResult[];
  readonly failures: readonly string[];
}

/** A whole run: what the JSON file holds. */
export interface RunResult {
  readonly date: string;
  readonly machine: Machine;
  readonly settings: Settings;
  readonly peers: Readonly<Record<string, PeerDescription>>;
  readonly skipped: readonly string[];
  readonly benchmarks: readonly BenchmarkResult[];
}
