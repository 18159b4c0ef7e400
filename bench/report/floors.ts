import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Benchmark } from '../benchmark.ts';
import { projectFolder } from '../folders.ts';
import { LIBRARY } from '../peers.ts';
import type { BenchmarkResult } from './results.ts';

/** The ratios to the baseline that must be reached, by benchmark, then by metric. */
export type Floors = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** The comparison of this library with the floors, as lines of text. */
export interface FloorReport {
  /** Floors that the library does not reach, or that have no ratio to compare with. */
  readonly missed: readonly string[];
  /** Floors of benchmarks that were not selected. */
  readonly skipped: readonly string[];
  readonly reached: number;
}

/** Reads floors.json. */
export function readFloors(benchmarks: readonly Benchmark[]): Floors {
  return parseFloors(readFileSync(join(projectFolder, 'bench', 'floors.json'), 'utf8'), benchmarks);
}

/** @throws Error for an unknown benchmark or metric, and for a floor that is no ratio: none of them would be checked */
export function parseFloors(json: string, benchmarks: readonly Benchmark[]): Floors {
  const floors = JSON.parse(json) as Record<string, Record<string, unknown>>;
  for (const [name, metrics] of Object.entries(floors)) {
    const benchmark = benchmarks.find((each) => each.name === name);
    if (benchmark === undefined) throw new Error(`floors.json: there is no benchmark "${name}"`);
    for (const [metric, floor] of Object.entries(metrics)) {
      const known = benchmark.metrics.filter(({ isOfLoad }) => isOfLoad !== true).map((each) => each.name);
      if (!known.includes(metric)) {
        throw new Error(`floors.json: ${name} has no ratio "${metric}", only ${known.join(', ')}`);
      }
      if (typeof floor !== 'number' || !(floor > 0)) {
        throw new Error(`floors.json: ${name}, ${metric} must be a ratio above 0, not ${JSON.stringify(floor)}`);
      }
    }
  }
  return floors as Floors;
}

/** Compares this library with each floor. */
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
      // "ratio < floor" would be false for NaN, so the test is the other way round.
      else if (ratio >= floor) reached++;
      else missed.push(`${name}, ${metric}: ${ratio.toFixed(2)}× is below the floor of ${floor}×`);
    }
  }
  return { missed, skipped, reached };
}
