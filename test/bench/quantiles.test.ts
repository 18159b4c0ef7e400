import { expect, test } from 'vitest';
import { quantilesOf } from '../../bench/load/quantiles.ts';

test('the quantiles of a thousand values are exact', () => {
  const values = Float64Array.from({ length: 1000 }, (_, i) => 1000 - i);
  expect(quantilesOf(values, 2)).toEqual({ p50: 1000, p99: 1980, p999: 1998, max: 2000 });
});

test('every quantile of a single value is that value', () => {
  expect(quantilesOf(Float64Array.of(7), 1)).toEqual({ p50: 7, p99: 7, p999: 7, max: 7 });
});
