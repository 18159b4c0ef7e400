import type { Memory } from './process-report.ts';

/** How much more memory may be in use at the end than after the first third: a part of it, and some bytes for chance. */
const MAX_GROWTH_PART = 0.1;
const MAX_GROWTH_BYTES = 8_000_000;

/** Tells whether memory has stayed flat: what is wrong, undefined when nothing is. */
export function judgeMemory(before: Memory, after: Memory): string | undefined {
  const bound = before.usedBytes * (1 + MAX_GROWTH_PART) + MAX_GROWTH_BYTES;
  if (after.usedBytes <= bound) return undefined;
  return `memory grew from ${toMegabytes(before.usedBytes)} to ${toMegabytes(after.usedBytes)} (at most ${toMegabytes(bound)})`;
}

export function toMegabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
