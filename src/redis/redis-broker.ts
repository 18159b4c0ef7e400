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
import { Link, type Reply, toBrokerError } from './link.ts';
import { Names, partitionOf, PARTITIONS } from './names.ts';
import { checkRedisOptions, type RedisBrokerOptions, type RedisSettings } from './options.ts';
import { type Outcome, Partition } from './partition.ts';
import { toReadValues, toSlice } from './reads.ts';
import { READ, RENEW } from './scripts.ts';
import { checkServer } from './server-checks.ts';

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
      await checkServer(await this.#appends.open());
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

  #connect(): Promise<Link> {
    const [address] = this.#settings.addresses;
    if (this.#library === undefined || address === undefined) throw new BrokerError('down', 'the broker is not open');
    return Link.connect(this.#library, this.#settings, address);
  }

  #checkOpen(): void {
    if (this.#sink === undefined || this.#isClosed) throw new BrokerError('down', 'the broker is not open');
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

  /** An answer says that the server at the other end is the wrong one by now, or has lost the scripts. */
  #onRefused(_error: BrokerError, _link: Link): void {}

  #closeLinks(): void {
    this.#appends.close();
    this.#reads.close();
    this.#feedLink.close();
  }
}

/** Ids and flags by turns. */
function toNodes(reply: Reply): NodeInfo[] {
  const values = (reply as readonly Reply[]).map(String);
  const nodes: NodeInfo[] = [];
  for (let i = 0; i < values.length; i += 2) nodes.push({ id: values[i] ?? '', isDraining: values[i + 1] === '1' });
  return nodes;
}
