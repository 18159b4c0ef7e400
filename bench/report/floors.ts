import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Benchmark } from '../benchmark.ts';
import { projectFolder } from '../folders.ts';
import { LIBRARY } from '../peers.ts';
import type { BenchmarkResult } from './results.ts';

/** The ratios against the baseline that must be reached: by benchmark, then by metric. */
export type Floors = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** How this library stands against the floors, in sentences. */
export interface FloorReport {
  /** Floors that it does not reach, or that could not be held against anything. */
  readonly missed: readonly string[];
  /** Floors of benchmarks that were not selected. */
  readonly skipped: readonly string[];
  readonly reached: number;
}

/** Reads floors.json. */
export function readFloors(benchmarks: readonly Benchmark[]): Floors {
  return parseFloors(readFileSync(join(projectFolder, 'bench', 'floors.json'), 'utf8'), benchmarks);
}

/** @throws Error for a name that no benchmark has, and a floor that is no ratio: it would never be held against anything */
export function parseFloors(json: string, benchmarks: readonly Benchmark[]): Floors {
  const floors = JSON.parse(json) as Record<string, Record<string, unknown>>;
  for (const [name, metrics] of Object.entries(floors)) {
    const benchmark = benchmarks.find((each) => each.name === name);
    if (benchmark === undefined) throw new Error(`floors.json: there is no benchmark "${name}"`);
    for (const [metric, floor] of Object.entries(metrics)) {
      const known = benchmark.metrics.filter(({ isOfLoad }) => isOfLoad !== true).map((each) => each.name);
      if (!known.includes(metric)) {
        throw new Error(`floors.json: ${name} has no ratio of "${metric}", only of ${known.join(', ')}`);
      }
      if (typeof floor !== 'number' || !(floor > 0)) {
        throw new Error(`floors.json: ${name}, ${metric} must be a ratio above 0, not ${JSON.stringify(floor)}`);
      }
    }
  }
  return floors as Floors;
}

/** Holds this library against each floor. */
export function checkFloors(floors: Floors, results: readonly BenchmarkResult[]): FloorReport {
  const missed: string[] = [];
  const skipped: string[] = [];
  let reached = 0;
  for (const [name, metrics] of Object.entries(floors)) {
    const result = results.find((each) => each.name === name);
    if (result === undefined) {
      skipped.push(`${name}: not selected`);
      continue;
    }
    const measured = result.peers.find(({ peer }) => peer === LIBRARY);
    for (const [metric, floor] of Object.entries(metrics)) {
      const ratio = measured?.summaries[metric]?.ratio;
      if (ratio === undefined) missed.push(`${name}, ${metric}: not measured against the baseline`);
      // Not "ratio < floor": that is false for what is not a number.
      else if (ratio >= floor) reached++;
      else missed.push(`${name}, ${metric}: ${ratio.toFixed(2)}× is below the floor of ${floor}×`);
    }
  }
  return { missed, skipped, reached };
}
