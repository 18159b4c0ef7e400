import { runInOwnContext } from '../base/own-context.ts';
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
} from './broker.ts';

/** What a connection needs of the logs. */
export interface ConnectedLogs {
  readonly epoch: string;
  add(connection: MemoryConnection): void;
  remove(connection: MemoryConnection): void;
  append(append: Append): Appended | BrokerError;
  read(query: ReadQuery): Slice;
  unwatched(topics: readonly string[]): void;
  renew(node: NodeInfo, ttlMs: number): NodeInfo[];
}

/** A broker whose logs lie in the memory of this process. */
export class MemoryConnection implements Broker {
  readonly #logs: ConnectedLogs;
  readonly #watched = new Set<string>();
  #sink: BrokerSink | undefined;
  /** What the sink is told in the next microtask, in order. */
  #pending: (() => void)[] = [];

  constructor(logs: ConnectedLogs) {
    this.#logs = logs;
  }

  // Broker

  async open(sink: BrokerSink): Promise<void> {
    this.#sink = sink;
    this.#logs.add(this);
  }

  async append(batch: readonly Append[]): Promise<readonly (Appended | BrokerError)[]> {
    this.#checkOpen();
    return batch.map((append) => this.#logs.append(append));
  }

  async read(queries: readonly ReadQuery[]): Promise<readonly Slice[]> {
    this.#checkOpen();
    return queries.map((query) => this.#logs.read(query));
  }

  async watch(topics: readonly string[]): Promise<void> {
    this.#checkOpen();
    for (const topic of topics) this.#watched.add(topic);
  }

  unwatch(topics: readonly string[]): void {
    this.#logs.unwatched(topics.filter((topic) => this.#watched.delete(topic)));
  }

  async renew(node: NodeInfo, ttlMs: number): Promise<readonly NodeInfo[]> {
    this.#checkOpen();
    return this.#logs.renew(node, ttlMs);
  }

  async close(): Promise<void> {
    this.#sink = undefined;
    this.unwatch([...this.#watched]);
    this.#logs.remove(this);
  }

  // for the logs

  isWatching(topic: string): boolean {
    return this.#watched.has(topic);
  }

  announce(topic: string, entry: Entry): void {
    if (this.#watched.has(topic)) this.#tell(() => this.#sink?.onEntry(topic, this.#logs.epoch, entry));
  }

  doubt(topic: string): void {
    if (this.#watched.has(topic)) this.#tell(() => this.#sink?.onDoubt([topic]));
  }

  /**
   * Tells the sink something soon, never from within the call that causes it.
   *
   * @remarks The first announcement of a turn would otherwise take the contexts of its publisher to all subscribers.
   */
  #tell(news: () => void): void {
    if (this.#pending.push(news) === 1) runInOwnContext(() => queueMicrotask(() => this.#tellAll()));
  }

  #tellAll(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const news of pending) news();
  }

  #checkOpen(): void {
    if (this.#sink === undefined) throw new BrokerError('down', 'the memory broker is not open');
  }
}
