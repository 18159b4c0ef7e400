import type { Busy } from '../benchmark.ts';

/** From this share of a processor on, a process could not do more. */
const SATURATED = 0.95;

/** Whether the load was at its limit, and the measured process was not: then the figure is that of the load. */
export function isLoadSaturated({ subject, load }: Busy): boolean {
  return load >= SATURATED && subject < SATURATED;
}
