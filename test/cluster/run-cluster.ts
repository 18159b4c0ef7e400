/** The long form of the fault tests: a cluster under load, and faults at random, for as long as one likes. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerKind } from '../redis/programs.ts';
import { toMegabytes } from '../soak/memory.ts';
import { createRandom } from '../soak/random.ts';
import type { Cluster } from './cluster.ts';
import { cutConnections, fillBroker, hop, killBroker, killNode, stopBroker, stopNode } from './faults.ts';
import { startWorld, type World } from './world.ts';

export interface ClusterSoakOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly kind: BrokerKind;
  readonly clients: number;
  /** Mistakes of the product, as a counter-check. */
  readonly mistakes?: readonly string[];
}

const NODES = 3;
const TOPICS = ['a', 'b', 'c', 'd'];
/** After so many faults everything is judged, and what was seen is forgotten. */
const FAULTS_PER_ROUND = 4;
const MOST_RING_BYTES = 128 * 1024 * 1024;
/** Nodes may hold so much more at the end than after the first round. */
const MAX_GROWTH_SHARE = 1.3;
const MAX_GROWTH_BYTES = 30_000_000;

type RandomFault = (world: World, random: () => number) => Promise<void>;

/** Starts a node in the place of one that goes. */
async function replaceNode({ cluster }: World): Promise<void> {
  const [leaving] = cluster.livingNodes;
  const next = await cluster.startNode();
  await cluster.setNodes(cluster.livingNodes.filter((node) => node !== leaving));
  await leaving!.ask('drain', []);
  await leaving!.ended();
  await cluster.publishFrom(next, { topics: TOPICS, perSecond: 50 });
}

async function killAndReplaceNode(world: World): Promise<void> {
  const { cluster } = world;
  await killNode(world, cluster.livingNodes[0]!);
  const next = await cluster.startNode();
  await cluster.setNodes(cluster.livingNodes);
  await cluster.publishFrom(next, { topics: TOPICS, perSecond: 50 });
}

const FAULTS: Readonly<Record<string, RandomFault>> = {
  'kill -9 of a node': killAndReplaceNode,
  'kill -9 of the broker': (world, random) => killBroker(world, random() * 3000),
  'SIGSTOP of the broker': (world, random) => stopBroker(world, random() * 8000),
  'SIGSTOP of a node': ({ cluster }, random) => stopNode(cluster.livingNodes[1]!, random() * 5000),
  'a node is replaced': replaceNode,
  'connections to the broker are cut': cutConnections,
  'half of the clients move': (world) => hop(world),
  'the broker has no memory': (world, random) => fillBroker(world, random() * 1000),
};

/** Runs the soak. Returns all problems. */
export async function runClusterSoak(options: ClusterSoakOptions, print: (line: string) => void): Promise<string[]> {
  const { minutes, seed, kind, clients, mistakes = [] } = options;
  const random = createRandom(seed);
  const problems: string[] = [];
  const world = await startWorld({ kind, nodes: NODES, mistakes, messages: 2000 });
  const { cluster } = world;
  let stored = 0;
  let seen = 0;
  let firstBytes: number | undefined;
  try {
    const started = await cluster.startClients({ name: 'client ', count: clients, topics: TOPICS, topicsEach: 1 });
    const endMs = performance.now() + minutes * 60_000;
    for (let round = 1; performance.now() < endMs; round++) {
      for (const node of cluster.livingNodes) await cluster.publishFrom(node, { topics: TOPICS, perSecond: 50 });
      for (const client of [0, 1, 2]) await cluster.publishFromClient(started, client, { topics: TOPICS });
      const done = await breakAtRandom(world, random, endMs);
      const result = await cluster.judge();
      stored += result.stored;
      seen += result.seen;
      print(`round ${round}: ${done.join(', ')}`);
      print(`  ${result.stored} stored, ${result.unknown} unknown, ${result.failed} failed, ${result.seen} seen`);
      const found = [
        ...result.problems.map(({ kind: what, text }) => `${what}: ${text}`),
        ...result.late.map((who) => `${who} has not seen the last message`),
        ...Object.entries(result.gaps).map(([reason, count]) => `${count} gaps (${reason}) were told`),
      ];
      for (const problem of found.slice(0, 10)) print(`PROBLEM ${problem}`);
      problems.push(...found);
      const bytes = await mostBytes(cluster, problems);
      firstBytes ??= bytes;
      if (bytes > firstBytes * MAX_GROWTH_SHARE + MAX_GROWTH_BYTES) {
        problems.push(`a node holds ${toMegabytes(bytes)}, after the first round ${toMegabytes(firstBytes)}`);
      }
    }
  } finally {
    await world.close();
  }
  print(`${stored} messages stored, ${seen} seen; RSS of a node at most ${toMegabytes(cluster.peak.rssBytes)}`);
  return problems;
}

/** Breaks one thing after the other. Returns their names. */
async function breakAtRandom(world: World, random: () => number, endMs: number): Promise<string[]> {
  const names = Object.keys(FAULTS);
  const done: string[] = [];
  for (let i = 0; i < FAULTS_PER_ROUND && (i === 0 || performance.now() < endMs); i++) {
    await sleep(500 + random() * 1500);
    const name = names[Math.floor(random() * names.length)]!;
    done.push(name);
    await FAULTS[name]!(world, random);
  }
  await sleep(1000);
  return done;
}

/** The memory in use of the node that holds most. */
async function mostBytes(cluster: Cluster, problems: string[]): Promise<number> {
  const figures = await cluster.watchFigures();
  for (const { ringBytes, outboxWaiting } of figures) {
    if (ringBytes > MOST_RING_BYTES) problems.push(`the rings of a node hold ${toMegabytes(ringBytes)}`);
    if (outboxWaiting > 0) problems.push(`${outboxWaiting} publications wait in the outbox of a node`);
  }
  return Math.max(...figures.map(({ usedBytes }) => usedBytes));
}
