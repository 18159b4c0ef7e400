import { median } from '../report/statistics.ts';
import type { BroadcastFigures, ScaleResult, ServerFigures } from './scale-result.ts';

const NAME_WIDTH = 34;
const CELL_WIDTH = 12;

/** Formats the result of one peer: a table of its processes, and one of the ways to send to all. */
export function formatScale(result: ScaleResult): string {
  const { peer, version, connections, openMs, idleMs, servers, broadcasts } = result;
  const seconds = openMs / 1000;
  const ways = new Set(broadcasts.map(({ way }) => way));
  return [
    `${peer} ${version}: ${count(connections)} connections, opened in ${seconds.toFixed(1)} s ` +
      `(${count(connections / seconds)}/s)`,
    row('', [...servers.map((_, i) => `server ${i + 1}`), 'in all']),
    figures('connections', servers, (server) => server.connections, 'sum', count),
    figures('RSS, MiB', servers, (server) => server.rssBytes / 2 ** 20, 'sum', count),
    figures('RSS, bytes/connection', servers, (server) => server.rssBytesPerConnection, 'mean', count),
    figures('heap, bytes/connection', servers, (server) => server.heapBytesPerConnection, 'mean', count),
    figures(`idle for ${idleMs / 1000} s: CPU, %`, servers, ({ idle }) => idle.cpuShare * 100, 'sum', tenths),
    figures('  pings answered', servers, ({ idle }) => idle.pings, 'sum', count),
    figures('  longest loop delay, ms', servers, ({ idle }) => idle.maxLoopDelayMs, 'max', tenths),
    '',
    row('one message to all, ms until', ['first', 'half', 'last', 'loop delay']),
    ...Array.from(ways, (way) => formatWay(broadcasts.filter((each) => each.way === way))),
    `  each of the ${count(connections)} clients got each message once; medians of ${broadcasts.length / ways.size} rounds`,
    '',
  ].join('\n');
}

function formatWay(rounds: readonly BroadcastFigures[]): string {
  const cells = [
    rounds.map(({ firstMs }) => firstMs),
    rounds.map(({ halfMs }) => halfMs),
    rounds.map(({ lastMs }) => lastMs),
    rounds.map(({ loopDelays }) => Math.max(...loopDelays.map(({ max }) => max))),
  ];
  const name = rounds[0]?.way === 'broadcast' ? 'wss.broadcast' : 'send in a loop';
  return row(
    name,
    cells.map((values) => tenths(median(values))),
  );
}

function figures(
  name: string,
  servers: readonly ServerFigures[],
  figureOf: (server: ServerFigures) => number,
  together: 'sum' | 'mean' | 'max',
  format: (figure: number) => string,
): string {
  const values = servers.map(figureOf);
  const sum = values.reduce((left, right) => left + right, 0);
  const all = together === 'max' ? Math.max(...values) : together === 'sum' ? sum : sum / values.length;
  return row(name, [...values, all].map(format));
}

function row(name: string, cells: readonly string[]): string {
  return `  ${name.padEnd(NAME_WIDTH)}${cells.map((cell) => cell.padStart(CELL_WIDTH)).join('')}`.trimEnd();
}

function count(figure: number): string {
  return Math.round(figure).toLocaleString('en');
}

function tenths(figure: number): string {
  return figure.toLocaleString('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}
