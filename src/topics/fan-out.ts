import { monotonicMs, setImmediate } from '../base/clock.ts';
import { runInOwnContext } from '../base/own-context.ts';
import { flushWrites } from '../connection/write-batch.ts';
import type { FeedSink } from './feed.ts';
import type { Place } from './broker.ts';
import { toPosition } from './position.ts';
import type { TopicEntry } from './topic-entry.ts';
import type { GapReason } from './topic-handler.ts';
import type { TopicStats } from './topic-stats.ts';

/** Subscribers that get an entry in one turn of the event loop: about a millisecond of work. */
export const SUBSCRIBERS_PER_TURN = 4096;

/**
 * Subscribers that get their entries, and have them written to their sockets, before the next ones are visited. When all of
 * a thousand were visited first, the first one had its entry 0.8 ms later than a single subscriber has; now 0.15 ms.
 */
const SUBSCRIBERS_PER_WRITE = 64;

/** Entries that may wait for their round: as many as a ring holds by default. */
export const WAITING_ENTRIES = 256;
const WAITING_BYTES = 1_048_576;

/** One entry of so many is timed. A power of 2. */
const TIMED_INTERVAL = 16;

/** Left places in the list of live subscribers are only closed when they are so many, and a quarter of it. */
const MIN_COMPACTED = 32;

/** A subscriber that keeps up. */
export interface LiveSubscriber {
  readonly sink: FeedSink;
  /** Stored entries up to here are not for it, because it became live in the middle of a round; undefined for most. */
  cursor: Place | undefined;
  /** Place in the list of the fan-out; -1 while the subscriber is not in it. */
  liveIndex: number;
  /** The sink is not ready: the subscriber, which has left the list, keeps the place as its cursor. */
  fallBehind(epoch: string, place: Place): void;
  /**
   * The fan-out does not keep up: the subscriber, which has left the list, goes on by itself.
   *
   * @param next - the first stored entry that it did not get; undefined when it has all that are stored
   */
  goOn(next: TopicEntry | undefined): void;
}

/**
 * Pushes the entries of one topic to all subscribers that keep up.
 *
 * @remarks Each subscriber gets all entries in the order of {@link push}. Many subscribers are served in parts, and the
 * sockets of a part are written before the next one begins. An entry goes to {@link SUBSCRIBERS_PER_TURN}
 * subscribers in one turn and to the next ones in the next turn, with all entries that waited when the round began; those
 * that come meanwhile are for the next round. What a subscriber publishes while it is called waits for the next turn. When
 * too much waits, because there are more entries than this process can deliver, all subscribers go on as those who do not
 * keep up do, and nothing waits in memory.
 */
export class FanOut {
  readonly #stats: TopicStats;
  readonly #perTurn: number;
  readonly #perWrite: number;
  readonly #maxWaiting: number;
  #live: (LiveSubscriber | undefined)[] = [];
  /** Places of subscribers that have left. */
  #holes = 0;
  #isVisiting = false;
  #isTurnSet = false;
  /** Whether a round begins in the next microtask. */
  #isRoundSet = false;
  #waiting: TopicEntry[] = [];
  #waitingBytes = 0;
  /** The entries that are being delivered, to the subscribers from {@link #next} on. */
  #round: TopicEntry[] = [];
  #next = 0;
  #taken = 0;
  /** When the entry came that is timed; undefined while none is. */
  #timedFromMs: number | undefined;

  constructor(stats: TopicStats, perTurn: number, maxWaiting: number) {
    this.#stats = stats;
    this.#perTurn = perTurn;
    this.#perWrite = Math.min(perTurn, SUBSCRIBERS_PER_WRITE);
    this.#maxWaiting = maxWaiting;
  }

  get liveCount(): number {
    return this.#live.length - this.#holes;
  }

  /** Whether some subscribers have not got all entries yet. */
  get isUnderWay(): boolean {
    return this.#round.length > 0 || this.#waiting.length > 0;
  }

