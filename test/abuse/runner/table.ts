import type { Attack } from '../attack.ts';
import { allowedBytes } from '../bounds.ts';
import { limitsOf } from '../limits.ts';
import type { Height, Outcome } from './outcome.ts';

const COLUMNS = [
  'attack',
  'peers',
  'at once',
  'held each',
  'bound each',
  'allowed',
  'p50 ms',
  'p99 ms',
  'lost',
  'ended',
  'verdict',
];

/** The head of the table in Markdown. */
export const TABLE_HEAD = `${toRow(COLUMNS)}\n${toRow(COLUMNS.map(() => '---'))}`;

/** Builds the row of one attack. */
export function toTableRow({ name }: Pick<Attack, 'name'>, outcome: Outcome, problems: readonly string[]): string {
  const { heights, hostile, honest } = outcome;
  const highest = heights.toSorted((left, right) => shareOf(right) - shareOf(left))[0];
  const { before, during } = honest.latencies;
  return toRow([
    name,
    String(hostile.peers),
    String(highest?.peers ?? 0),
    highest === undefined ? '' : toSize(highest.heldBytes / Math.max(1, highest.peers)),
    highest === undefined ? '' : toSize(highest.bound.bytes),
    highest === undefined ? '' : toSize(allowedBytes(highest.peers, highest.bound.bytes) / Math.max(1, highest.peers)),
    `${toMs(before?.p50Ms)} → ${toMs(during?.p50Ms)}`,
    `${toMs(before?.p99Ms)} → ${toMs(during?.p99Ms)}`,
    `${honest.lost} of ${honest.sent}`,
    Object.entries(hostile.endings)
      .toSorted(([, left], [, right]) => right - left)
      .map(([ending, count]) => `${ending}: ${count}`)
      .join(', '),
    problems.length === 0 ? 'ok' : 'FAILED',
  ]);
}

/** Describes an attack: what its peers do, the sum behind its bound, and the settings that are not the default. */
export function toLegend({ name, title, bound, peers, settings, web }: Attack): string {
  const set = Object.entries({ ...settings, ...web }).map(([option, value]) => `${option} ${JSON.stringify(value)}`);
  const { formula } = bound(limitsOf(settings), peers);
  return `${name}: they ${title}. Bound: ${formula}${set.length === 0 ? '' : `. Set: ${set.join(', ')}`}`;
}

/** Returns the share of the allowed memory that the server held. */
function shareOf({ peers, heldBytes, bound }: Height): number {
  return heldBytes / allowedBytes(peers, bound.bytes);
}

function toRow(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** Formats bytes in KiB or MiB. */
function toSize(bytes: number): string {
  return bytes < 1_048_576 ? `${Math.round(bytes / 1024)} KiB` : `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

function toMs(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(1);
}
