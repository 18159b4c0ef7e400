/**
 * Measures what each setting of Redis and Valkey keeps when a server dies under load, and writes the table into
 * docs/guide/what-redis-keeps.md: `npm run measure:kept`. It takes two minutes, and the servers of scripts/install-brokers.sh.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { BROKER_KINDS, type BrokerKind, findServer, HOW_TO_INSTALL } from '../test/redis/programs.ts';
import { type Death, failOver, restart } from './kept/deaths.ts';

const file = new URL('../docs/guide/what-redis-keeps.md', import.meta.url);
const TABLE = /(?<=<!-- measured by npm run measure:kept -->\n\n)[^]*?(?=\n\n<!-- end -->)/;

const SNAPSHOTS = ['--save', '3600 1 300 100 60 10000'];
const MIN_REPLICAS = ['--min-replicas-to-write', '1', '--min-replicas-max-lag', '1'];

type Measure = (kind: BrokerKind) => Promise<Death>;

const CASES: readonly (readonly [setting: string, what: string, measure: Measure])[] = [
  ['`appendonly no`, no `save`', 'killed, started again', (kind) => restart(kind, 'none', [])],
  ['`save` as by default', 'killed, started again', (kind) => restart(kind, 'none', SNAPSHOTS)],
  ['`appendfsync everysec`', 'killed, started again', (kind) => restart(kind, 'everysec', [])],
  ['`appendfsync always`', 'killed, started again', (kind) => restart(kind, 'always', [])],
  ['a replica', 'replica promoted', (kind) => failOver(kind, [], false)],
  ['a replica that was away for 3 s', 'replica promoted', (kind) => failOver(kind, [], true)],
  ['the same, `min-replicas-to-write 1`', 'replica promoted', (kind) => failOver(kind, MIN_REPLICAS, true)],
];

const HEAD = ['server', 'setting', 'what happens', 'acknowledged', 'of these lost', 'gaps told', 'stored again after'];
const RULE = ['---', '---', '---', '---:', '---:', '---', '---:'];

const rows: string[][] = [HEAD, RULE];
for (const kind of BROKER_KINDS) {
  const version = findServer(kind);
  if (version === undefined) throw new Error(`there is no ${kind}: ${HOW_TO_INSTALL}`);
  for (const [setting, what, measure] of CASES) {
    const { acknowledged, lost, told, backMs } = await measure(kind);
    const figures = [acknowledged, lost].map((count) => String(count).replaceAll(/\B(?=(\d{3})+$)/g, ' '));
    rows.push([`${kind} ${version}`, setting, what, ...figures, told, `${(backMs / 1000).toFixed(1)} s`]);
    console.log(rows.at(-1)?.join(' | '));
  }
}
const table = rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
writeFileSync(
  file,
  readFileSync(file, 'utf8').replace(TABLE, () => table),
);
process.exit();
