/** Puts this library and its peers to the same faults, and has the same judge look at what came of it. */
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterOptions, RunResult } from '../cluster/cluster.ts';
import { COMMON_FAULTS, type Fault } from '../cluster/faults.ts';
import type { ProblemKind } from '../cluster/judge.ts';
import type { Publication } from '../cluster/records.ts';
import { findLost, startWorld } from '../cluster/world.ts';
import type { BrokerKind } from '../redis/programs.ts';

/** A library, and how its nodes and clients are run. */
export interface Peer {
  readonly name: string;
  readonly programs?: NonNullable<ClusterOptions['programs']>;
}

const PEERS: readonly Peer[] = [
  { name: '4d-websocket' },
  {
    name: 'Socket.IO 4.8.4, redis-streams-adapter 0.3.1',
    programs: {
      node: new URL('socket-io-node-process.ts', import.meta.url),
      clients: new URL('socket-io-client-process.ts', import.meta.url),
    },
  },
];

const CLIENTS = 60;
const TOPICS = ['a', 'b'];
const NODES = 3;
const BEFORE_MS = 1500;
const AFTER_MS = 4000;
/** All messages of a run fit into the history. */
const KEPT_MESSAGES = 20_000;

/** One row of the table. */
export interface Row {
  readonly peer: string;
  readonly fault: string;
  readonly result: RunResult;
}

/** Runs one fault with one library. */
async function runFault({ name, programs }: Peer, fault: Fault, kind: BrokerKind): Promise<Row> {
  const world = await startWorld({
    kind,
    nodes: NODES,
    messages: KEPT_MESSAGES,
    hasStandby: fault.needsStandby,
    ...(programs !== undefined && { programs }),
  });
  const { cluster } = world;
  try {
    const clients = await cluster.startClients({ name: 'client ', count: CLIENTS, topics: TOPICS, topicsEach: 1 });
    for (const node of cluster.nodes) await cluster.publishFrom(node, { topics: TOPICS, perSecond: 200 });
    for (const client of [0, 1, 2]) await cluster.publishFromClient(clients, client, { topics: TOPICS, perSecond: 30 });
    await sleep(BEFORE_MS);
    await fault.run(world);
    await sleep(AFTER_MS);
    const find = (publications: readonly Publication[]): ReturnType<typeof findLost> => findLost(world, publications);
    return { peer: name, fault: fault.name, result: await cluster.judge(fault.needsStandby ? find : undefined) };
  } finally {
    await world.close();
  }
}

/** Runs all faults with all libraries. Returns the table as Markdown. */
export async function comparePeers(kind: BrokerKind, print: (line: string) => void): Promise<string> {
  const rows: Row[] = [];
  for (const fault of COMMON_FAULTS) {
    for (const peer of PEERS) {
      const row = await runFault(peer, fault, kind);
      rows.push(row);
      print(`${row.peer}, ${row.fault}: ${row.result.problems.length} problems`);
      for (const { text } of row.result.problems.slice(0, 3)) print(`  ${text}`);
    }
  }
  const machine = `Node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} cores`;
  return [`${new Date().toISOString().slice(0, 10)}, ${kind}, ${machine}`, '', ...tableOf(rows)].join('\n');
}

function tableOf(rows: readonly Row[]): string[] {
  const heads = ['fault', 'library', 'acknowledged', 'lost', 'doubled', 'out of order', 'vanished', 'told', 'way back'];
  const lines = rows.map(({ peer, fault, result }) => {
    const countOf = (...kinds: readonly ProblemKind[]): string => {
      const problems = result.problems.filter((each) => kinds.includes(each.kind));
      const count = problems.reduce((sum, each) => sum + each.count, 0);
      return count === 0 ? '0' : `**${count}** (${problems.length} subscribers)`;
    };
    const gaps = Object.entries(result.gaps).map(([reason, count]) => `${count} ${reason}`);
    const back = Math.max(0, ...result.subscribers.flatMap(({ backMs }) => backMs));
    const told = [countOf('phantom', 'gap'), gaps.join(', ') || '0'];
    const backText = back === 0 ? '' : `${(back / 1000).toFixed(1)} s`;
    return [
      fault,
      peer,
      result.stored,
      countOf('lost', 'hole'),
      countOf('doubled'),
      countOf('disorder'),
      ...told,
      backText,
    ];
  });
  return [heads, heads.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`);
}
