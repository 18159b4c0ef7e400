/** Lets callers through one by one when a test allows it, which makes a consumer slow without a clock. */
export class Turnstile {
  #allowed = 0;
  #waiting: (() => void)[] = [];

  /** Number of callers that wait to be let through. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when the caller is let through. */
  pass(): Promise<void> {
    if (this.#allowed > 0) {
      this.#allowed--;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Lets this many callers through, later callers included. Infinity lets all callers pass from now on. */
  allow(count: number): void {
    this.#allowed += count;
    while (this.#allowed > 0 && this.#waiting.length > 0) {
      this.#allowed--;
      this.#waiting.shift()?.();
    }
  }
}
