import { randomBytes } from 'node:crypto';
import {
  type Append,
  type Appended,
  type Broker,
  BrokerError,
  type BrokerSink,
  type Entry,
  type NodeInfo,
  type ReadQuery,
  type Slice,
} from '../topics/broker.ts';
import { loadClientLibrary } from './client-library.ts';
import { type Link, type Reply, toBrokerError } from './link.ts';
import { LEASES_PARTITION, Names, partitionOf, PARTITIONS } from './names.ts';
import { toOpenError } from './open-errors.ts';
import { checkRedisOptions, type RedisBrokerOptions, type RedisSettings } from './options.ts';
import { type Outcome, Partition } from './partition.ts';
import { toReadValues, toSlice } from './reads.ts';
import { READ, RENEW, type Script } from './scripts.ts';
import { Shards, type ShardsListener } from './shards.ts';

/**
 * Keeps topics in a Redis or Valkey server, or in a cluster of them: the broker of servers on many machines.
 *
 * @remarks Needs Redis 7, Valkey 8 or later, `maxmemory-policy noeviction`, and the package `@redis/client` 6 or later. What
 * is stored while a connection is lost is stored once, and in order: the server keeps a fence for each node. What a message
 * outlives is the persistence of the server: without any, a restart of it is a gap for all subscribers, with
 * `appendonly yes` none. Give each server of a process a broker of its own.
 * @throws FourDError `ERR_INVALID_OPTION` for an option that does not exist, or cannot be used
 * @example
 * const broker = redisBroker({ url: 'redis://127.0.0.1:6379' });
 * const server = await WebSocketServer.serve(door, { port: 8080, topics: { broker } });
 */
export function redisBroker(options: RedisBrokerOptions): Broker {
  return new RedisBroker(checkRedisOptions(options));
}

/** A broker whose logs lie in Redis or Valkey servers. */
class RedisBroker implements Broker, ShardsListener {
  readonly isFenced = true;
  readonly #settings: RedisSettings;
  readonly #names: Names;
  readonly #shards: Shards;
  readonly #partitions: readonly Partition[];
  #sink: BrokerSink | undefined;
  #isUp = false;

  constructor(settings: RedisSettings) {
    this.#settings = settings;
    this.#names = new Names(settings.prefix);
    this.#shards = new Shards(settings, this.#names, this);
    const node = randomBytes(16).toString('hex');
    this.#partitions = Array.from({ length: PARTITIONS }, (_, index) => {
      const fence = this.#names.fence(index, node);
      const link = (): Link | undefined => this.#shards.of(index)?.appends;
      return new Partition(fence, this.#names, link, ({ cause }, asked) => this.#shards.onRefused(cause, asked));
    });
  }

  // Broker

  async open(sink: BrokerSink): Promise<void> {
    const library = await loadClientLibrary();
    try {
      await this.#shards.open(library);
      await this.#tryAll();
    } catch (thrown) {
      this.#shards.close();
      throw toOpenError(thrown, this.#settings);
    }
    this.#sink = sink;
    this.#isUp = true;
  }

  async append(batch: readonly Append[]): Promise<readonly (Appended | BrokerError)[]> {
    this.#checkOpen();
    const groups = new Map<number, { appends: Append[]; indexes: number[] }>();
    for (const [index, append] of batch.entries()) {
      const number = partitionOf(append.topic);
      let group = groups.get(number);
      if (group === undefined) {
        group = { appends: [], indexes: [] };
        groups.set(number, group);
      }
      group.appends.push(append);
      group.indexes.push(index);
    }
    const outcomes: Outcome[] = [];
    await Promise.all(
      Array.from(groups, async ([number, { appends, indexes }]) => {
        const found = (await this.#partitions[number]?.append(appends)) ?? [];
        for (const [i, index] of indexes.entries()) outcomes[index] = found[i] as Outcome;
      }),
    );
    return outcomes;
  }

  async read(queries: readonly ReadQuery[]): Promise<readonly Slice[]> {
    this.#checkOpen();
    return Promise.all(queries.map((query) => this.#readOne(query)));
  }

  async watch(topics: readonly string[]): Promise<void> {
    this.#checkOpen();
    await this.#shards.watch(topics);
  }

  unwatch(topics: readonly string[]): void {
    this.#shards.unwatch(topics);
  }

  async renew(node: NodeInfo, ttlMs: number): Promise<readonly NodeInfo[]> {
    this.#checkOpen();
    const values = [node.id, node.isDraining ? '1' : '0', `${Math.ceil(ttlMs)}`];
    return toNodes(await this.#ask(LEASES_PARTITION, RENEW, [this.#names.leases], values));
  }

  async close(): Promise<void> {
    this.#sink = undefined;
    this.#shards.close();
  }

  // ShardsListener

  onEntry(topic: string, epoch: string, entry: Entry): void {
    this.#sink?.onEntry(topic, epoch, entry);
  }

  onDoubt(topics: readonly string[] | 'all'): void {
    this.#sink?.onDoubt(topics);
  }

  onFeedState(): void {
    const { isUp } = this.#shards;
    if (this.#sink === undefined || isUp === this.#isUp) return;
    this.#isUp = isUp;
    this.#sink.onState(isUp ? 'up' : 'down');
  }

  onPartitionLost(partition: number): void {
    this.#partitions[partition]?.onLost();
  }

  /** Does a little of everything that this user must be allowed to do. */
  async #tryAll(): Promise<void> {
    const topic = '@try';
    await this.#ask(
      partitionOf(topic),
      READ,
      [this.#names.log(topic), this.#names.state(topic)],
      toReadValues({ topic, limit: 0, maxBytes: 0 }),
    );
    await this.#shards.watch([topic]);
    this.#shards.unwatch([topic]);
  }

  async #readOne(query: ReadQuery): Promise<Slice> {
    const keys = [this.#names.log(query.topic), this.#names.state(query.topic)];
    return toSlice(await this.#ask(partitionOf(query.topic), READ, keys, toReadValues(query)), query);
  }

  /** Runs a script that changes nothing which must not be done twice. */
  async #ask(partition: number, script: Script, keys: readonly string[], values: readonly string[]): Promise<Reply> {
    const link = this.#shards.of(partition)?.reads;
    if (link === undefined) throw new BrokerError('down', 'the server is away');
    try {
      return await link.run(script, keys, values);
    } catch (thrown) {
      const error = toBrokerError(thrown);
      this.#shards.onRefused(error.cause, link);
      throw error;
    }
  }

  #checkOpen(): void {
    if (this.#sink === undefined) throw new BrokerError('down', 'the broker is not open');
  }
}

/** Ids and flags by turns. */
function toNodes(reply: Reply): NodeInfo[] {
  const values = (reply as readonly Reply[]).map(String);
  const nodes: NodeInfo[] = [];
  for (let i = 0; i < values.length; i += 2) nodes.push({ id: values[i] ?? '', isDraining: values[i + 1] === '1' });
  return nodes;
}
