/** Quantiles of values. */
export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/**
 * Sorts `values` in place and picks the exact quantiles, without a histogram.
 *
 * @param factor - factor of the results, to convert the unit
 */
export function quantilesOf(values: Float64Array, factor: number): Quantiles {
  values.sort();
  const at = (share: number): number => (values[Math.ceil(values.length * share) - 1] ?? Number.NaN) * factor;
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
}
