import type { Busy } from '../benchmark.ts';

/** A process that uses at least this share of a processor is at its limit. */
const SATURATED = 0.95;

/** Tells whether the load was at its limit and the measured process was not: throughput then describes the load. */
export function isLoadSaturated({ subject, load }: Busy): boolean {
  return load >= SATURATED && subject < SATURATED;
}
