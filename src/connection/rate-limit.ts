/**
 * A token bucket without a clock: holds `burst` tokens at most, and gains `perSecond` tokens in each second.
 */
export class RateLimit {
  readonly perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #lastMs: number;

  /**
   * @param nowMs - the time by the clock that all methods use, which never goes back
   * @param burst - tokens that the bucket holds
   */
  constructor(perSecond: number, nowMs: number, burst: number = perSecond) {
    this.perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#lastMs = nowMs;
  }

  /** Takes tokens. Returns false when the bucket held fewer: the limit is exceeded. */
  take(amount: number, nowMs: number): boolean {
    this.#refill(nowMs);
    this.#tokens -= amount;
    return this.#tokens >= 0;
  }

  /**
   * Takes a token if there is one.
   *
   * @returns 0, or the time in milliseconds until there will be one: then none was taken
   */
  takeOrWait(nowMs: number): number {
    this.#refill(nowMs);
    if (this.#tokens < 1) return Math.ceil(((1 - this.#tokens) * 1000) / this.perSecond);
    this.#tokens--;
    return 0;
  }

  /** Adds the tokens of a time in which nothing was read, so that all that the peer sent in it may arrive at once. */
  credit(durationMs: number, nowMs: number): void {
    this.#refill(nowMs);
    this.#tokens += (durationMs * this.perSecond) / 1000;
  }

  /** Whether the bucket is as full as a new one: all taken tokens are back, and no extra tokens are left. */
  isUnused(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#tokens === this.#burst;
  }

  /** The amount taken within a second, right after {@link take} has returned false. */
  get observed(): number {
    return Math.ceil(this.#burst - this.#tokens);
  }

  #refill(nowMs: number): void {
    const refilled = this.#tokens + ((nowMs - this.#lastMs) * this.perSecond) / 1000;
    // Tokens that `credit` has added above the size of the bucket stay.
    this.#tokens = Math.max(this.#tokens, Math.min(refilled, this.#burst));
    this.#lastMs = nowMs;
  }
}
