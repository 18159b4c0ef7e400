import {
  type Append,
  type Appended,
  type Broker,
  BrokerError,
  type BrokerSink,
  type NodeInfo,
  type ReadQuery,
  type Slice,
} from '../../src/topics/broker.ts';
import { MemoryLogs } from '../../src/topics/memory-logs.ts';

/** A memory broker that notes what it is asked, and can be kept from answering. */
export class SpiedBroker implements Broker {
  readonly reads: ReadQuery[] = [];
  readonly watched: string[] = [];
  readonly unwatched: string[] = [];
  /** Topics of which nothing is announced until they are watched again. */
  readonly mute = new Set<string>();
  isDown = false;
  /** Reads that are under way. */
  underWay = 0;
  mostUnderWay = 0;
  sink: BrokerSink | undefined;
  readonly #broker: Broker;
  #held: (() => void)[] | undefined;

  constructor(logs: MemoryLogs = new MemoryLogs()) {
    this.#broker = logs.connect();
  }

  /** Lets the answers to reads wait, or gives those that wait. */
  hold(isHeld: boolean): void {
    const held = this.#held ?? [];
    this.#held = isHeld ? held : undefined;
    if (!isHeld) for (const answer of held) answer();
  }

  open(sink: BrokerSink): Promise<void> {
    this.sink = sink;
    return this.#broker.open({
      onEntry: (topic, epoch, entry) => {
        if (!this.mute.has(topic)) sink.onEntry(topic, epoch, entry);
      },
      onDoubt: (topics) => sink.onDoubt(topics),
      onState: (state) => sink.onState(state),
    });
  }

  append(batch: readonly Append[]): Promise<readonly (Appended | BrokerError)[]> {
    return this.#broker.append(batch);
  }

  async read(queries: readonly ReadQuery[]): Promise<readonly Slice[]> {
    this.#checkUp();
    this.reads.push(...queries);
    this.underWay++;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    const slices = await this.#broker.read(queries);
    if (this.#held !== undefined) await new Promise<void>((resolve) => this.#held?.push(resolve));
    this.underWay--;
    return slices;
  }

  async watch(topics: readonly string[]): Promise<void> {
    this.#checkUp();
    this.watched.push(...topics);
    for (const topic of topics) this.mute.delete(topic);
    await this.#broker.watch(topics);
  }

  unwatch(topics: readonly string[]): void {
    this.unwatched.push(...topics);
    this.#broker.unwatch(topics);
  }

  renew(node: NodeInfo, ttlMs: number): Promise<readonly NodeInfo[]> {
    return this.#broker.renew(node, ttlMs);
  }

  close(): Promise<void> {
    return this.#broker.close();
  }

  #checkUp(): void {
    if (this.isDown) throw new BrokerError('down', 'the broker is away');
  }
}
