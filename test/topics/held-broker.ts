import {
  type Append,
  type Broker,
  BrokerError,
  type BrokerSink,
  type Entry,
  type NodeInfo,
  type ReadQuery,
} from '../../src/topics/broker.ts';

/** A broker that can be held back: calls wait until it is let go, and what was announced meanwhile is lost. */
export class HeldBroker implements Broker, BrokerSink {
  readonly appended: Append[] = [];
  /** True loses what is announced. */
  isDeaf = false;
  /** True carries appends out and does not say so. */
  losesAnswers = false;
  renewals = 0;
  /** Renewals wait for it. */
  mayRenew: Promise<void> | undefined;
  /** Reads of states wait for it. */
  mayReadState: Promise<void> | undefined;
  readonly #broker: Broker;
  #sink!: BrokerSink;
  #released: Promise<void> | undefined;
  #release: (() => void) | undefined;

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  hold(): void {
    this.#released ??= new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  release(): void {
    this.#release?.();
    this.#released = undefined;
    this.#sink.onDoubt('all');
  }

  async open(sink: BrokerSink): Promise<void> {
    this.#sink = sink;
    await this.#broker.open(this);
  }

  async append(batch: readonly Append[]): ReturnType<Broker['append']> {
    await this.#released;
    this.appended.push(...batch);
    const answers = await this.#broker.append(batch);
    return this.losesAnswers ? batch.map(() => new BrokerError('unknown', 'lost')) : answers;
  }

  async read(queries: readonly ReadQuery[]): ReturnType<Broker['read']> {
    await this.#released;
    if (queries.some(({ isStateWanted }) => isStateWanted)) await this.mayReadState;
    return this.#broker.read(queries);
  }

  async watch(topics: readonly string[]): Promise<void> {
    await this.#released;
    return this.#broker.watch(topics);
  }

  unwatch(topics: readonly string[]): void {
    this.#broker.unwatch(topics);
  }

  async renew(node: NodeInfo, ttlMs: number): ReturnType<Broker['renew']> {
    await this.#released;
    await this.mayRenew;
    this.renewals++;
    return this.#broker.renew(node, ttlMs);
  }

  async close(): Promise<void> {
    await this.#broker.close();
  }

  onEntry(topic: string, epoch: string, entry: Entry): void {
    if (this.#released === undefined && !this.isDeaf) this.#sink.onEntry(topic, epoch, entry);
  }

  onDoubt(topics: readonly string[] | 'all'): void {
    this.#sink.onDoubt(topics);
  }

  onState(state: 'up' | 'down'): void {
    this.#sink.onState(state);
  }
}
