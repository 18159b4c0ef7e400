import { BASELINE } from '../peers.ts';
import type { BenchmarkResult, RunResult } from './results.ts';
import { formatRatio } from './table.ts';

const WIDTH = 900;
const TITLE_WIDTH = 330;
const LABEL_WIDTH = 60;
const BAR_HEIGHT = 11;
const GROUP_GAP = 14;
const HEAD_HEIGHT = 80;
const TICKS: readonly number[] = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];
const COLORS: readonly string[] = ['#d9480f', '#868e96', '#1971c2', '#2f9e44', '#7048e8', '#e8590c'];

/** Draws, for each benchmark, how many times better than the baseline each peer is. The axis is logarithmic. */
export function drawPlot({ benchmarks, machine, date }: RunResult, peers: readonly string[]): string {
  const groups = benchmarks.filter(({ failures }) => failures.length === 0);
  const ratios = groups.flatMap((group) => barsOf(group).map(({ ratio }) => ratio));
  const ticks = ticksAround(Math.min(1, ...ratios), Math.max(1, ...ratios));
  const [first = 1, last = 1] = [ticks[0], ticks.at(-1)];
  const axisWidth = WIDTH - TITLE_WIDTH - LABEL_WIDTH;
  const x = (ratio: number): number =>
    TITLE_WIDTH + (axisWidth * Math.log(ratio / first)) / Math.log(last / first || Math.E);

  const parts: string[] = [];
  let y = HEAD_HEIGHT;
  for (const group of groups) {
    const bars = barsOf(group);
    const middle = y + (bars.length * BAR_HEIGHT) / 2 + 4;
    parts.push(`<text x="${TITLE_WIDTH - 10}" y="${middle}" text-anchor="end">${escape(group.title)}</text>`);
    for (const { peer, ratio } of bars) {
      const [left, right] = [Math.min(x(1), x(ratio)), Math.max(x(1), x(ratio))];
      const color = COLORS[peers.indexOf(peer) % COLORS.length] ?? '';
      parts.push(
        rect(left, y, Math.max(right - left, 1.5), BAR_HEIGHT - 1, color),
        `<text x="${(right + 4).toFixed(1)}" y="${y + BAR_HEIGHT - 2}" class="small">${formatRatio(ratio)}</text>`,
      );
      y += BAR_HEIGHT;
    }
    y += GROUP_GAP;
  }
  const grid = ticks.map(
    (tick) =>
      `<line x1="${x(tick).toFixed(1)}" x2="${x(tick).toFixed(1)}" y1="${HEAD_HEIGHT - 10}" y2="${y}" class="${tick === 1 ? 'one' : 'grid'}"/>` +
      `<text x="${x(tick).toFixed(1)}" y="${HEAD_HEIGHT - 16}" text-anchor="middle" class="small">${tick}×</text>`,
  );
  const legend = peers.map(
    (peer, i) =>
      rect(TITLE_WIDTH + i * 115, 30, 10, 10, COLORS[i % COLORS.length] ?? '') +
      `<text x="${TITLE_WIDTH + 14 + i * 115}" y="39">${escape(peer)}</text>`,
  );
  const style =
    'text{font:12px sans-serif;fill:#212529}.small{font-size:10px}.grid{stroke:#dee2e6}.one{stroke:#495057}';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}">`,
    `<style>${style}</style><rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="10" y="18">Times as good as ${BASELINE} (CPU time, memory, size); ${escape(machine.processor)}, ` +
      `Node ${machine.node}, ${date.slice(0, 10)}</text>`,
    ...legend,
    ...grid,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function barsOf({ peers, headline }: BenchmarkResult): { readonly peer: string; readonly ratio: number }[] {
  return peers.flatMap(({ peer, summaries }) => {
    const ratio = summaries[headline]?.ratio;
    return ratio === undefined || peer === BASELINE ? [] : [{ peer, ratio }];
  });
}

/** The ticks from the last that is not above `low` to the first that is not below `high`. */
function ticksAround(low: number, high: number): readonly number[] {
  const first = TICKS.findLastIndex((tick) => tick <= low);
  const last = TICKS.findIndex((tick) => tick >= high);
  return TICKS.slice(Math.max(first, 0), last < 0 ? TICKS.length : last + 1);
}

function rect(x: number, y: number, width: number, height: number, color: string): string {
  return `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${height}" fill="${color}"/>`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
