import { createRandom } from '../../soak/random.ts';

/** Choices by chance, which are the same for the same seed. */
export class Random {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = createRandom(seed);
  }

  /** Returns a whole number from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.#next() * end);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  /** Returns true once in `count` times, on average. */
  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }
}
