import type { Memory } from './process-report.ts';

/** Allowed growth of memory between the first third and the end: a share, and some bytes for chance. */
const MAX_GROWTH_SHARE = 0.1;
const MAX_GROWTH_BYTES = 8_000_000;

/** Checks that memory has not grown. Returns the problem, undefined when there is none. */
export function judgeMemory(before: Memory, after: Memory): string | undefined {
  const bound = before.usedBytes * (1 + MAX_GROWTH_SHARE) + MAX_GROWTH_BYTES;
  if (after.usedBytes <= bound) return undefined;
  const growth = `from ${toMegabytes(before.usedBytes)} to ${toMegabytes(after.usedBytes)}`;
  return `memory grew ${growth} (at most ${toMegabytes(bound)})`;
}

export function toMegabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
