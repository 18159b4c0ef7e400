import { currentClock, type Clock } from '../base/clock.ts';
import { type Deadline, timers } from '../base/timers.ts';
import {
  type Append,
  type Appended,
  type Broker,
  BrokerError,
  type Entry,
  type NodeInfo,
  type Place,
  type ReadQuery,
  type Slice,
} from './broker.ts';
import { KnownKeys } from './known-keys.ts';
import { type ConnectedLogs, MemoryConnection } from './memory-connection.ts';
import { costOf, costOfTopic, MemoryTopic } from './memory-topic.ts';
import { random32 } from './random.ts';
import { UseList } from './use-list.ts';

/** A topic without watchers is remembered at least so long, for those who reconnect. */
const MIN_FORGET_MS = 600_000;

/** The sweep lets go of what is old in topics that nobody touches: so many of them each time, then a rest. */
const SWEEP_MS = 100;
const TOPICS_PER_SWEEP = 2000;
const REST_MS = 10_000;

/** Topics that one entry may push out, so that no publication waits for long. */
const MAX_FORGOTTEN = 100;

const ZERO: Place = { offset: 0, tag: 0 };

export interface MemoryLogsSettings {
  /** Default 256 MiB. */
  readonly maxBytes?: number | undefined;
  /** 32 random bits. */
  readonly random?: (() => number) | undefined;
  /** Default: the clock of the library. */
  readonly clock?: Pick<Clock, 'monotonicMs' | 'wallMs'> | undefined;
}

/** The memory of {@link memoryBroker}, to which several brokers may be connected: that is how tests have many nodes. */
export class MemoryLogs implements ConnectedLogs, Deadline {
  readonly epoch: string;
  readonly #maxBytes: number;
  readonly #random: () => number;
  readonly #clock: Pick<Clock, 'monotonicMs' | 'wallMs'> | undefined;
  readonly #topics = new Map<string, MemoryTopic>();
  readonly #byIdleness = new UseList<MemoryTopic>();
  readonly #keys = new KnownKeys();
  readonly #connections = new Set<MemoryConnection>();
  readonly #leases = new Map<string, { readonly node: NodeInfo; readonly endMs: number }>();
  /** Where a topic begins that is not remembered: behind all places of topics that were forgotten. */
  #floor: Place = ZERO;
  /** Of all topics. */
  #topicBytes = 0;
  #ticket: number | undefined;
  #swept: IterableIterator<MemoryTopic> | undefined;

  constructor({ maxBytes = 256 * 1024 * 1024, random = random32, clock }: MemoryLogsSettings = {}) {
    this.#maxBytes = maxBytes;
    this.#random = random;
    this.#clock = clock;
    this.epoch = random().toString(36) + random().toString(36);
  }

  /** Number of topics that are remembered. */
  get size(): number {
    return this.#topics.size;
  }

  /** Bytes of memory, estimated. */
  get bytes(): number {
    return this.#topicBytes + this.#keys.cost;
  }

  /** Makes one more broker with these logs. */
  connect(): Broker {
    return new MemoryConnection(this);
  }

  // ConnectedLogs

  add(connection: MemoryConnection): void {
    this.#connections.add(connection);
    this.#ticket ??= timers.schedule(this, REST_MS);
  }

