import { type Deadline, timers } from '../base/timers.ts';
import { BrokerError } from '../topics/broker.ts';
import type { ClientLibrary } from './client-library.ts';
import { readSlots } from './cluster-slots.ts';
import { Link, ServerRefusal } from './link.ts';
import { type Names, partitionOf, PARTITIONS } from './names.ts';
import type { RedisSettings, ServerAddress } from './options.ts';
import { checkServer } from './server-checks.ts';
import { Shard, type ShardListener } from './shard.ts';

/** How often a cluster is asked which server has what; answers that tell of a move ask sooner. */
const REFRESH_MS = 2000;
const REFRESH_SOON_MS = 100;

/** Answers that tell of another server for a partition, or of a cluster that is changing. */
const MOVES: ReadonlySet<string> = new Set(['MOVED', 'ASK', 'TRYAGAIN', 'CLUSTERDOWN']);

/** Who uses the servers. The methods never throw. */
export interface ShardsListener extends Omit<ShardListener, 'onAppendsLost' | 'onMoved'> {
  /** What was sent to the server of a partition may be stored, and the next one may be another server. */
  onPartitionLost(partition: number): void;
}

/** The servers, and which of them has which partition: one server has all of them, a cluster shares them out. */
export class Shards implements ShardListener, Deadline {
  readonly #settings: RedisSettings;
  readonly #names: Names;
  readonly #listener: ShardsListener;
  readonly #shards = new Map<string, Shard>();
  /** By partition. */
  readonly #routes: (Shard | undefined)[] = Array.from({ length: PARTITIONS });
  #library: ClientLibrary | undefined;
  #isOpen = false;
  #isRefreshing = false;
  #ticket: number | undefined;

  constructor(settings: RedisSettings, names: Names, listener: ShardsListener) {
    this.#settings = settings;
    this.#names = names;
    this.#listener = listener;
  }