  add(subscriber: LiveSubscriber): void {
    subscriber.liveIndex = this.#live.length;
    // An array that grows by one has room for 16 more, and most topics have one subscriber.
    if (this.#live.length === 0) this.#live = [subscriber];
    else this.#live.push(subscriber);
  }

  remove(subscriber: LiveSubscriber): void {
    this.#live[subscriber.liveIndex] = undefined;
    subscriber.liveIndex = -1;
    this.#holes++;
    this.#compact();
  }

  /** Delivers an entry: to few subscribers at once, to many in a microtask with those that come before it. */
  push(entry: TopicEntry): void {
    if ((this.#taken++ & (TIMED_INTERVAL - 1)) === 0) this.#timedFromMs ??= monotonicMs();
    const isFree = !this.#isVisiting && !this.isUnderWay;
    if (isFree && this.#live.length <= this.#perWrite) {
      this.#visit(entry, 0, this.#live.length);
      this.#compact();
      if (this.#waiting.length > 0) this.#setTurn();
      else this.#noteTime();
      return;
    }
    this.#waiting.push(entry);
    this.#waitingBytes += entry.byteLength;
    if (this.#isVisiting) return;
    const isTooMuch = this.#waiting.length > this.#maxWaiting || this.#waitingBytes > WAITING_BYTES;
    if (this.#round.length > 0) {
      if (isTooMuch) this.#giveUp();
      else this.#setTurn();
    } else if (isTooMuch) this.#advance();
    else if (isFree) this.#setRound();
  }

  /** Delivers what waits to all, in this turn. */
  flush(): void {
    while (this.isUnderWay) this.#advance();
  }

  /** Tells all live subscribers of a gap, behind what waits. The next entry for them is the one behind the head. */
  tellGap(reason: GapReason, epoch: string, head: Place): void {
    const position = toPosition(epoch, head);
    this.flush();
    this.#isVisiting = true;
    const { length } = this.#live;
    for (let i = 0; i < length; i++) {
      const subscriber = this.#live[i];
      if (subscriber === undefined) continue;
      subscriber.cursor = undefined;
      this.#stats.countGap(reason);
      subscriber.sink.onGap(reason, position);
    }
    this.#isVisiting = false;
    this.#compact();
    if (this.isUnderWay) this.#setTurn();
  }

  #setTurn(): void {
    if (this.#isTurnSet) return;
    this.#isTurnSet = true;
    runInOwnContext(() =>
      setImmediate(() => {
        this.#isTurnSet = false;
        if (this.isUnderWay) this.#advance();
      }),
    );
  }

  /** What was announced together goes out together. */
  #setRound(): void {
    if (this.#isRoundSet) return;
    this.#isRoundSet = true;
    runInOwnContext(() =>
      queueMicrotask(() => {
        this.#isRoundSet = false;
        if (this.#round.length === 0 && this.#waiting.length > 0) this.#advance();
      }),
    );
  }

  /** Serves the next part of the subscribers. */
  #advance(): void {
    if (this.#round.length === 0) {
      this.#round = this.#waiting;
      this.#waiting = [];
      this.#waitingBytes = 0;
      this.#next = 0;
    }
    const end = Math.min(this.#next + this.#perTurn, this.#live.length);
    while (this.#next < end) {
      const from = this.#next;
      this.#next = Math.min(from + this.#perWrite, end);
      for (const entry of this.#round) this.#visit(entry, from, this.#next);
      if (this.#next < this.#live.length) flushWrites();
    }
    if (this.#next >= this.#live.length) {
      this.#round = [];
      this.#compact();
    }
    if (this.isUnderWay) this.#setTurn();
    else this.#noteTime();
  }

  /** All subscribers have all entries. */
  #noteTime(): void {
    if (this.#timedFromMs === undefined) return;
    const nowMs = monotonicMs();
    this.#stats.deliverTimes.note(nowMs - this.#timedFromMs, nowMs);
    this.#timedFromMs = undefined;
  }

  #visit(entry: TopicEntry, from: number, to: number): void {
    const { offset } = entry.entry;
    const { except } = entry;
    const isVolatile = offset === 0;
    let delivered = 0;
    this.#isVisiting = true;
    for (let i = from; i < to; i++) {
      const subscriber = this.#live[i];
      if (subscriber === undefined) continue;
      const { sink, cursor } = subscriber;
      if (cursor !== undefined && !isVolatile && offset <= cursor.offset) continue;
      if (!sink.isReady) {
        this.#passOver(subscriber, entry);
      } else if (except === undefined || except !== sink.session) {
        sink.onEntry(entry, false, false);
        delivered++;
      }
    }
    this.#isVisiting = false;
    this.#stats.delivered += delivered;
  }

  #passOver(subscriber: LiveSubscriber, entry: TopicEntry): void {
    if (!isStored(entry)) {
      this.#stats.volatileDropped++;
      return;
    }
    this.remove(subscriber);
    subscriber.fallBehind(entry.epoch, { offset: entry.beforeOffset, tag: entry.beforeTag });
  }

  /** Sends all subscribers on their own way, each from the place of the last entry that it got. */
  #giveUp(): void {
    const firstOfRound = this.#round.find(isStored);
    const firstWaiting = this.#waiting.find(isStored);
    for (const [i, subscriber] of this.#live.entries()) {
      if (subscriber === undefined) continue;
      subscriber.liveIndex = -1;
      subscriber.goOn(i < this.#next ? firstWaiting : (firstOfRound ?? firstWaiting));
    }
    const volatileCount = this.#waiting.filter((entry) => !isStored(entry)).length;
    this.#stats.volatileDropped += this.liveCount * volatileCount;
    this.#live = [];
    this.#holes = 0;
    this.#round = [];
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#timedFromMs = undefined;
  }

  /** Closes the places of subscribers that have left, when nobody counts on places. */
  #compact(): void {
    if (this.#holes < MIN_COMPACTED || this.#holes * 4 < this.#live.length) return;
    if (this.#isVisiting || this.#round.length > 0) return;
    const live: LiveSubscriber[] = [];
    for (const subscriber of this.#live) {
      if (subscriber === undefined) continue;
      subscriber.liveIndex = live.length;
      live.push(subscriber);
    }
    this.#live = live;
    this.#holes = 0;
  }
}

function isStored({ entry }: TopicEntry): boolean {
  return entry.offset !== 0;
}