  remove(connection: MemoryConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0 || this.#ticket === undefined) return;
    timers.cancel(this, this.#ticket);
    this.#ticket = undefined;
  }

  append(append: Append): Appended | BrokerError {
    const { topic: name, idempotencyKey, ifOwner } = append;
    const nowMs = this.#nowMs;
    if (append.isVolatile || append.keep.messages <= 0) return this.#announceVolatile(append);
    const known = idempotencyKey === undefined ? undefined : this.#keys.find(name, idempotencyKey, nowMs);
    if (known) return { epoch: this.epoch, offset: known.offset, tag: known.tag, isDuplicate: true };
    const current = this.#find(name, nowMs);
    if (ifOwner !== undefined && !(current?.fitsOwner(append, nowMs) ?? ifOwner === '')) {
      return { epoch: this.epoch, ...(current?.head ?? this.#floor), isDuplicate: false, isSkipped: true };
    }
    if (!this.#makeRoom(costOf(append) + (current === undefined ? costOfTopic(name) : 0), current)) {
      return new BrokerError('full', `the memory broker is full: ${this.bytes} bytes (maxBytes ${this.#maxBytes})`);
    }
    const topic = current ?? this.#create(name, nowMs);
    const costBefore = topic.cost;
    const entry = topic.append(append, this.#random(), this.#wallMs, nowMs);
    this.#topicBytes += topic.cost - costBefore;
    this.#byIdleness.renew(topic);
    const { offset, tag } = entry;
    if (idempotencyKey !== undefined) this.#keys.add(name, idempotencyKey, entry, nowMs);
    this.#announce(name, entry);
    return { epoch: this.epoch, offset, tag, isDuplicate: false };
  }

  read(query: ReadQuery): Slice {
    const nowMs = this.#nowMs;
    const found = this.#find(query.topic, nowMs);
    // A question about a topic that nobody watches leaves no trace: the floor is the answer for all of these.
    const isKept = found !== undefined || this.#isWatched(query.topic);
    const topic = found ?? (isKept ? this.#create(query.topic, nowMs) : new MemoryTopic('', this.#floor, 0));
    const costBefore = topic.cost;
    const slice = topic.read(query, this.epoch, nowMs);
    if (isKept) this.#topicBytes += topic.cost - costBefore;
    return slice;
  }

  /** Remembers topics that somebody has ceased to watch for some time more. */
  unwatched(topics: readonly string[]): void {
    const forgetAtMs = this.#nowMs + MIN_FORGET_MS;
    for (const name of topics) {
      const topic = this.#topics.get(name);
      if (topic !== undefined) topic.forgetAtMs = Math.max(topic.forgetAtMs, forgetAtMs);
    }
  }

  renew(node: NodeInfo, ttlMs: number): NodeInfo[] {
    const nowMs = this.#nowMs;
    if (ttlMs <= 0) this.#leases.delete(node.id);
    else this.#leases.set(node.id, { node, endMs: nowMs + ttlMs });
    for (const [id, { endMs }] of this.#leases) if (endMs <= nowMs) this.#leases.delete(id);
    return Array.from(this.#leases.values(), (lease) => lease.node);
  }

  // Deadline

  /** Sweeps some of the topics, and goes on where it stops. */
  onDeadline(): void {
    this.#ticket = timers.schedule(this, this.#sweepSome() ? REST_MS : SWEEP_MS);
  }

  /** Returns true when all topics have been swept. */
  #sweepSome(): boolean {
    const nowMs = this.#nowMs;
    this.#keys.sweep(nowMs);
    this.#swept ??= this.#topics.values();
    for (let count = 0; count < TOPICS_PER_SWEEP; count++) {
      const { done, value: topic } = this.#swept.next();
      if (done) {
        this.#swept = undefined;
        return true;
      }
      const costBefore = topic.cost;
      topic.sweep(nowMs);
      this.#topicBytes += topic.cost - costBefore;
      this.#find(topic.name, nowMs);
    }
    return false;
  }

  get #nowMs(): number {
    return Math.floor((this.#clock ?? currentClock()).monotonicMs());
  }

  get #wallMs(): number {
    return Math.floor((this.#clock ?? currentClock()).wallMs());
  }

  #isWatched(name: string): boolean {
    for (const connection of this.#connections) if (connection.isWatching(name)) return true;
    return false;
  }

  /** The topic, unless it is not remembered: its time may be over just now. */
  #find(name: string, nowMs: number): MemoryTopic | undefined {
    const topic = this.#topics.get(name);
    if (topic === undefined || nowMs < topic.forgetAtMs || this.#isWatched(name)) return topic;
    this.#forget(topic);
    return undefined;
  }

  #create(name: string, nowMs: number): MemoryTopic {
    const topic = new MemoryTopic(name, this.#floor, nowMs + MIN_FORGET_MS);
    this.#topics.set(name, topic);
    this.#byIdleness.renew(topic);
    this.#topicBytes += topic.cost;
    return topic;
  }

  #forget(topic: MemoryTopic): void {
    this.#raiseFloor(topic);
    this.#topics.delete(topic.name);
    this.#byIdleness.remove(topic);
    this.#topicBytes -= topic.cost;
  }

  /** Takes all positions of a topic out of use, with those of all topics that are not remembered and have as many. */
  #raiseFloor({ head }: MemoryTopic): void {
    if (head.offset >= this.#floor.offset) this.#floor = { offset: head.offset + 1, tag: this.#random() };
  }

  /** Forgets the topics that have been idle for longest until an entry of this topic, or of a new one, fits. */
  #makeRoom(cost: number, topic: MemoryTopic | undefined): boolean {
    if (this.bytes + cost <= this.#maxBytes) return true;
    if (cost > this.#maxBytes) return false;
    if (topic !== undefined) this.#byIdleness.renew(topic);
    for (let count = 0; count < MAX_FORGOTTEN && this.bytes + cost > this.#maxBytes; count++) {
      const idle = this.#byIdleness.oldest;
      if (idle === undefined) break;
      if (idle === topic || this.#isWatched(idle.name)) this.#restart(idle);
      else this.#forget(idle);
      if (idle === topic) break;
    }
    return this.bytes + cost <= this.#maxBytes;
  }

  /** Forgets what a topic holds and where it was, but for the topic itself; its subscribers have a gap. */
  #restart(topic: MemoryTopic): void {
    this.#byIdleness.renew(topic);
    if (topic.isEmpty) return;
    this.#raiseFloor(topic);
    this.#topicBytes -= topic.cost;
    topic.restart(this.#floor);
    this.#topicBytes += topic.cost;
    for (const connection of this.#connections) connection.doubt(topic.name);
  }

  #announceVolatile({ topic, key, isRemoved, owner, ttl, bytes }: Append): Appended {
    this.#announce(topic, { ...ZERO, prev: 0, at: this.#wallMs, key, isRemoved, owner, ttl, bytes });
    return { epoch: this.epoch, ...ZERO, isDuplicate: false };
  }

  #announce(topic: string, entry: Entry): void {
    for (const connection of this.#connections) connection.announce(topic, entry);
  }
}
