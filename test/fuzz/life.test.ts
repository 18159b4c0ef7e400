import { expect, test } from 'vitest';
import { lifeLaw } from './life/life-law.ts';
import { reconnectLaw } from './life/reconnect-law.ts';

/** The seed makes the inputs the same in each run. `npm run fuzz` tries others. */
const SEED = 6455;

for (const law of [lifeLaw, reconnectLaw]) {
  test(
    law.name,
    async () => {
      expect(await law.check({ seed: SEED, runs: law.runs })).toBe('');
    },
    30_000,
  );
}
