import { readFileSync } from 'node:fs';
import { LIBRARY } from '../peers.ts';
import type { BenchmarkResult } from './results.ts';

/** The ratios against the baseline that must be reached: by benchmark, then by metric. */
export type Floors = Readonly<Record<string, Readonly<Record<string, number>>>>;

export function readFloors(): Floors {
  return JSON.parse(readFileSync(new URL('../floors.json', import.meta.url), 'utf8')) as Floors;
}

/** Tells of each floor that this library does not reach in the benchmarks that ran. */
export function checkFloors(floors: Floors, results: readonly BenchmarkResult[]): readonly string[] {
  return results.flatMap(({ name, peers }) => {
    const measured = peers.find(({ peer }) => peer === LIBRARY);
    return Object.entries(floors[name] ?? {}).flatMap(([metric, floor]) => {
      const ratio = measured?.summaries[metric]?.ratio;
      if (ratio === undefined) return [`${name}, ${metric}: not measured against the baseline`];
      return ratio < floor ? [`${name}, ${metric}: ${ratio.toFixed(2)}× is below the floor of ${floor}×`] : [];
    });
  });
}
