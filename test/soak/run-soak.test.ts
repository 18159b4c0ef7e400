import { expect, test } from 'vitest';
import { runSoak } from './run-soak.ts';

test(
  'a second of 50 connections in two processes loses, doubles and leaves behind nothing',
  { timeout: 120_000 },
  async () => {
    const result = await runSoak({ seconds: 1, connections: 50, seed: 20_260_101 }, () => {});
    expect(result.problems).toEqual([]);
    for (const count of Object.values(result.endings)) expect(count).toBeGreaterThan(0);
    expect(result.compressed).toBeGreaterThan(0);
    expect(result.received).toBeGreaterThan(500);
  },
);

test(
  'two kilobytes that are kept of each connection that has ended are a problem of both processes',
  { timeout: 120_000 },
  async () => {
    const { problems } = await runSoak({ seconds: 1, connections: 50, seed: 20_260_101, fault: 'buffer' }, () => {});
    for (const side of ['server', 'client']) {
      expect(problems).toContainEqual(expect.stringMatching(`^the ${side}: .*objects grow by`));
      expect(problems).toContainEqual(expect.stringMatching(`^the ${side}: .*bytes outside of the heap grow by`));
    }
  },
);
