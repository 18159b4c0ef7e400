import type { Busy, Metric } from '../benchmark.ts';
import { BASELINE, BARE_SOCKETS, LIBRARY } from '../peers.ts';
import { DISTURBED } from '../quiet.ts';
import type { BenchmarkResult, PeerResult } from './results.ts';

const NAME_WIDTH = 16;

/** Formats the table of one benchmark, or the reasons of failures instead of a comparison. */
export function formatBenchmark(result: BenchmarkResult, metrics: readonly Metric[]): string {
  if (result.failures.length > 0) {
    return [result.title, ...result.failures.map((failure) => `  no comparison: ${failure}`), ''].join('\n');
  }
  const { baseline = BASELINE } = result;
  const hasBusy = result.peers.some(({ busy }) => busy !== undefined);
  const columns = metrics.map(
    (metric) =>
      `${metric.title.padStart(widthOf(metric))} ${'±'.padStart(6)} ${`vs ${baseline === BASELINE ? baseline : 'rooms'}`.padStart(7)}`,
  );
  const head = `  ${''.padEnd(NAME_WIDTH)}${columns.join('')}${hasBusy ? '   CPU use: peer / load / others' : ''}`;
  const rows = result.peers.map((peer) => formatPeer(peer, metrics));
  return [result.title, head, ...rows, ...notes(result), ''].join('\n');
}

/**
 * Formats one line per benchmark: how many times better than the baseline each peer is, and which share of the floor, bare
 * sockets, this library reaches.
 */
export function formatSummary(results: readonly BenchmarkResult[], peers: readonly string[]): string {
  const width = Math.max(...results.map(({ title }) => title.length));
  const widths = peers.map((peer) => Math.max(peer.length, 6));
  const hasShare = peers.includes(LIBRARY) && peers.includes(BARE_SOCKETS);
  const share = hasShare ? `  of ${BARE_SOCKETS}` : '';
  const head = `${''.padEnd(width)}  ${peers.map((peer, i) => peer.padStart(widths[i] ?? 0)).join('  ')}${share}`;
  const rows = results.map(({ title, headline, peers: measured, failures }) => {
    const ratioOf = (name: string): number | undefined =>
      measured.find(({ peer }) => peer === name)?.summaries[headline]?.ratio;
    const cells = peers.map((name, i) =>
      (failures.length > 0 ? 'failed' : formatRatio(ratioOf(name))).padStart(widths[i] ?? 0),
    );
    if (hasShare) {
      const reached = (ratioOf(LIBRARY) ?? Number.NaN) / (ratioOf(BARE_SOCKETS) ?? Number.NaN);
      cells.push((Number.isNaN(reached) ? '-' : reached.toFixed(2)).padStart(share.length - 2));
    }
    return `${title.padEnd(width)}  ${cells.join('  ')}`;
  });
  return [head, ...rows].join('\n');
}

export function formatRatio(ratio: number | undefined): string {
  return ratio === undefined ? '-' : `${ratio.toFixed(ratio < 10 ? 2 : 1)}×`;
}

function isDisturbed(busy: Busy | undefined): boolean {
  return busy !== undefined && busy.others >= DISTURBED;
}

function formatPeer({ peer, summaries, busy, isLoadLimit }: PeerResult, metrics: readonly Metric[]): string {
  const cells = metrics.map((metric) => {
    const summary = summaries[metric.name];
    if (summary === undefined) return '';
    const spread = `${(summary.spread * 100).toFixed(0)} %`;
    return `${formatFigure(summary.median).padStart(widthOf(metric))} ${spread.padStart(6)} ${formatRatio(summary.ratio).padStart(7)}`;
  });
  const use =
    busy === undefined
      ? ''
      : `   ${formatShare(busy.subject)} / ${formatShare(busy.load)} / ${formatShare(busy.others)}`;
  const mark = isDisturbed(busy) ? ' !' : isLoadLimit ? ' *' : '';
  return `  ${peer.padEnd(NAME_WIDTH)}${cells.join('')}${use}${mark}`;
}

function notes({ peers }: BenchmarkResult): string[] {
  const all: string[] = [];
  const limited = peers.filter(({ isLoadLimit }) => isLoadLimit).map(({ peer }) => peer);
  if (limited.length > 0) {
    all.push(`  * the load was the limit of ${limited.join(', ')}: figures that depend on it are not compared`);
  }
  if (peers.some(({ busy }) => isDisturbed(busy))) {
    all.push('  ! other programs used the processors meanwhile: try --patient');
  }
  return all;
}

function widthOf({ title }: Metric): number {
  return Math.max(title.length, 10) + 3;
}

function formatShare(share: number): string {
  return `${(share * 100).toFixed(0)} %`.padStart(5);
}

function formatFigure(figure: number): string {
  const digits = figure >= 1000 ? 0 : figure >= 100 ? 1 : 2;
  return figure.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
