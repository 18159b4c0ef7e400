/** Makes pauses until {@link Pace.hurry} is called. */
export class Pace {
  readonly #longestMs: number;
  readonly #pending = new Map<() => void, NodeJS.Timeout>();
  #isHurrying = false;

  constructor(longestMs: number) {
    this.#longestMs = longestMs;
  }

  /** @param share - share of the longest pause, 0 to 1 */
  pause(share: number): Promise<void> {
    if (this.#isHurrying) return new Promise((resolve) => setImmediate(resolve));
    return new Promise((resolve) => {
      const end = (): void => {
        this.#pending.delete(end);
        resolve();
      };
      this.#pending.set(end, setTimeout(end, share * this.#longestMs));
    });
  }

  /** Ends all pauses now, and makes none from now on. */
  hurry(): void {
    this.#isHurrying = true;
    for (const [end, timer] of this.#pending) {
      clearTimeout(timer);
      end();
    }
  }
}
