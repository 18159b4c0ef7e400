import { monotonicMs } from '../base/clock.ts';
import { type Deadline, timers } from '../base/timers.ts';
import type { Entry, Place, ReadQuery, Retention, Slice, SliceGap } from './broker.ts';
import { FanOut } from './fan-out.ts';
import { Ring, type RingBudget } from './ring.ts';
import { READ_BYTES, READ_ENTRIES, RingFiller } from './ring-filler.ts';
import type { SlowPolicy, SubscriptionSource, TopicSubscription } from './subscription.ts';
import { readEntries, TopicEntry } from './topic-entry.ts';
import type { TopicStats } from './topic-stats.ts';

/** Announcements that are kept while the broker is asked; the oldest beyond that are dropped, and asked for again. */
const HELD_BYTES = 1_048_576;
/** What an announcement takes beside its bytes, about. */
const HELD_ENTRY_BYTES = 200;
/** How long a reader without subscribers stays. */
const LINGER_MS = 30_000;
/** Share by which the interval of head checks varies, so that topics that began together are not checked together. */
const SPREAD = 0.2;
/** An entry that was found by a head check must also be announced within this time. */
const ANNOUNCEMENT_MS = 1000;
/** How long a new subscriber waits for a broker that is away. */
const PATIENCE_MS = 10_000;

/** What all readers of a process share. */
export interface ReaderHost {
  readonly stats: TopicStats;
  readonly ringBudget: RingBudget;
  readonly onSlow: SlowPolicy;
  readonly headCheckMs: number;
  readonly subscribersPerTurn: number;
  readonly waitingEntries: number;
  schedule(subscription: TopicSubscription): void;
  /** Has the topic watched; then asks for its head, and calls {@link TopicReader.onHead}. */
  watch(reader: TopicReader): void;
  /** The same, after the broker was told to forget that the topic is watched. */
  watchAgain(reader: TopicReader): void;
  /** Asks for the head, when its turn comes, and calls {@link TopicReader.onHead}. */
  checkHead(reader: TopicReader): void;
  /** Asks until the broker answers. */
  read(query: ReadQuery, onSlice: (slice: Slice) => void, onRefused: (code: string, message: string) => void): void;
  /** The reader is over. */
  onOver(reader: TopicReader): void;
  onRepaired(topic: string, entries: number): void;
  onGap(topic: string, reason: SliceGap): void;
  onDifference(topic: string): void;
}

/** An announcement that came while the broker was asked. */
interface Held {
  readonly epoch: string;
  readonly entry: Entry;
}

/**
 * Follows the log of one topic for all subscribers of a process: watches it, asks for its head, then takes each announced
 * entry that continues the log without a hole. Whatever does not continue it is a doubt, and a doubt is one question to the
 * broker: what follows the newest entry that was taken?
 *
 * @remarks Announcements may be lost, doubled and out of order. Only the answer of the broker, which is read after the
 * topic is watched, decides what is missing.
 */
export class TopicReader implements SubscriptionSource, Deadline {
  readonly topic: string;
  readonly ring: Ring;
  readonly fanOut: FanOut;
  /** Whether the head of the log is known. */
  isOpen = false;
  readonly #host: ReaderHost;
  /** Subscriptions that are not live. */
  readonly #others = new Set<TopicSubscription>();
  #isEnded = false;
  /** True while the head, or what follows it, is asked for. */
  #isReading = true;
  /** Whether the question that is under way is too old to answer the last doubt. */
  #isReadAgain = false;
  #held: Held[] = [];
  #heldBytes = 0;
  /** Called when the next question has been answered, or the one under way. */
  #waiting: TopicSubscription[] = [];
  #served: TopicSubscription[] = [];
  #filler: RingFiller | undefined;
  /** The head of the ring when the head check was asked for. */
  #checkedHead: Place | undefined;
  #isAnnouncementMissing = false;
  /** When the head was last proved right, or the last subscriber left, on the timer wheel. */
  #quietSinceMs: number;
  /** How long the head may go unproved. */
  #checkMs = 0;
  #ticket = 0;

  constructor(topic: string, retention: Retention, host: ReaderHost) {
    this.topic = topic;
    this.#host = host;
    this.ring = new Ring(host.ringBudget, retention);
    this.fanOut = new FanOut(host.stats, host.subscribersPerTurn, host.waitingEntries);
    this.#quietSinceMs = timers.nowMs;
    this.#setDeadline(PATIENCE_MS);
    host.watch(this);
  }

  get stats(): TopicStats {
    return this.#host.stats;
  }

  get onSlow(): SlowPolicy {
    return this.#host.onSlow;
  }

  /** Subscriptions that are not live. */
  get waitingCount(): number {
    return this.#others.size;
  }