  /** Tells whether some server can be used: what the others have waits. */
  get isUp(): boolean {
    for (const shard of this.#shards.values()) if (shard.isUp) return true;
    return false;
  }

  /** The server that has a partition. */
  of(partition: number): Shard | undefined {
    return this.#routes[partition];
  }

  /** Connects, and checks the servers. Rejects when that fails, and can be called again then. */
  async open(library: ClientLibrary): Promise<void> {
    this.#library = library;
    const { addresses, isCluster } = this.#settings;
    const [first] = addresses;
    const owners = isCluster ? await this.#askSeeds() : this.#routes.map(() => first);
    if (owners.includes(undefined)) throw new BrokerError('down', 'some slots of the cluster have no server');
    for (const [partition, address] of owners.entries()) {
      if (address !== undefined) this.#routes[partition] = this.#find(address) ?? this.#add(address);
    }
    await Promise.all(Array.from(this.#shards.values(), (shard) => shard.open()));
    this.#isOpen = true;
    if (isCluster) this.#ticket = timers.schedule(this, REFRESH_MS);
  }

  /** Watches topics at their servers. */
  async watch(topics: readonly string[]): Promise<void> {
    const byShard = this.#byShard(topics);
    if (byShard.has(undefined)) throw new BrokerError('down', 'no server has the topic at the moment');
    await Promise.all(Array.from(byShard, async ([shard, part]) => shard?.feed.watch(part)));
  }

  unwatch(topics: readonly string[]): void {
    for (const [shard, part] of this.#byShard(topics)) shard?.feed.unwatch(part);
  }

  /** An answer may say that the server has lost the scripts, or is the wrong one by now. */
  onRefused(cause: unknown, link: Link): void {
    if (!(cause instanceof ServerRefusal)) return;
    if (cause.kind === 'NOSCRIPT') link.loadScripts().catch(() => {});
    else if (cause.kind === 'READONLY') this.#find(link.address)?.renew('the server is a replica now');
    else if (MOVES.has(cause.kind)) this.onMoved();
  }

  close(): void {
    this.#isOpen = false;
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    for (const shard of this.#shards.values()) shard.close();
    this.#shards.clear();
    this.#routes.fill(undefined);
  }

  // ShardListener

  onEntry: ShardsListener['onEntry'] = (topic, epoch, entry) => this.#listener.onEntry(topic, epoch, entry);

  onDoubt: ShardsListener['onDoubt'] = (topics) => this.#listener.onDoubt(topics);

  onFeedState(): void {
    this.#listener.onFeedState();
  }

  onAppendsLost(shard: Shard): void {
    for (const [partition, each] of this.#routes.entries())
      if (each === shard) this.#listener.onPartitionLost(partition);
    this.onMoved();
  }

  /** Asks the cluster soon which server has what. */
  onMoved(): void {
    if (!this.#settings.isCluster || !this.#isOpen) return;
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#ticket = timers.schedule(this, REFRESH_SOON_MS);
  }

  // Deadline

  onDeadline(): void {
    this.#ticket = timers.schedule(this, REFRESH_MS);
    void this.#refresh();
  }

  #find({ host, port }: ServerAddress): Shard | undefined {
    return this.#shards.get(`${host} ${port}`);
  }

  #add(address: ServerAddress): Shard {
    const shard = new Shard(() => this.#connect(address), this.#names, this);
    this.#shards.set(`${address.host} ${address.port}`, shard);
    return shard;
  }

  async #connect(address: ServerAddress): Promise<Link> {
    if (this.#library === undefined) throw new BrokerError('down', 'the broker is not open');
    const link = await Link.connect(this.#library, this.#settings, address);
    try {
      // Later nobody is left who could be told.
      if (!this.#isOpen) await checkServer(link, this.#settings.isCluster);
      await link.loadScripts();
      return link;
    } catch (thrown) {
      link.close();
      throw thrown;
    }
  }

  /** Asks the first server of the options that answers. */
  async #askSeeds(): Promise<(ServerAddress | undefined)[]> {
    let failure: unknown;
    for (const address of this.#settings.addresses) {
      try {
        const link = await this.#connect(address);
        try {
          return readSlots(await link.send(['CLUSTER', 'SLOTS']), address);
        } finally {
          link.close();
        }
      } catch (thrown) {
        failure = thrown;
      }
    }
    throw failure;
  }

  async #refresh(): Promise<void> {
    if (this.#isRefreshing) return;
    this.#isRefreshing = true;
    try {
      const owners = await this.#askAnyone();
      if (this.#isOpen) this.#apply(owners);
    } catch {
      // The next time is soon.
    }
    this.#isRefreshing = false;
  }

  async #askAnyone(): Promise<(ServerAddress | undefined)[]> {
    for (const { reads } of this.#shards.values()) {
      if (reads !== undefined) return readSlots(await reads.send(['CLUSTER', 'SLOTS']), reads.address);
    }
    return this.#askSeeds();
  }

  /** Takes over who has what: a partition that no server has stays where it was. */
  #apply(owners: readonly (ServerAddress | undefined)[]): void {
    const moved = new Map<Shard, Set<number>>();
    for (const [partition, address] of owners.entries()) {
      const before = this.#routes[partition];
      const shard = address === undefined ? before : (this.#find(address) ?? this.#addRunning(address));
      if (shard === before) continue;
      this.#routes[partition] = shard;
      this.#listener.onPartitionLost(partition);
      if (before === undefined) continue;
      const partitions = moved.get(before) ?? new Set<number>();
      moved.set(before, partitions.add(partition));
    }
    for (const [before, partitions] of moved) {
      const topics = before.feed.release((partition) => partitions.has(partition));
      for (const [shard, part] of this.#byShard(topics)) shard?.feed.adopt(part);
    }
    for (const [name, shard] of this.#shards) {
      if (this.#routes.includes(shard)) continue;
      shard.close();
      this.#shards.delete(name);
    }
    this.#listener.onFeedState();
  }

  #addRunning(address: ServerAddress): Shard {
    const shard = this.#add(address);
    shard.start();
    return shard;
  }

  #byShard(topics: readonly string[]): Map<Shard | undefined, string[]> {
    const byShard = new Map<Shard | undefined, string[]>();
    for (const topic of topics) {
      const shard = this.of(partitionOf(topic));
      const part = byShard.get(shard);
      if (part === undefined) byShard.set(shard, [topic]);
      else part.push(topic);
    }
    return byShard;
  }
}
