import { monotonicMs } from '../base/clock.ts';

const WINDOW_MS = 10_000;
/** Buckets for each doubling of a time: a figure is right to about a tenth. */
const BUCKETS_PER_OCTAVE = 4;
const SHORTEST_MS = 0.001;
const BUCKETS = 128;

/** How long something took, in the last 10 to 20 seconds. Undefined while nothing was measured. */
export interface RecentFigures {
  readonly p50: number | undefined;
  readonly p99: number | undefined;
}

/** Times of the last 10 to 20 seconds, counted by size so that they take the same memory however many there are. */
export class RecentTimes {
  #counts: Uint32Array = new Uint32Array(BUCKETS);
  #before: Uint32Array = new Uint32Array(BUCKETS);
  #windowMs = 0;

  note(durationMs: number, nowMs: number): void {
    this.#turn(nowMs);
    const octaves = Math.log2(Math.max(durationMs, SHORTEST_MS) / SHORTEST_MS);
    const bucket = Math.min(Math.floor(octaves * BUCKETS_PER_OCTAVE), BUCKETS - 1);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
  }

  get figures(): RecentFigures {
    this.#turn(monotonicMs());
    const counts = this.#counts.map((count, i) => count + (this.#before[i] ?? 0));
    return { p50: quantile(counts, 0.5), p99: quantile(counts, 0.99) };
  }

  #turn(nowMs: number): void {
    const elapsedMs = nowMs - this.#windowMs;
    if (elapsedMs < WINDOW_MS) return;
    this.#windowMs = nowMs;
    this.#before = elapsedMs < 2 * WINDOW_MS ? this.#counts : new Uint32Array(BUCKETS);
    this.#counts = new Uint32Array(BUCKETS);
  }
}

/** The upper end of the bucket in which a share of all times ends, in milliseconds. */
function quantile(counts: Uint32Array, share: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let seen = 0;
  const bucket = counts.findIndex((count) => (seen += count) >= total * share);
  return SHORTEST_MS * 2 ** ((bucket + 1) / BUCKETS_PER_OCTAVE);
}
