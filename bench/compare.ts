import type { Benchmark, Busy, Metric, Sample, Settings } from './benchmark.ts';
import { DISTURBED, waitForQuiet } from './machine.ts';
import { BASELINE, type Peer } from './peers/peer.ts';

const MAX_ATTEMPTS = 10;

/**
 * The figures of one peer for one metric: the median of the rounds, half their range as a share of it, and how many times
 * better the peer is than the baseline, which is the median of the rounds' ratios.
 */
type Summary = Readonly<Record<'median' | 'spread', number>> & { readonly ratio: number | undefined };

interface PeerResult {
  readonly peer: string;
  readonly summaries: Readonly<Record<string, Summary>>;
  readonly busy: Busy | undefined;
  readonly isLoadLimit: boolean;
  readonly samples: readonly Sample[];
}

export interface BenchmarkResult {
  readonly name: string;
  readonly peers: readonly PeerResult[];
  readonly failures: readonly string[];
}

export async function compare(
  benchmark: Benchmark,
  peers: readonly Peer[],
  settings: Settings,
): Promise<BenchmarkResult> {
  const { name, metrics, baseline = BASELINE, maxRounds = Infinity } = benchmark;
  const samples: Record<string, Sample[]> = Object.fromEntries(peers.map((peer) => [peer.name, []]));
  const failures: string[] = [];
  for (let round = 0; round < Math.min(settings.rounds, maxRounds) && failures.length === 0; round++) {
    // Each round begins with another peer, so that no peer is always the first on a cool machine.
    const start = round % peers.length;
    for (const peer of [...peers.slice(start), ...peers.slice(0, start)]) {
      try {
        samples[peer.name]?.push(await measureOnce(benchmark, peer, settings));
      } catch (error) {
        failures.push(`${peer.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  const results = Object.entries(samples).map(([peer, own]): PeerResult => {
    const summaries = metrics.map((metric) => [metric.name, summarize(metric, own, samples[baseline])] as const);
    const busy = medianBusy(own.flatMap((sample) => sample.busy ?? []));
    return { peer, summaries: Object.fromEntries(summaries), busy, isLoadLimit: isLoadLimit(own), samples: own };
  });
  return { name, peers: failures.length > 0 ? [] : results, failures };
}

async function measureOnce(benchmark: Benchmark, peer: Peer, settings: Settings): Promise<Sample> {
  let best: Sample | undefined;
  for (let attempt = 1; ; attempt++) {
    if (settings.isPatient) await waitForQuiet();
    const sample = await benchmark.measure(peer, settings);
    if (best === undefined || (sample.busy?.others ?? 0) < (best.busy?.others ?? 0)) best = sample;
    const least = best.busy?.others ?? 0;
    if (!settings.isPatient || attempt === MAX_ATTEMPTS || least < DISTURBED) return best;
  }
}

function medianBusy(all: readonly Busy[]): Busy | undefined {
  const of = (share: keyof Busy): number => median(all.map((busy) => busy[share]));
  return all.length === 0 ? undefined : { subject: of('subject'), load: of('load'), others: of('others') };
}

/** Figures that the load limited, for either peer, have no ratio: it would compare the load with itself. */
function summarize(metric: Metric, samples: readonly Sample[], baseline?: readonly Sample[]): Summary {
  const figureOf = ({ figures }: Sample): number => figures[metric.name] ?? Number.NaN;
  const figures = samples.map(figureOf);
  const middle = median(figures);
  const isComparable = metric.dependsOnLoad !== true || !isLoadLimit(samples, baseline);
  // Ratios are taken within a round, because a disturbance of the machine disturbs both peers of the round.
  const ratios = (isComparable ? baseline : undefined)?.map((sample, round) => {
    const ratio = (figures[round] ?? Number.NaN) / figureOf(sample);
    return metric.better === 'higher' ? ratio : 1 / ratio;
  });
  const spread = (Math.max(...figures) - Math.min(...figures)) / 2 / middle;
  return { median: middle, spread, ratio: ratios && median(ratios) };
}

function isLoadLimit(...peers: readonly (readonly Sample[] | undefined)[]): boolean {
  return peers.some((samples = []) => samples.filter((sample) => sample.isLoadLimit).length * 2 > samples.length);
}

/** Tells whether the load was at its limit and the measured process was not: throughput then describes the load. */
export function isLoadSaturated({ subject, load }: Busy): boolean {
  return load >= 0.95 && subject < 0.95;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  return (at(Math.ceil(sorted.length / 2) - 1) + at(Math.floor(sorted.length / 2))) / 2;
}
