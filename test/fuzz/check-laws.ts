import { expect, test } from 'vitest';
import type { Law } from './law.ts';

/** Tests each law with a few inputs, other ones each time: the report of a failure tells the seed. */
export function checkLaws(laws: readonly Law[]): void {
  test.each(laws.map((law) => [law.name, law] as const))('%s', async (_name, law) => {
    expect(await law.check({ runs: law.runs })).toBe('');
  });
}
