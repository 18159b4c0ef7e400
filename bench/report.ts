import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Benchmark } from './benchmark.ts';
import type { BenchmarkResult } from './compare.ts';
import { DISTURBED } from './machine.ts';
import { projectFolder } from './packages.ts';
import { BARE_SOCKETS, BASELINE, LIBRARY } from './peers/peer.ts';

export function formatBenchmark(
  { name, peers, failures }: BenchmarkResult,
  { metrics, baseline = BASELINE }: Benchmark,
): string {
  if (failures.length > 0) return [name, ...failures.map((failure) => `  no comparison: ${failure}`), ''].join('\n');
  const columns = metrics.flatMap(({ title }) => [title, '±', `vs ${baseline}`]);
  const shareColumns = peers.some(({ busy }) => busy !== undefined) ? ['CPU: peer', 'load', 'others'] : [];
  const rows = peers.map(({ peer, summaries, busy, isLoadLimit }) => {
    const figures = metrics.flatMap((metric) => {
      const { median = Number.NaN, spread = Number.NaN, ratio } = summaries[metric.name] ?? {};
      return [formatFigure(median), formatShare(spread), formatRatio(ratio)];
    });
    const shares = busy === undefined ? [] : [busy.subject, busy.load, busy.others].map(formatShare);
    return [peer, ...figures, ...shares, (busy?.others ?? 0) >= DISTURBED ? '!' : isLoadLimit ? '*' : ''];
  });
  const limit = rows.some((row) => row.at(-1) === '*') ? '  * the load was the limit\n' : '';
  const disturbed = rows.some((row) => row.at(-1) === '!') ? '  ! other programs ran: try --patient\n' : '';
  return `${name}\n${formatTable([['', ...columns, ...shareColumns], ...rows])}\n${limit}${disturbed}`;
}

/**
 * Formats one line per benchmark: how many times better than the baseline each peer is in the first metric, and which
 * share of the floor, bare sockets, this library reaches.
 */
export function formatSummary(results: readonly BenchmarkResult[], peers: readonly string[]): string {
  const rows = results.map(({ name: benchmark, peers: measured, failures }) => {
    const ratioOf = (name: string): number | undefined => {
      const summaries = measured.find(({ peer }) => peer === name)?.summaries;
      return Object.values(summaries ?? {})[0]?.ratio;
    };
    const share = (ratioOf(LIBRARY) ?? Number.NaN) / (ratioOf(BARE_SOCKETS) ?? Number.NaN);
    const cells = peers.map((name) => (failures.length > 0 ? 'failed' : formatRatio(ratioOf(name))));
    return [benchmark, ...cells, Number.isNaN(share) ? '-' : share.toFixed(2)];
  });
  return formatTable([['', ...peers, `of ${BARE_SOCKETS}`], ...rows]);
}

function formatTable(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(...rows.map(({ length }) => length));
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const pad = (cell: string, i: number): string =>
    i === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[i] ?? 0);
  return rows.map((row) => `  ${row.map(pad).join('  ')}`.trimEnd()).join('\n');
}

function formatRatio(ratio: number | undefined): string {
  return ratio === undefined ? '-' : `${ratio.toFixed(ratio < 10 ? 2 : 1)}×`;
}

function formatShare(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function formatFigure(figure: number): string {
  const digits = figure >= 1000 ? 0 : figure >= 100 ? 1 : 2;
  return figure.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Reads the ratios to the baseline that must be reached, by benchmark, then by metric. */
export function readFloors(): Record<string, Record<string, number>> {
  return JSON.parse(readFileSync(join(projectFolder, 'bench', 'floors.json'), 'utf8')) as ReturnType<typeof readFloors>;
}

/** Returns what this library misses of the floors of benchmarks that ran; a ratio that is not known is missed. */
export function missedFloors(
  floors: ReturnType<typeof readFloors>,
  results: readonly BenchmarkResult[],
): readonly string[] {
  return results.flatMap(({ name, peers }) => {
    const summaries = peers.find(({ peer }) => peer === LIBRARY)?.summaries;
    return Object.entries(floors[name] ?? {}).flatMap(([metric, floor]) => {
      const ratio = summaries?.[metric]?.ratio ?? Number.NaN;
      return ratio >= floor ? [] : [`${name}, ${metric}: ${ratio.toFixed(2)}×, the floor is ${floor}×`];
    });
  });
}
