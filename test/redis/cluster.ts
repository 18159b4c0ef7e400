import { setTimeout } from 'node:timers/promises';
import type { BrokerKind } from './programs.ts';
import { type BrokerServer, findFreePort, startServer } from './servers.ts';

const SLOTS = 16_384;

/** A cluster of three servers that share the slots, without replicas. */
export class BrokerCluster {
  readonly servers: readonly BrokerServer[];
  readonly #ids: readonly string[];

  constructor(servers: readonly BrokerServer[], ids: readonly string[]) {
    this.servers = servers;
    this.#ids = ids;
  }

  get urls(): string[] {
    return this.servers.map(({ url }) => url);
  }

  /** Moves a slot, with all that it has, as `redis-cli --cluster reshard` does. */
  async moveSlot(slot: number, from: number, to: number): Promise<void> {
    const source = this.servers[from]!;
    const target = this.servers[to]!;
    await target.cli('CLUSTER', 'SETSLOT', `${slot}`, 'IMPORTING', this.#ids[from]!);
    await source.cli('CLUSTER', 'SETSLOT', `${slot}`, 'MIGRATING', this.#ids[to]!);
    for (;;) {
      const keys = await source.cli('--raw', 'CLUSTER', 'GETKEYSINSLOT', `${slot}`, '500');
      if (keys === '') break;
      await source.cli('MIGRATE', '127.0.0.1', `${target.port}`, '', '0', '5000', 'KEYS', ...keys.split('\n'));
    }
    for (const server of [target, source, ...this.servers]) {
      await server.cli('CLUSTER', 'SETSLOT', `${slot}`, 'NODE', this.#ids[to]!);
    }
  }

  /** The number of the server that has a slot, and the slot of a key. */
  async find(key: string): Promise<{ slot: number; owner: number }> {
    const slot = Number(await this.servers[0]!.cli('CLUSTER', 'KEYSLOT', key));
    return { slot, owner: Math.floor((slot * this.servers.length) / SLOTS) };
  }

  async close(): Promise<void> {
    for (const server of this.servers) await server.close();
  }
}

/** Starts a cluster. The caller closes it. */
export async function startCluster(kind: BrokerKind): Promise<BrokerCluster> {
  const servers: BrokerServer[] = [];
  const busPorts: number[] = [];
  for (let i = 0; i < 3; i++) {
    const busPort = await findFreePort();
    busPorts.push(busPort);
    const args = ['--cluster-enabled', 'yes', '--cluster-port', `${busPort}`, '--cluster-node-timeout', '2000'];
    servers.push(await startServer({ kind, args }));
  }
  const [first, ...others] = servers;
  for (const [i, server] of servers.entries()) {
    const start = Math.ceil((i * SLOTS) / servers.length);
    const end = Math.ceil(((i + 1) * SLOTS) / servers.length) - 1;
    await server.cli('CLUSTER', 'SET-CONFIG-EPOCH', `${i + 1}`);
    await server.cli('CLUSTER', 'ADDSLOTSRANGE', `${start}`, `${end}`);
  }
  for (const [i, server] of others.entries()) {
    await first!.cli('CLUSTER', 'MEET', '127.0.0.1', `${server.port}`, `${busPorts[i + 1]}`);
  }
  const isReady = async (server: BrokerServer): Promise<boolean> => {
    const info = await server.cli('CLUSTER', 'INFO');
    return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${servers.length}`);
  };
  for (const server of servers) while (!(await isReady(server))) await setTimeout(50);
  const ids: string[] = [];
  for (const server of servers) ids.push(await server.cli('CLUSTER', 'MYID'));
  return new BrokerCluster(servers, ids);
}
