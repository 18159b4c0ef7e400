import { setImmediate } from '../base/clock.ts';
import { runInOwnContext } from '../base/own-context.ts';
import { Queue } from '../base/queue.ts';
import { topicsChannel } from '../diagnostics/channels.ts';
import { BrokerCalls } from './broker-calls.ts';
import type { Broker, BrokerSink, Entry, ReadQuery, Retention, Slice, SliceGap } from './broker.ts';
import { SUBSCRIBERS_PER_TURN, WAITING_ENTRIES } from './fan-out.ts';
import { HeadChecks } from './head-checks.ts';
import { RingBudget } from './ring.ts';
import type { SlowPolicy, TopicSubscription } from './subscription.ts';
import { type ReaderHost, TopicReader } from './topic-reader.ts';
import type { TopicStats } from './topic-stats.ts';

/** Subscriptions that are served in one turn of the event loop. */
const STEPS_PER_TURN = 128;

/** Limits of one process. */
export interface ReaderLimits {
  /** Topics that are watched at a time. */
  readonly topics: number;
  /** Memory of recent messages. */
  readonly ringBytes: number;
  /** Questions to the broker that are under way at a time. */
  readonly reads: number;
  /** Head checks in a second. */
  readonly headChecksPerSecond: number;
  /** How long a topic is idle before its head is checked, about. */
  readonly headCheckMs: number;
  /** Subscribers of one topic that are served in one turn of the event loop. */
  readonly subscribersPerTurn: number;
  /** Entries of one topic that may wait for those turns. */
  readonly waitingEntries: number;
}

export const READER_LIMITS: ReaderLimits = {
  topics: 1_000_000,
  ringBytes: 134_217_728,
  reads: 32,
  headChecksPerSecond: 2000,
  headCheckMs: 25_000,
  subscribersPerTurn: SUBSCRIBERS_PER_TURN,
  waitingEntries: WAITING_ENTRIES,
};

/** The readers of all topics that this process watches. */
export class TopicReaders implements BrokerSink, ReaderHost {
  readonly stats: TopicStats;
  readonly onSlow: SlowPolicy;
  readonly headCheckMs: number;
  readonly subscribersPerTurn: number;
  readonly waitingEntries: number;
  readonly ringBudget: RingBudget;
  readonly calls: BrokerCalls;
  brokerState: 'up' | 'down' = 'down';
  /** Hears of {@link brokerState} too. */
  onBrokerState: ((state: 'up' | 'down') => void) | undefined;
  readonly #broker: Broker;
  readonly #readers = new Map<string, TopicReader>();
  readonly #maxTopics: number;
  readonly #checks: HeadChecks;
  #wasUp = false;
  #toWatch: TopicReader[] = [];
  readonly #toStep = new Queue<TopicSubscription>();
  #isTurnSet = false;
  #isClosed = false;

  constructor(broker: Broker, stats: TopicStats, onSlow: SlowPolicy, limits: ReaderLimits) {
    this.#broker = broker;
    this.stats = stats;
    this.onSlow = onSlow;
    this.headCheckMs = limits.headCheckMs;
    this.subscribersPerTurn = limits.subscribersPerTurn;
    this.waitingEntries = limits.waitingEntries;
    this.ringBudget = new RingBudget(limits.ringBytes);
    this.#maxTopics = limits.topics;
    this.calls = new BrokerCalls(limits.reads, stats, (queries) => broker.read(queries));
    this.#checks = new HeadChecks(this.calls, limits.headChecksPerSecond, () => this.#readers.size);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get size(): number {
    return this.#readers.size;
  }

  /** Subscriptions that are not live. */
  get behind(): number {
    let count = 0;
    for (const reader of this.#readers.values()) count += reader.waitingCount;
    return count;
  }

  /** The reader of a topic, a new one if there is none; undefined when there are too many. */
  get(topic: string, retention: Retention): TopicReader | undefined {
    const found = this.#readers.get(topic);
    if (found !== undefined || this.#readers.size >= this.#maxTopics || this.#isClosed) return found;
    const reader = new TopicReader(topic, retention, this);
    this.#readers.set(topic, reader);
    return reader;
  }

  /** Ends all readers without a word to their subscribers. */
  close(): void {
    this.#isClosed = true;
    this.calls.close();
    this.#checks.close();
    for (const reader of this.#readers.values()) reader.end();
    this.#readers.clear();
    this.#toWatch = [];
  }

  // BrokerSink

  onEntry(topic: string, epoch: string, entry: Entry): void {
    const reader = this.#readers.get(topic);
    if (reader !== undefined) reader.onEntry(epoch, entry);
    else if (!this.#isClosed) this.#broker.unwatch([topic]);
  }

  onDoubt(topics: readonly string[] | 'all'): void {
    if (topics === 'all') for (const reader of this.#readers.values()) this.#checks.add(reader);
    else {
      for (const topic of topics) {
        const reader = this.#readers.get(topic);
        if (reader !== undefined) this.#checks.add(reader);
      }
    }
  }

  onState(state: 'up' | 'down'): void {
    if (state === this.brokerState || this.#isClosed) return;
    this.brokerState = state;
    if (topicsChannel.hasSubscribers) topicsChannel.publish({ type: 'broker', state });
    this.onBrokerState?.(state);
    if (state === 'down') return;
    if (this.#wasUp) this.stats.brokerReconnects++;
    this.#wasUp = true;
    this.calls.onUp();
  }

  // ReaderHost

  schedule(subscription: TopicSubscription): void {
    this.#toStep.push(subscription);
    this.#setTurn();
  }

  watch(reader: TopicReader): void {
    this.#toWatch.push(reader);
    this.#setTurn();
  }

  watchAgain(reader: TopicReader): void {
    this.#broker.unwatch([reader.topic]);
    this.watch(reader);
  }

  checkHead(reader: TopicReader): void {
    this.#checks.add(reader);
  }

  read(query: ReadQuery, onSlice: (slice: Slice) => void, onRefused: (code: string, message: string) => void): void {
    this.calls.readShared(query, onSlice, onRefused);
  }

  onOver(reader: TopicReader): void {
    reader.end();
    this.#checks.remove(reader);
    this.#readers.delete(reader.topic);
    this.#broker.unwatch([reader.topic]);
  }

  onRepaired(topic: string, entries: number): void {
    if (topicsChannel.hasSubscribers) topicsChannel.publish({ type: 'repaired', topic, entries });
  }

  onGap(topic: string, reason: SliceGap): void {
    if (topicsChannel.hasSubscribers) topicsChannel.publish({ type: 'gap', topic, reason });
  }

  onDifference(topic: string): void {
    if (topicsChannel.hasSubscribers) topicsChannel.publish({ type: 'difference', topic });
  }

  #setTurn(): void {
    if (this.#isTurnSet || this.#isClosed) return;
    this.#isTurnSet = true;
    runInOwnContext(() => setImmediate(() => this.#turn()));
  }

  #turn(): void {
    this.#isTurnSet = false;
    const readers = this.#toWatch;
    this.#toWatch = [];
    if (readers.length > 0) this.#watchAll(readers);
    for (let steps = Math.min(this.#toStep.length, STEPS_PER_TURN); steps > 0; steps--) this.#toStep.shift()?.step();
    if (this.#toStep.length > 0) this.#setTurn();
  }

  #watchAll(readers: readonly TopicReader[]): void {
    const living = (): TopicReader[] => readers.filter((reader) => this.#readers.get(reader.topic) === reader);
    this.calls.run(
      () => this.#broker.watch(living().map(({ topic }) => topic)),
      () => this.#checks.ask(living()),
      () => {},
    );
  }
}
