import { BASELINE, LIBRARY } from '../peers.ts';
import type { BenchmarkResult, RunResult } from './results.ts';
import { formatRatio } from './table.ts';

/** The loads that the plot shows, with their titles. */
const LOADS: Readonly<Record<string, string>> = {
  'echo-text-64-1': 'Echo, 64 B text',
  'echo-text-64-16': 'Echo, 64 B text, 16 in flight',
  'echo-binary-1k-16': 'Echo, 1 KiB binary, 16 in flight',
  'echo-binary-64k-1': 'Echo, 64 KiB binary',
  'echo-compressed-1k-1': 'Echo, 1 KiB JSON, compressed',
  'fan-out-1': 'To 500 connections',
  'fan-out-16': 'To 500 connections, bursts of 16',
  handshakes: 'Handshakes',
};
/** The peers in the order of their bars; the class selects the colour. */
const PEERS: readonly { readonly name: string; readonly className: string }[] = [
  { name: LIBRARY, className: 'own' },
  { name: BASELINE, className: 'base' },
  { name: 'uWebSockets.js', className: 'uws' },
];

const WIDTH = 840;
const PADDING = 20;
const TITLE_WIDTH = 230;
const LABEL_WIDTH = 52;
const HEAD_HEIGHT = 100;
const FOOT_HEIGHT = 34;
const BAR_HEIGHT = 13;
const GROUP_GAP = 12;
const TICKS: readonly number[] = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];

// The plot has its own background, so that it can be read on any page, and no external fonts, which pages refuse.
const STYLE = [
  'text{font:13px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}',
  '.head{font-size:16px;font-weight:600}.small{font-size:11px}.soft{fill:#59636e}.strong{font-weight:600}',
  '.ground{fill:#fff;stroke:#d1d9e0}.grid{stroke:#d1d9e0}.one{stroke:#59636e}',
  '.own{fill:#0969da}.base{fill:#818b98}.uws{fill:#d1772b}',
  '@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.soft{fill:#9198a1}.ground{fill:#0d1117;stroke:#3d444d}',
  '.grid{stroke:#3d444d}.one{stroke:#9198a1}.own{fill:#4493f8}.base{fill:#656c76}.uws{fill:#db8b3e}}',
].join('');

interface Bar {
  readonly peer: string;
  readonly className: string;
  readonly ratio: number;
}

interface Group {
  readonly title: string;
  readonly bars: readonly Bar[];
}

/**
 * Draws how many times less processor time per message each peer takes than the baseline, for the main loads of a run.
 * The axis is logarithmic: bars for twice and for half the ratio have the same length.
 *
 * @returns a standalone SVG for light and dark pages; undefined when the run has none of the main loads
 */
export function drawPlot({ benchmarks, machine, date, peers }: RunResult): string | undefined {
  const groups = benchmarks.flatMap(groupOf);
  if (groups.length === 0) return undefined;
  const ratios = groups.flatMap(({ bars }) => bars.map(({ ratio }) => ratio));
  const ticks = ticksAround(Math.min(1, ...ratios), Math.max(1, ...ratios));
  const [first = 1, last = 1] = [ticks[0], ticks.at(-1)];
  const axisWidth = WIDTH - 2 * PADDING - TITLE_WIDTH - LABEL_WIDTH;
  const x = (ratio: number): number =>
    PADDING + TITLE_WIDTH + (axisWidth * Math.log(ratio / first)) / Math.log(last / first || Math.E);

  const bars: string[] = [];
  let y = HEAD_HEIGHT;
  for (const group of groups) {
    const middle = y + (group.bars.length * BAR_HEIGHT) / 2 + 4;
    bars.push(text(PADDING + TITLE_WIDTH - 12, middle, group.title, '', 'end'));
    for (const { className, ratio } of group.bars) {
      const [left, right] = [Math.min(x(1), x(ratio)), Math.max(x(1), x(ratio))];
      bars.push(
        rect(left, y, Math.max(right - left, 2), BAR_HEIGHT - 2, className),
        text(right + 5, y + BAR_HEIGHT - 3, formatRatio(ratio), `small${className === 'own' ? ' strong' : ' soft'}`),
      );
      y += BAR_HEIGHT;
    }
    y += GROUP_GAP;
  }
  const grid = ticks.map(
    (tick) =>
      `<line x1="${x(tick).toFixed(1)}" x2="${x(tick).toFixed(1)}" y1="${HEAD_HEIGHT - 8}" y2="${y - GROUP_GAP / 2}" class="${tick === 1 ? 'one' : 'grid'}"/>` +
      text(x(tick), HEAD_HEIGHT - 14, `${tick}×`, 'small soft', 'middle'),
  );
  const shown = PEERS.filter(({ name }) => groups.some((group) => group.bars.some(({ peer }) => peer === name)));
  const legend = shown.map(({ name, className }, i) => {
    const left = PADDING + i * 170;
    return rect(left, 50, 11, 11, className) + text(left + 17, 60, `${name} ${peers[name]?.version ?? ''}`.trimEnd());
  });
  const height = y - GROUP_GAP + FOOT_HEIGHT;
  const title = `Messages per CPU second of the server, as a multiple of ${BASELINE}: higher is better`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>${escape(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="6" class="ground"/>`,
    text(PADDING, 32, title, 'head'),
    ...legend,
    ...grid,
    ...bars,
    text(
      PADDING,
      height - 13,
      `npm run bench, ${date.slice(0, 10)}: ${machine.processor}, ${machine.processors} processors, Node ${machine.node}`,
      'small soft',
    ),
    '</svg>\n',
  ].join('\n');
}

function groupOf({ name, peers }: BenchmarkResult): readonly Group[] {
  const title = LOADS[name];
  const bars = PEERS.flatMap((known): readonly Bar[] => {
    const ratio = peers.find(({ peer }) => peer === known.name)?.summaries['cpu']?.ratio;
    return ratio === undefined ? [] : [{ peer: known.name, className: known.className, ratio }];
  });
  return title === undefined || bars.length === 0 ? [] : [{ title, bars }];
}

/** Returns the ticks from the last one up to `low` to the first one from `high` on. */
function ticksAround(low: number, high: number): readonly number[] {
  const first = TICKS.findLastIndex((tick) => tick <= low);
  const last = TICKS.findIndex((tick) => tick >= high);
  return TICKS.slice(Math.max(first, 0), last < 0 ? TICKS.length : last + 1);
}

function rect(x: number, y: number, width: number, height: number, className: string): string {
  return `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${height}" rx="1.5" class="${className}"/>`;
}

function text(
  x: number,
  y: number,
  content: string,
  className = '',
  anchor: 'start' | 'middle' | 'end' = 'start',
): string {
  const attributes = [
    `x="${x.toFixed(1)}" y="${y}"`,
    ...(className === '' ? [] : [`class="${className}"`]),
    ...(anchor === 'start' ? [] : [`text-anchor="${anchor}"`]),
  ];
  return `<text ${attributes.join(' ')}>${escape(content)}</text>`;
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
