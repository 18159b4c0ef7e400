import type { Metric, Sample } from '../benchmark.ts';

/** The figures of one peer for one metric, over all rounds. */
export interface Summary {
  readonly median: number;
  /** Half the distance between the lowest and the highest figure, as a share of the median. */
  readonly spread: number;
  /** How many times better the peer is than the baseline: the median of the rounds' ratios. Undefined without one. */
  readonly ratio: number | undefined;
}

/**
 * Summarizes the rounds of one peer. `samples` and `baseline` are in the order of the rounds.
 *
 * @remarks Figures that the load limited, for either peer, have no ratio: it would compare the load with itself.
 */
export function summarize(
  metric: Metric,
  samples: readonly Sample[],
  baseline: readonly Sample[] | undefined,
): Summary {
  const figures = samples.map((sample) => figureOf(sample, metric));
  const middle = median(figures);
  const spread = (Math.max(...figures) - Math.min(...figures)) / 2 / middle;
  // Ratios are taken within a round, because a disturbance of the machine disturbs both peers of the round.
  const isComparable = metric.isOfLoad !== true && !(metric.dependsOnLoad === true && isLoadLimit(samples, baseline));
  const ratios = (isComparable ? baseline : undefined)?.map((sample, round) => {
    const [own, other] = [figures[round] ?? Number.NaN, figureOf(sample, metric)];
    return metric.better === 'higher' ? own / other : other / own;
  });
  return { median: middle, spread, ratio: ratios === undefined ? undefined : median(ratios) };
}

/** Tells whether the load was at its limit in most rounds of any of the peers. */
export function isLoadLimit(...peers: readonly (readonly Sample[] | undefined)[]): boolean {
  return peers.some((samples = []) => samples.filter((sample) => sample.isLoadLimit).length * 2 > samples.length);
}

/** Returns the middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const upper = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[upper]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}

function figureOf(sample: Sample, metric: Metric): number {
  return sample.figures[metric.name] ?? Number.NaN;
}
