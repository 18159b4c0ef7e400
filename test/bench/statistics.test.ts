import { describe, expect, test } from 'vitest';
import type { Metric, Sample } from '../../bench/benchmark.ts';
import { median, summarize } from '../../bench/report/statistics.ts';

const throughput: Metric = { name: 'throughput', title: 'messages/s', better: 'higher' };
const cpu: Metric = { name: 'cpu', title: 'µs', better: 'lower' };

function samples(name: string, figures: readonly number[]): Sample[] {
  return figures.map((figure) => ({ figures: { [name]: figure } }));
}

describe('statistics of the benchmark', () => {
  test('the median of an odd and of an even number of values', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([8, 2, 4, 6])).toBe(5);
  });

  test('the spread is half the range as a share of the median', () => {
    expect(summarize(cpu, samples('cpu', [8, 10, 12]), undefined)).toEqual({
      median: 10,
      spread: 0.2,
      ratio: undefined,
    });
  });

  test('a ratio above 1 is better, for both kinds of figures', () => {
    expect(summarize(throughput, samples('throughput', [200]), samples('throughput', [100])).ratio).toBe(2);
    expect(summarize(cpu, samples('cpu', [5]), samples('cpu', [10])).ratio).toBe(2);
  });

  test('ratios are taken within each round, so that a slow phase of the machine has no effect', () => {
    const own = samples('throughput', [200, 20, 200]);
    const baseline = samples('throughput', [100, 10, 100]);
    expect(summarize(throughput, own, baseline).ratio).toBe(2);
  });
});
