import type { Benchmark, Sample, Settings } from './benchmark.ts';
import { BASELINE, type Peer } from './peers.ts';
import type { BenchmarkResult, PeerResult } from './report/results.ts';
import { DISTURBED, waitForQuiet } from './quiet.ts';
import { isLoadLimit, median, summarize } from './report/statistics.ts';

const MAX_ATTEMPTS = 10;

/** Measures all peers of a benchmark in turns, and compares them. */
export async function compare(
  benchmark: Benchmark,
  peers: readonly Peer[],
  settings: Settings,
  onProgress: (text: string) => void,
): Promise<BenchmarkResult> {
  const samples = new Map<Peer, Sample[]>(peers.map((peer) => [peer, []]));
  const failures: string[] = [];
  const rounds = Math.min(settings.rounds, benchmark.maxRounds ?? Infinity);
  for (let round = 0; round < rounds && failures.length === 0; round++) {
    // Each round begins with another peer, so that no peer is always the first on a cool machine.
    for (const peer of rotate(peers, round)) {
      onProgress(`${benchmark.title}: round ${round + 1} of ${rounds}, ${peer.name}`);
      try {
        samples.get(peer)?.push(await measureOnce(benchmark, peer, settings));
      } catch (error) {
        failures.push(`${peer.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  const { name, title, headline } = benchmark;
  const baselineName = benchmark.baseline ?? BASELINE;
  const baseline = peers.find((peer) => peer.name === baselineName);
  const results = failures.length > 0 ? [] : peers.map((peer) => resultOf(peer, baseline));
  return { name, title, headline, baseline: baselineName, peers: results, failures };

  function resultOf(peer: Peer, other: Peer | undefined): PeerResult {
    const own = samples.get(peer) ?? [];
    const others = other === undefined ? undefined : samples.get(other);
    const summaries = benchmark.metrics.map((metric) => [metric.name, summarize(metric, own, others)] as const);
    return {
      peer: peer.name,
      summaries: Object.fromEntries(summaries),
      busy: medianBusy(own),
      isLoadLimit: isLoadLimit(own),
      samples: own,
    };
  }
}

/** Measures until an attempt is not disturbed, or returns the attempt that was disturbed least. */
async function measureOnce(benchmark: Benchmark, peer: Peer, settings: Settings): Promise<Sample> {
  let best: Sample | undefined;
  for (let attempt = 1; ; attempt++) {
    if (settings.isPatient) await waitForQuiet();
    const sample = await benchmark.measure(peer, settings);
    if (best === undefined || othersOf(sample) < othersOf(best)) best = sample;
    if (!settings.isPatient || attempt === MAX_ATTEMPTS || othersOf(best) < DISTURBED) return best;
  }
}

function othersOf({ busy }: Sample): number {
  return busy?.others ?? 0;
}

function rotate<T>(items: readonly T[], by: number): readonly T[] {
  const start = by % Math.max(items.length, 1);
  return [...items.slice(start), ...items.slice(0, start)];
}

function medianBusy(samples: readonly Sample[]): Sample['busy'] {
  const all = samples.flatMap(({ busy }) => (busy === undefined ? [] : [busy]));
  if (all.length === 0) return undefined;
  return {
    subject: median(all.map(({ subject }) => subject)),
    load: median(all.map(({ load }) => load)),
    others: median(all.map(({ others }) => others)),
  };
}
