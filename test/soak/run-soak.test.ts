import { expect, test } from 'vitest';
import { runSoak } from './run-soak.ts';

test(
  '50 connections come and go in two processes for a second: nothing lost, doubled or left behind',
  { timeout: 60_000 },
  async () => {
    const result = await runSoak({ seconds: 1, connections: 50, seed: 20_260_101 }, () => {});
    expect(result.problems).toEqual([]);
    for (const count of Object.values(result.endings)) expect(count).toBeGreaterThan(0);
    expect(result.compressed).toBeGreaterThan(0);
    expect(result.received).toBeGreaterThan(500);
  },
);
