import { expect, test } from 'vitest';
import { lifeLaw } from './life/life-law.ts';

/** The same inputs each time: `npm run fuzz` tries others. */
const SEED = 6455;

test(
  lifeLaw.name,
  async () => {
    expect(await lifeLaw.check({ seed: SEED, runs: lifeLaw.runs })).toBe('');
  },
  30_000,
);
