import { expect, test } from 'vitest';
import { PLANTED_FAULTS } from './planted-faults.ts';
import { simulate } from './simulation.ts';

/** For the soak: `TOPIC_SEEDS=100000`, and to try one seed again: `TOPIC_SEED=17 TOPIC_SEEDS=1`. */
const FIRST_SEED = Number(process.env['TOPIC_SEED'] ?? 1);
const SEEDS = Number(process.env['TOPIC_SEEDS'] ?? 1000);

/** Each planted fault must show within so many seeds. */
const SEEDS_OF_FAULT = 200;

const A_DAY_MS = 86_400_000;

test('keeps the five laws, whatever goes wrong', { timeout: A_DAY_MS }, async () => {
  const broken: string[] = [];
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS && broken.length < 10; seed++) {
    const violation = await simulate(seed);
    if (violation !== undefined) broken.push(`seed ${seed}: ${violation}`);
  }
  expect(broken).toEqual([]);
});

test.each(Object.entries(PLANTED_FAULTS))('finds it when %s', { timeout: 60_000 }, async (_name, commit) => {
  const takeBack = commit();
  let violation: string | undefined;
  try {
    for (let seed = 1; seed <= SEEDS_OF_FAULT && violation === undefined; seed++) violation = await simulate(seed);
  } finally {
    takeBack();
  }
  expect(violation).toBeDefined();
});
