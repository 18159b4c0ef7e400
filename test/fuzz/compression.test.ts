import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NO_LIMITS } from '../helpers/deflate.ts';
import { checkLaws } from './check-laws.ts';
import { compressedInputs, compressionLaws, inflateAll } from './laws/compression.ts';

checkLaws(compressionLaws);

test('RFC 7692 7.2.2: inputs of the laws are often messages and often errors', async () => {
  const outcomes = await inflateAll(fc.sample(compressedInputs, { seed: 7692, numRuns: 300 }), NO_LIMITS);
  const errors = outcomes.filter((outcome) => outcome instanceof Error).length;
  expect(Math.min(errors, outcomes.length - errors)).toBeGreaterThan(20);
});
