/** Every callback whose number is a multiple of this is timed. A power of 2. */
const TIMED_INTERVAL = 64;

/** Upper bounds of the buckets of callback times, in seconds. */
export const BUCKET_SECONDS: readonly number[] = [0.0001, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5];

/** How long the callbacks of a server, or of all clients, take. */
export class CallbackTimes {
  /** Callbacks so far, timed or not. */
  count = 0;
  timedCount = 0;
  timedSeconds = 0;
  /** How many of the timed ones took at most that long; the last counts those that took longer. */
  readonly buckets: number[] = Array.from({ length: BUCKET_SECONDS.length + 1 }, () => 0);

  /** Counts one more callback. Returns whether it is to be timed. */
  countOne(): boolean {
    return (++this.count & (TIMED_INTERVAL - 1)) === 0;
  }

  note(durationMs: number): void {
    const seconds = durationMs / 1000;
    this.timedCount++;
    this.timedSeconds += seconds;
    const found = BUCKET_SECONDS.findIndex((bound) => seconds <= bound);
    const bucket = found < 0 ? BUCKET_SECONDS.length : found;
    this.buckets[bucket] = (this.buckets[bucket] ?? 0) + 1;
  }

  /** Adds what another server has counted. */
  add(other: CallbackTimes): void {
    this.count += other.count;
    this.timedCount += other.timedCount;
    this.timedSeconds += other.timedSeconds;
    for (const [i, count] of other.buckets.entries()) this.buckets[i] = (this.buckets[i] ?? 0) + count;
  }
}
