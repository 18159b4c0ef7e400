import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerKind } from '../redis/programs.ts';
import { type BrokerServer, type Persistence, startServer } from '../redis/servers.ts';
import { Cluster, type ClusterOptions } from './cluster.ts';
import type { Publication } from './records.ts';
import { Switch } from './switch.ts';

export interface WorldOptions extends Omit<ClusterOptions, 'brokerUrl'> {
  readonly kind: BrokerKind;
  /** Default `'everysec'`. */
  readonly persistence?: Persistence;
  /** Whether there is a second server with the same data. Default false. */
  readonly hasStandby?: boolean | undefined;
  readonly nodes: number;
  /** Further arguments of the server. */
  readonly args?: readonly string[];
}

/** A cluster, its broker, and all that may be broken. */
export interface World {
  readonly cluster: Cluster;
  readonly broker: BrokerServer;
  /** Has the data of the broker, until a failover. */
  readonly standby: BrokerServer | undefined;
  /** Leads to the broker, where there is a standby. */
  readonly door: Switch | undefined;
  close(): Promise<void>;
}

/** Starts a broker and nodes. The caller closes them. */
export async function startWorld(options: WorldOptions): Promise<World> {
  const { kind, persistence = 'everysec', hasStandby = false, nodes, args = [], ...more } = options;
  const open: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    for (const each of open.toReversed()) await each.close();
  };
  try {
    const broker = await startServer({ kind, persistence, args });
    open.push(broker);
    const standby = hasStandby ? await startStandby(kind, broker) : undefined;
    if (standby !== undefined) open.push(standby);
    const door = standby && (await Switch.open(broker.port));
    if (door !== undefined) open.push(door);
    const cluster = new Cluster({ ...more, brokerUrl: (door ?? broker).url });
    open.push(cluster);
    await cluster.startNodes(nodes);
    return { cluster, broker, standby, door, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startStandby(kind: BrokerKind, broker: BrokerServer): Promise<BrokerServer> {
  const args = ['--replicaof', '127.0.0.1', `${broker.port}`];
  const standby = await startServer({ kind, persistence: 'everysec', args });
  while (!(await standby.cli('INFO', 'replication')).includes('master_link_status:up')) await sleep(50);
  return standby;
}

/** The acknowledged messages that the log does not hold any more. Nothing may have been trimmed. */
export async function findLost({ cluster }: World, publications: readonly Publication[]): Promise<ReadonlySet<number>> {
  const stored = publications.filter(({ outcome }) => outcome === 'stored');
  const held = new Set<number>();
  for (const topic of new Set(stored.map((each) => each.topic))) {
    for (const id of await cluster.livingNodes[0]!.ask('log', [topic])) held.add(id);
  }
  return new Set(stored.flatMap(({ id }) => (held.has(id) ? [] : [id])));
}
