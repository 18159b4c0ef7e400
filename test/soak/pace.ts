/** Pauses, until somebody is in a hurry. */
export class Pace {
  readonly #longestMs: number;
  readonly #pending = new Map<() => void, NodeJS.Timeout>();
  #isHurrying = false;

  constructor(longestMs: number) {
    this.#longestMs = longestMs;
  }

  /** @param part - of the longest pause, 0 to 1 */
  pause(part: number): Promise<void> {
    if (this.#isHurrying) return new Promise((resolve) => setImmediate(resolve));
    return new Promise((resolve) => {
      const end = (): void => {
        this.#pending.delete(end);
        resolve();
      };
      this.#pending.set(end, setTimeout(end, part * this.#longestMs));
    });
  }

  /** Ends all pauses, and makes none from now on. */
  hurry(): void {
    this.#isHurrying = true;
    for (const [end, timer] of this.#pending) {
      clearTimeout(timer);
      end();
    }
  }
}
