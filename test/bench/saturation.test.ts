import { expect, test } from 'vitest';
import { sampleOf } from '../../bench/benchmarks/latency.ts';
import { isLoadSaturated } from '../../bench/report/saturation.ts';

test('the load is the limit when it is busy all the time and the other side is not', () => {
  expect(isLoadSaturated({ subject: 0.9, load: 0.95, others: 0 })).toBe(true);
  expect(isLoadSaturated({ subject: 0.9, load: 0.94, others: 0 })).toBe(false);
  expect(isLoadSaturated({ subject: 0.96, load: 0.99, others: 0 })).toBe(false);
});

test.each([
  ['on time', 400, 10, false],
  ['late by half of the latency', 400, 201, true],
  ['late by a millisecond', 5000, 1001, true],
])('a load with fixed times that is %s', (_, latencyMicros, latenessMicros, isLoadLimit) => {
  const sample = sampleOf(
    { latency: quantiles(latencyMicros), lateness: quantiles(latenessMicros), loadShare: 0.5 },
    { cpuMicros: 5, busy: { subject: 0.3, load: 1, others: 0 } },
  );
  expect(sample).toMatchObject({
    isLoadLimit,
    figures: { p99: latencyMicros, late: latenessMicros, cpu: 5 },
    // The load spins, so the system's processor time says nothing.
    busy: { load: 0.5 },
  });
});

function quantiles(p99: number): { p50: number; p99: number; p999: number; max: number } {
  return { p50: 1, p99, p999: p99, max: p99 };
}
