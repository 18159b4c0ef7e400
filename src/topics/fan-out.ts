import { setImmediate } from '../base/clock.ts';
import { runInOwnContext } from '../base/own-context.ts';
import type { FeedSink } from './feed.ts';
import type { Position } from './position.ts';
import type { TopicEntry } from './topic-entry.ts';
import type { GapReason } from './topic-handler.ts';
import type { TopicStats } from './topic-stats.ts';

/** Subscribers that get an entry in one turn of the event loop: about a millisecond of work. */
export const SUBSCRIBERS_PER_TURN = 4096;

/** Left places in the list of live subscribers are only closed when they are so many, and a quarter of it. */
const MIN_COMPACTED = 32;

/** A subscriber that keeps up. */
export interface LiveSubscriber {
  readonly sink: FeedSink;
  /** Stored entries up to here are not for it: it had them when it became live. */
  offset: number;
  /** Place in the list of the fan-out; -1 while the subscriber is not in it. */
  liveIndex: number;
  /** The sink is not ready: the subscriber, which has left the list, keeps the place as its cursor. */
  fallBehind(epoch: string, offset: number, tag: number): void;
}

/**
 * Pushes the entries of one topic to all subscribers that keep up.
 *
 * @remarks Each subscriber gets all entries in the order of {@link push}. An entry goes to {@link SUBSCRIBERS_PER_TURN}
 * subscribers in one turn and to the next ones in the next turn, with all entries that waited when the round began; those
 * that come meanwhile are for the next round. What a subscriber publishes while it is called waits for the next turn.
 */
export class FanOut {
  readonly #stats: TopicStats;
  readonly #perTurn: number;
  #live: (LiveSubscriber | undefined)[] = [];
  /** Places of subscribers that have left. */
  #holes = 0;
  #isVisiting = false;
  #isTurnSet = false;
  #waiting: TopicEntry[] = [];
  /** The entries that are being delivered, to the subscribers from {@link #next} on. */
  #round: TopicEntry[] = [];
  #next = 0;

  constructor(stats: TopicStats, perTurn: number) {
    this.#stats = stats;
    this.#perTurn = perTurn;
  }

  get liveCount(): number {
    return this.#live.length - this.#holes;
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

  /** Delivers an entry: at once, unless an earlier one is still under way. */
  push(entry: TopicEntry): void {
    const isFree = !this.#isVisiting && this.#round.length === 0 && this.#waiting.length === 0;
    if (isFree && this.#live.length <= this.#perTurn) {
      this.#visit(entry, 0, this.#live.length);
      this.#compact();
      if (this.#waiting.length > 0) this.#setTurn();
      return;
    }
    this.#waiting.push(entry);
    if (isFree) this.#advance();
    else if (!this.#isVisiting) this.#setTurn();
  }

  /** Delivers what waits to all, in this turn. */
  flush(): void {
    while (this.#isUnderWay) this.#advance();
  }

  /** Tells all live subscribers of a gap, behind what waits. The next entry for them is the one behind the offset. */
  tellGap(reason: GapReason, position: Position, offset: number): void {
    this.flush();
    this.#isVisiting = true;
    const { length } = this.#live;
    for (let i = 0; i < length; i++) {
      const subscriber = this.#live[i];
      if (subscriber === undefined) continue;
      subscriber.offset = offset;
      this.#stats.countGap(reason);
      subscriber.sink.onGap(reason, position);
    }
    this.#isVisiting = false;
    this.#compact();
    if (this.#isUnderWay) this.#setTurn();
  }

  get #isUnderWay(): boolean {
    return this.#round.length > 0 || this.#waiting.length > 0;
  }

  #setTurn(): void {
    if (this.#isTurnSet) return;
    this.#isTurnSet = true;
    runInOwnContext(() =>
      setImmediate(() => {
        this.#isTurnSet = false;
        if (this.#isUnderWay) this.#advance();
      }),
    );
  }

  /** Serves the next part of the subscribers. */
  #advance(): void {
    if (this.#round.length === 0) {
      this.#round = this.#waiting;
      this.#waiting = [];
      this.#next = 0;
    }
    const from = this.#next;
    this.#next = Math.min(from + this.#perTurn, this.#live.length);
    for (const entry of this.#round) this.#visit(entry, from, this.#next);
    if (this.#next >= this.#live.length) {
      this.#round = [];
      this.#compact();
    }
    if (this.#isUnderWay) this.#setTurn();
  }

  #visit(entry: TopicEntry, from: number, to: number): void {
    const { offset } = entry.entry;
    const { except } = entry;
    const isStored = offset !== 0;
    let delivered = 0;
    this.#isVisiting = true;
    for (let i = from; i < to; i++) {
      const subscriber = this.#live[i];
      if (subscriber === undefined || (isStored && offset <= subscriber.offset)) continue;
      const { sink } = subscriber;
      if (!sink.isReady) {
        this.#passOver(subscriber, entry, isStored);
      } else if (except === undefined || except !== sink.session) {
        sink.onEntry(entry, false, false);
        delivered++;
      }
    }
    this.#isVisiting = false;
    this.#stats.delivered += delivered;
  }

  #passOver(subscriber: LiveSubscriber, entry: TopicEntry, isStored: boolean): void {
    if (!isStored) {
      this.#stats.volatileDropped++;
      return;
    }
    this.remove(subscriber);
    subscriber.fallBehind(entry.epoch, entry.beforeOffset, entry.beforeTag);
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