  /** Adds a subscription, which does nothing before {@link start}. */
  add(subscription: TopicSubscription): void {
    this.stats.subscriptions++;
    if (this.isOpen && !this.#hasSubscribers) {
      // Nobody has looked since the last one left.
      this.#host.checkHead(this);
      this.#setCheck();
    }
    this.#others.add(subscription);
  }

  /** Has a subscription begin as soon as the head is known. */
  start(subscription: TopicSubscription): void {
    if (this.isOpen) this.schedule(subscription);
    else this.#waiting.push(subscription);
  }

  /** Ends all subscriptions without a word. */
  end(): void {
    this.#isEnded = true;
    timers.cancel(this, this.#ticket);
    this.ring.drop();
  }

  schedule(subscription: TopicSubscription): void {
    this.#host.schedule(subscription);
  }

  refresh(subscription: TopicSubscription): void {
    this.#waiting.push(subscription);
    this.doubt();
  }

  fill(subscription: TopicSubscription): boolean {
    this.#filler ??= new RingFiller(this);
    return this.#filler.fill(() => this.schedule(subscription));
  }

  read(
    query: Omit<ReadQuery, 'topic'>,
    onSlice: (slice: Slice) => void,
    onRefused: (code: string, message: string) => void,
  ): void {
    this.#host.read({ topic: this.topic, ...query }, onSlice, onRefused);
  }

  toEntries(entries: readonly Entry[], epoch: string, after: Place): readonly TopicEntry[] | undefined {
    return readEntries(this.topic, epoch, entries, after);
  }

  onLeft(subscription: TopicSubscription): void {
    this.#others.delete(subscription);
    this.stats.subscriptions--;
    if (this.#hasSubscribers || this.#isEnded) return;
    this.#quietSinceMs = timers.nowMs;
    this.#setDeadline(LINGER_MS);
  }

  onBehind(subscription: TopicSubscription): void {
    this.#others.add(subscription);
  }

  onJoined(subscription: TopicSubscription): void {
    this.#others.delete(subscription);
  }

  /** Takes an announced entry. */
  onEntry(epoch: string, entry: Entry): void {
    if (this.#isEnded) return;
    if (entry.offset === 0) {
      this.#announceVolatile(epoch, entry);
      return;
    }
    this.#isAnnouncementMissing = false;
    if (this.#isReading) this.#hold(epoch, entry);
    else if (!this.take(epoch, entry)) this.doubt();
  }

  /** The broker must be asked what follows the head. */
  doubt(): void {
    if (this.#isReading) this.#isReadAgain = true;
    else this.#readOn();
  }

  /** Notes what is known before the head is asked for. */
  onHeadAsked(): void {
    this.#checkedHead = this.ring.head;
  }

  /** Takes the answer to the question for the head. */
  onHead(slice: Slice): void {
    if (this.#isEnded) return;
    const { ring } = this;
    if (!this.isOpen) {
      ring.reset(slice.epoch, slice.head);
      this.isOpen = true;
      this.#served = this.#waiting;
      this.#waiting = [];
      // Nobody here has seen anything yet, so what is part of the log at this head needs no proof.
      this.#held = this.#held.filter(({ epoch, entry }) => epoch !== slice.epoch || entry.offset > slice.head.offset);
      this.#afterAnswer();
      this.#quietSinceMs = timers.nowMs;
      this.#setCheck();
      return;
    }
    const isOlder = slice.head.offset < (this.#checkedHead?.offset ?? 0);
    if (slice.epoch === ring.epoch && !isOlder && ring.has(slice.head)) {
      this.#quietSinceMs = timers.nowMs;
      return;
    }
    this.stats.headDifferences++;
    this.#host.onDifference(this.topic);
    this.#isAnnouncementMissing = true;
    this.#setDeadline(ANNOUNCEMENT_MS);
    this.doubt();
  }

  onDeadline(): void {
    const quietMs = timers.nowMs - this.#quietSinceMs;
    this.ring.trimAge(monotonicMs());
    if (!this.#hasSubscribers) {
      if (quietMs >= LINGER_MS) this.#host.onOver(this);
      else this.#setDeadline(LINGER_MS - quietMs);
      return;
    }
    if (!this.isOpen) {
      this.#failNew();
      this.#setDeadline(PATIENCE_MS);
      return;
    }
    if (this.#isAnnouncementMissing) {
      // The feed of this topic is dead: it begins anew, and what it missed is asked for.
      this.#isAnnouncementMissing = false;
      this.#host.watchAgain(this);
    } else if (quietMs < this.#checkMs) {
      this.#setDeadline(this.#checkMs - quietMs);
      return;
    } else this.#host.checkHead(this);
    this.#setCheck();
  }

  /**
   * Takes an entry when it continues the log, or is known.
   *
   * @returns false when it is neither: then something was missed
   */
  take(epoch: string, entry: Entry): boolean {
    const { head } = this.ring;
    if (epoch !== this.ring.epoch) return false;
    if (entry.offset <= head.offset) return this.ring.has(entry);
    const isNext = entry.prev === head.offset && (entry.prevTag === undefined || entry.prevTag === head.tag);
    if (isNext) this.#accept(epoch, entry);
    return isNext;
  }

  get #hasSubscribers(): boolean {
    return this.#others.size > 0 || this.fanOut.liveCount > 0;
  }

  #accept(epoch: string, entry: Entry): void {
    const { ring } = this;
    const topicEntry = TopicEntry.read(this.topic, epoch, entry, ring.head, monotonicMs());
    this.#quietSinceMs = timers.tickMs;
    if (topicEntry === undefined) {
      this.#reset(epoch, entry, 'trimmed');
      return;
    }
    ring.push(topicEntry);
    this.fanOut.push(topicEntry);
  }

  #announceVolatile(epoch: string, entry: Entry): void {
    const topicEntry = TopicEntry.read(this.topic, epoch, entry, this.ring.head, monotonicMs());
    if (topicEntry === undefined) return;
    this.stats.volatileDropped += this.#others.size;
    this.fanOut.push(topicEntry);
  }

  #hold(epoch: string, entry: Entry): void {
    this.#held.push({ epoch, entry });
    this.#heldBytes += entry.bytes.length + HELD_ENTRY_BYTES;
    if (this.#heldBytes <= HELD_BYTES) return;
    // One more question brings them all: none needs to be kept.
    this.#dropHeld();
    this.#isReadAgain = true;
  }

  #dropHeld(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }

  /** Asks for what follows the head. What was announced before the question is part of the answer. */
  #readOn(): void {
    this.#isReading = true;
    this.#isReadAgain = false;
    this.#dropHeld();
    this.#served = [...this.#served, ...this.#waiting];
    this.#waiting = [];
    const { epoch, head } = this.ring;
    const after = { epoch, offset: head.offset, tag: head.tag };
    this.read(
      { after, limit: READ_ENTRIES, maxBytes: READ_BYTES },
      (slice) => this.#onNewer(slice),
      () => this.#onNewer(undefined),
    );
  }

  #onNewer(slice: Slice | undefined): void {
    if (this.#isEnded) return;
    const { ring } = this;
    if (slice !== undefined) {
      if (slice.gap !== undefined || slice.epoch !== ring.epoch) {
        this.#reset(slice.epoch, slice.head, slice.gap ?? 'epoch');
      } else if (this.#repair(slice)) {
        this.#readOn();
        return;
      }
    }
    this.#afterAnswer();
  }

  /** Takes the entries of an answer. Returns whether there are more than fitted into it. */
  #repair({ epoch, entries, head }: Slice): boolean {
    const { ring } = this;
    for (const entry of entries) {
      if (entry.offset > ring.head.offset) this.#accept(epoch, entry);
    }
    if (entries.length > 0) {
      this.stats.holesRepaired += entries.length;
      this.#host.onRepaired(this.topic, entries.length);
    }
    const isMore = head.offset > ring.head.offset;
    // What the broker does not give out is past its ttl.
    if (isMore && entries.length === 0) ring.skipTo(head);
    return isMore && entries.length > 0;
  }

  /** Goes on with what was announced meanwhile, and with those who waited for the answer. */
  #afterAnswer(): void {
    this.#isReading = false;
    const held = this.#held;
    const served = this.#served;
    this.#dropHeld();
    this.#served = [];
    for (const subscription of served) this.schedule(subscription);
    const isUpToDate = !this.#isReadAgain && held.every(({ epoch, entry }) => this.take(epoch, entry));
    if (!isUpToDate) this.#readOn();
  }

  /** The log is not the one that this process knows: tells so, and begins anew behind its head. */
  #reset(epoch: string, { offset, tag }: Place, reason: SliceGap): void {
    if (reason === 'forked') this.stats.forks++;
    const head = { offset, tag };
    this.fanOut.flush();
    this.ring.reset(epoch, head);
    this.fanOut.tellGap(reason, epoch, head);
    this.#host.onGap(this.topic, reason);
  }

  /** A subscriber must not wait for ever for a broker that is away. */
  #failNew(): void {
    for (const subscription of this.#others) {
      if (subscription.isNew) subscription.fail('broker-down', 'the broker of the topics is away');
    }
  }

  #setCheck(): void {
    this.#checkMs = this.#host.headCheckMs * (1 - SPREAD + 2 * SPREAD * Math.random());
    this.#setDeadline(this.#checkMs);
  }

  #setDeadline(delayMs: number): void {
    timers.cancel(this, this.#ticket);
    this.#ticket = timers.schedule(this, delayMs);
  }
}
