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
import { type ClientLibrary, loadClientLibrary } from './client-library.ts';
import { toOpenError } from './open-errors.ts';
import { Feed, type FeedListener } from './feed.ts';
import { KeptLink } from './kept-link.ts';
import { Link, type Reply, ServerRefusal, toBrokerError } from './link.ts';
import { Names, partitionOf, PARTITIONS } from './names.ts';
import { checkRedisOptions, type RedisBrokerOptions, type RedisSettings } from './options.ts';
import { type Outcome, Partition } from './partition.ts';
import { toReadValues, toSlice } from './reads.ts';
import { READ, RENEW } from './scripts.ts';
import { checkServer } from './server-checks.ts';

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

/** A broker whose logs lie in a Redis or Valkey server. */
class RedisBroker implements Broker, FeedListener {
  readonly isFenced = true;
  readonly #settings: RedisSettings;
  readonly #names: Names;
  readonly #partitions: readonly Partition[];
  readonly #appends: KeptLink;
  readonly #reads: KeptLink;
  readonly #feedLink: KeptLink;
  readonly #feed: Feed;
  #library: ClientLibrary | undefined;
  #sink: BrokerSink | undefined;
  #isUp = false;
  #isClosed = false;

  constructor(settings: RedisSettings) {
    this.#settings = settings;
    this.#names = new Names(settings.prefix);
    const node = randomBytes(16).toString('hex');
    const onRefused = (error: BrokerError, link: Link): void => this.#onRefused(error, link);
    this.#partitions = Array.from(
      { length: PARTITIONS },
      (_, index) => new Partition(this.#names.fence(index, node), this.#names, () => this.#appends.link, onRefused),
    );
    const connect = (): Promise<Link> => this.#connect();
    const onChange = (): void => this.#updateState();
    this.#appends = new KeptLink(connect, {
      onUp: onChange,
      onDown: () => {
        for (const partition of this.#partitions) partition.onLost();
        this.#updateState();
      },
    });
    this.#reads = new KeptLink(connect, { onUp: onChange, onDown: onChange });
    this.#feed = new Feed(this.#names, this);
    this.#feedLink = new KeptLink(connect, this.#feed);
  }

  // Broker

  async open(sink: BrokerSink): Promise<void> {
    this.#library ??= await loadClientLibrary();
    try {
      await this.#appends.open();
      await Promise.all([this.#reads.open(), this.#feedLink.open()]);
    } catch (thrown) {
      this.#closeLinks();
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
    const link = this.#checkedReads();
    try {
      return await Promise.all(
        queries.map(async (query) => {
          const keys = [this.#names.log(query.topic), this.#names.state(query.topic)];
          return toSlice(await link.run(READ, keys, toReadValues(query)), query);
        }),
      );
    } catch (thrown) {
      throw this.#refused(thrown, link);
    }
  }

  async watch(topics: readonly string[]): Promise<void> {
    this.#checkOpen();
    await this.#feed.watch(topics);
  }

  unwatch(topics: readonly string[]): void {
    this.#feed.unwatch(topics);
  }

  async renew(node: NodeInfo, ttlMs: number): Promise<readonly NodeInfo[]> {
    const link = this.#checkedReads();
    const values = [node.id, node.isDraining ? '1' : '0', `${Math.ceil(ttlMs)}`];
    try {
      return toNodes(await link.run(RENEW, [this.#names.leases], values));
    } catch (thrown) {
      throw this.#refused(thrown, link);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#sink = undefined;
    this.#closeLinks();
  }

  // FeedListener

  onEntry(topic: string, epoch: string, entry: Entry): void {
    this.#sink?.onEntry(topic, epoch, entry);
  }

  onDoubt(topics: readonly string[] | 'all'): void {
    this.#sink?.onDoubt(topics);
  }

  onFeedState(): void {
    this.#updateState();
  }

  async #connect(): Promise<Link> {
    const [address] = this.#settings.addresses;
    if (this.#library === undefined || address === undefined) throw new BrokerError('down', NOT_OPEN);
    const link = await Link.connect(this.#library, this.#settings, address);
    try {
      // Later nobody is left who could be told.
      if (this.#sink === undefined) await checkServer(link);
      await link.loadScripts();
      return link;
    } catch (thrown) {
      link.close();
      throw thrown;
    }
  }

  #checkOpen(): void {
    if (this.#sink === undefined || this.#isClosed) throw new BrokerError('down', NOT_OPEN);
  }

  #checkedReads(): Link {
    this.#checkOpen();
    const { link } = this.#reads;
    if (link === undefined) throw new BrokerError('down', 'the server is away');
    return link;
  }

  #updateState(): void {
    if (this.#sink === undefined) return;
    const isUp = this.#appends.link !== undefined && this.#reads.link !== undefined && this.#feed.isUp;
    if (isUp === this.#isUp) return;
    this.#isUp = isUp;
    this.#sink.onState(isUp ? 'up' : 'down');
  }

  #refused(thrown: unknown, link: Link): BrokerError {
    const error = toBrokerError(thrown);
    this.#onRefused(error, link);
    return error;
  }

  /** An answer may say that the server has lost the scripts, or is the wrong one by now. */
  #onRefused({ cause }: BrokerError, link: Link): void {
    if (!(cause instanceof ServerRefusal)) return;
    if (cause.kind === 'NOSCRIPT') link.loadScripts().catch(() => {});
    else if (cause.kind === 'READONLY') {
      // The name of the server may lead to another one now.
      for (const kept of [this.#appends, this.#reads, this.#feedLink]) kept.renew('the server is a replica now');
    }
  }

  #closeLinks(): void {
    this.#appends.close();
    this.#reads.close();
    this.#feedLink.close();
  }
}

const NOT_OPEN = 'the broker is not open';

/** Ids and flags by turns. */
function toNodes(reply: Reply): NodeInfo[] {
  const values = (reply as readonly Reply[]).map(String);
  const nodes: NodeInfo[] = [];
  for (let i = 0; i < values.length; i += 2) nodes.push({ id: values[i] ?? '', isDraining: values[i + 1] === '1' });
  return nodes;
}
