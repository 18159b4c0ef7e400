/**
 * A token bucket, without a clock: as much as `perSecond` may come at once, and as much again in each second.
 */
export class RateLimit {
  readonly perSecond: number;
  #tokens: number;
  #lastMs: number;

  /** @param nowMs - of the clock that {@link take} is given too, which never goes back */
  constructor(perSecond: number, nowMs: number) {
    this.perSecond = perSecond;
    this.#tokens = perSecond;
    this.#lastMs = nowMs;
  }

  /** Takes from the bucket. Returns false when that is more than was in it. */
  take(amount: number, nowMs: number): boolean {
    this.#refill(nowMs);
    this.#tokens -= amount;
    return this.#tokens >= 0;
  }

  /** Lets what came in a time in which nothing was read come all at once. */
  excuse(durationMs: number, nowMs: number): void {
    this.#refill(nowMs);
    this.#tokens += (durationMs * this.perSecond) / 1000;
  }

  /** Whether it is as if nothing had been taken, nor excused, yet. */
  isUnused(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#tokens === this.perSecond;
  }

  /** What was taken within a second, when {@link take} has just said no. */
  get observed(): number {
    return Math.ceil(this.perSecond - this.#tokens);
  }

  #refill(nowMs: number): void {
    const refilled = this.#tokens + ((nowMs - this.#lastMs) * this.perSecond) / 1000;
    // What an excuse has put in on top of a full bucket stays.
    this.#tokens = Math.max(this.#tokens, Math.min(refilled, this.perSecond));
    this.#lastMs = nowMs;
  }
}
