import { expect, test } from 'vitest';
import { lifeLaw } from './life/life-law.ts';

/** The seed makes the inputs the same in each run. `npm run fuzz` tries others. */
const SEED = 6455;

test(
  lifeLaw.name,
  async () => {
    expect(await lifeLaw.check({ seed: SEED, runs: lifeLaw.runs })).toBe('');
  },
  30_000,
);
