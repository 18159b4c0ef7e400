/** Faults of brokers and nodes. What they break is mended again, as an operator would. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clients, Node } from './cluster.ts';
import type { World } from './world.ts';

/** A fault that any library must live through: this one and others. */
export interface Fault {
  readonly name: string;
  readonly needsStandby?: boolean;
  readonly run: (world: World) => Promise<void>;
}

const BROKER_AWAY_MS = 1000;
const STOPPED_MS = 6000;
/** For so long the broker takes messages that its standby does not get. */
const SUFFIX_MS = 400;
const FEED_CUTS = 5;
const FEED_CUT_MS = 400;
const HOP_AFTER_MS = 300;

/** Kills a node, and clients with it that nobody hears of again. */
export async function killNode({ cluster }: World, node: Node, ghosts?: Clients): Promise<void> {
  await Promise.all([cluster.kill(node), ghosts && cluster.kill(ghosts)]);
  await cluster.setNodes(cluster.livingNodes);
}

export async function killBroker({ broker }: World, awayMs: number = BROKER_AWAY_MS): Promise<void> {
  await broker.kill();
  await sleep(awayMs);
  await broker.start();
}

export async function stopBroker({ broker }: World, forMs: number = STOPPED_MS): Promise<void> {
  broker.stop();
  await sleep(forMs);
  broker.continue();
}

export async function stopNode(node: Node, forMs: number): Promise<void> {
  node.signal('SIGSTOP');
  await sleep(forMs);
  node.signal('SIGCONT');
}

/** The standby takes over without the newest messages, whose publishers were told that they are stored. */
export async function failOver({ broker, standby, door }: World): Promise<void> {
  await standby!.cli('REPLICAOF', 'NO', 'ONE');
  await sleep(SUFFIX_MS);
  broker.stop();
  door!.turn(standby!.port);
  await broker.kill();
}

/** Cuts the connections to the broker, again and again. */
export async function cutConnections({ broker }: World): Promise<void> {
  for (let i = 0; i < FEED_CUTS; i++) {
    for (const type of ['pubsub', 'normal']) await broker.cli('CLIENT', 'KILL', 'TYPE', type);
    await sleep(FEED_CUT_MS);
  }
}

/** The broker has no memory left for a while, and refuses to store anything. */
export async function fillBroker({ broker }: World, forMs: number): Promise<void> {
  await broker.cli('CONFIG', 'SET', 'maxmemory', '100kb');
  await sleep(forMs);
  await broker.cli('CONFIG', 'SET', 'maxmemory', '0');
}

/** A part of the clients lose their connections, and come back on other nodes. */
export async function hop({ cluster }: World, share = 0.5): Promise<void> {
  await Promise.all(cluster.livingClients.map((clients) => clients.ask('reconnect', [share])));
}

function withHop(run: Fault['run']): Fault['run'] {
  return async (world) => {
    const isOver = run(world);
    await sleep(HOP_AFTER_MS);
    await hop(world);
    await isOver;
  };
}

/** The faults that other libraries are put to as well. In each of them half of the clients lose their connections too. */
export const COMMON_FAULTS: readonly Fault[] = [
  { name: 'kill -9 of a node', run: (world) => killNode(world, world.cluster.livingNodes[0]!) },
  { name: 'kill -9 of the broker, back after 1 s', run: withHop(killBroker) },
  { name: 'SIGSTOP of the broker for 6 s', run: withHop(stopBroker) },
  { name: 'failover that loses 0.4 s', needsStandby: true, run: withHop(failOver) },
  { name: 'connections to the broker cut 5 times', run: withHop(cutConnections) },
];
