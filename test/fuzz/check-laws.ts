import { expect, test } from 'vitest';
import type { Law } from './law.ts';

/** Tests each law with a few random inputs. The report of a failure names the seed. */
export function checkLaws(laws: readonly Law[]): void {
  test.each(laws.map((law) => [law.name, law] as const))('%s', async (_name, law) => {
    expect(await law.check({ runs: law.runs })).toBe('');
  });
}
