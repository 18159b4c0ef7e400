import { monotonicMs } from '../base/clock.ts';
import type { Entry, Place, ReadQuery, Slice, SliceGap } from './broker.ts';
import { Cursor, type Start } from './cursor.ts';
import type { FanOut, LiveSubscriber } from './fan-out.ts';
import type { Feed, FeedSink } from './feed.ts';
import { parsePosition, type Position, toPosition } from './position.ts';
import type { Ring } from './ring.ts';
import { READ_ENTRIES } from './ring-filler.ts';
import { placeBefore, type TopicEntry } from './topic-entry.ts';
import type { Since } from './topic-handler.ts';
import type { TopicStats } from './topic-stats.ts';

/** Bytes that a subscriber who is behind gets before others have their turn, and that it reads from the broker at once. */
const PUMP_BYTES = 65_536;

/** What happens to a subscriber who does not keep up. */
export type SlowPolicy = 'catchUp' | 'latest' | 'close';

/** What a subscription needs of the reader of its topic. */
export interface SubscriptionSource {
  readonly topic: string;
  readonly ring: Ring;
  readonly fanOut: FanOut;
  readonly stats: TopicStats;
  readonly onSlow: SlowPolicy;
  /** Has {@link TopicSubscription.step} called in a later turn. */
  schedule(subscription: TopicSubscription): void;
  /** Asks the broker what follows the head of the ring; then calls the subscription as {@link schedule} does. */
  refresh(subscription: TopicSubscription): void;
  /** The same with older entries; false when they were asked for before, and nothing will be called. */
  fill(subscription: TopicSubscription): boolean;
  /** Asks the broker. Equal questions that are under way share one answer. */
  read(
    query: Omit<ReadQuery, 'topic'>,
    onSlice: (slice: Slice) => void,
    onRefused: (code: string, message: string) => void,
  ): void;
  /** Entries of an answer, behind a place. Undefined when one of them cannot be read by this version. */
  toEntries(entries: readonly Entry[], epoch: string, after: Place): readonly TopicEntry[] | undefined;
  /** The subscription is over, or not live any more. */
  onLeft(subscription: TopicSubscription): void;
  onBehind(subscription: TopicSubscription): void;
  onJoined(subscription: TopicSubscription): void;
}

/**
 * One subscriber of a topic: a cursor.
 *
 * @remarks A subscriber that keeps up is in the list of the {@link FanOut}, and costs nothing else. One that does not has
 * a cursor, and goes on from there when its sink is ready: from the ring, else from the broker. So nothing waits in memory for it, and it is proved whether the log still knows that very entry.
 */
export class TopicSubscription implements Feed, LiveSubscriber {
  readonly sink: FeedSink;
  readonly #source: SubscriptionSource;
  /** Undefined when the subscription is over; and while it is live, unless it became so in the middle of a round. */
  cursor: Cursor | undefined;
  liveIndex = -1;

  constructor(source: SubscriptionSource, since: Since, sink: FeedSink) {
    this.#source = source;
    this.sink = sink;
    this.cursor = new Cursor({ since, isTold: false, count: 0, state: undefined, stateIndex: 0 });
  }

  get topic(): string {
    return this.#source.topic;
  }

  /** Whether onSubscribed has not been called yet. */
  get isNew(): boolean {
    return this.cursor?.start?.isTold === false;
  }

  get isUpToDate(): boolean {
    return this.liveIndex >= 0 && !this.#source.fanOut.isUnderWay;
  }

  end(): void {
    if (this.#isEnded) return;
    this.cursor = undefined;
    if (this.liveIndex >= 0) this.#source.fanOut.remove(this);
    this.#source.onLeft(this);
  }

  /** Ends the subscription because it cannot be served. */
  fail(code: string, message: string): void {
    if (this.#isEnded) return;
    this.end();
    this.sink.onFailed(code, message);
  }

  /** Goes on as far as the sink and the ring allow. Called while the subscription is not live and waits for nothing. */
  step(): void {
    const { cursor } = this;
    if (cursor?.start?.isTold === false) this.#begin(cursor, cursor.start);
    else this.#pump();
  }

  fallBehind(epoch: string, place: Place): void {
    this.moveTo(epoch, place);
    this.#source.onBehind(this);
    if (this.#source.onSlow === 'close') this.fail('slow', 'the subscriber does not keep up');
    else this.#waitForSink();
  }

  goOn(next: TopicEntry | undefined): void {
    const { epoch, head } = this.#source.ring;
    if (next === undefined) this.moveTo(epoch, head);
    // A subscriber that became live behind this entry has its own place still.
    else if (this.cursor === undefined || next.entry.offset > this.cursor.offset) {
      this.moveTo(next.epoch, { offset: next.beforeOffset, tag: next.beforeTag });
    }
    this.#source.onBehind(this);
    this.#source.schedule(this);
  }

  /** Sets the cursor: the subscriber needs nothing up to this place. */
  moveTo(epoch: string, place: Place): void {
    this.cursor ??= new Cursor(undefined);
    this.cursor.moveTo(epoch, place);
  }

  /** Whether nothing is left between the cursor and what the fan-out will deliver. */
  isAtHead(index: number): boolean {
    return index === this.#source.ring.count;
  }

  get #isEnded(): boolean {
    return this.cursor === undefined && this.liveIndex < 0;
  }

  /** Whether the subscriber, which has not kept up, skips to the newest entry of each key. */
  get #isThinned(): boolean {
    return this.#source.onSlow === 'latest' && this.cursor?.start === undefined;
  }

  #begin(cursor: Cursor, start: Start): void {
    const { since } = start;
    if (since === 'now') this.#beginAt(cursor, this.#source.ring.head, 0);
    else if (since === 'start') this.#readPage(cursor);
    else if (since === 'state') this.#beginWithState(start);
    else if ('last' in since) this.#beginWithLast(cursor, since.last);
    else this.#resume(cursor, since.after);
  }

  #beginAt(cursor: Cursor, place: Place, missed: number): void {
    const { epoch } = this.#source.ring;
    cursor.moveTo(epoch, place);
    this.#tell(cursor, 'new', missed, toPosition(epoch, place));
    // What comes from now on was neither missed nor asked for.
    if (cursor.start?.since === 'now') cursor.start = undefined;
    this.#pump();
  }

  #beginWithLast(cursor: Cursor, last: number): void {
    const { ring } = this.#source;
    if (last <= ring.count || ring.isWhole) {
      this.#beginAt(cursor, ring.placeBefore(last), Math.min(last, ring.count));
    } else if (!this.#source.fill(this)) {
      this.#ask({ last, limit: READ_ENTRIES, maxBytes: PUMP_BYTES }, (slice) => this.#onPage(slice));
    }
  }

  #beginWithState(start: Start): void {
    const onSlice = (slice: Slice): void => {
      const { cursor } = this;
      if (cursor === undefined) return;
      const { epoch, head, state = [] } = slice;
      if (this.#source.toEntries(state, epoch, head) === undefined) {
        this.#tellGap(cursor, 'trimmed');
        return;
      }
      start.state = state;
      cursor.moveTo(epoch, head);
      this.#tell(cursor, 'new', state.length, undefined);
      this.#pump();
    };
    this.#ask({ limit: 0, maxBytes: 0, isStateWanted: true }, onSlice);
  }

  #resume(cursor: Cursor, after: Position): void {
    if (cursor.epoch === '') {
      const position = parsePosition(after);
      // A position that this library did not write is in no log: the broker is not bothered.
      if (position === undefined) {
        this.#tellGap(cursor, 'forked');
        return;
      }
      cursor.moveTo(position.epoch, position);
    }
    const index = this.#find(cursor);
    if (index === undefined) return;
    this.#tell(cursor, 'recovered', this.#source.ring.count - index, toPosition(cursor.epoch, cursor));
    this.#pump();
  }

  #pump(): void {
    const { cursor } = this;
    if (cursor === undefined) return;
    const { ring } = this.#source;
    if (!this.sink.isReady) {
      this.#waitForSink();
      return;
    }
    const { start } = cursor;
    if (start?.state !== undefined && !this.#deliverState(cursor, start, start.state)) return;
    const index = this.#find(cursor);
    if (index === undefined) return;
    if (this.isAtHead(index)) {
      this.#join(cursor);
      return;
    }
    const entries = ring.slice(index, this.#isThinned ? Infinity : PUMP_BYTES);
    if (!this.#deliver(cursor, this.#isThinned ? this.#thin(entries) : entries)) return;
    if (this.isAtHead(ring.locate(cursor))) this.#join(cursor);
    else this.#source.schedule(this);
  }

  /**
   * Index in the ring of what follows the cursor. Undefined when the ring does not know the cursor: then the broker is
   * asked, or the gap was told.
   */
  #find(cursor: Cursor): number | undefined {
    const { ring } = this.#source;
    if (cursor.epoch !== '') {
      const index = ring.locate(cursor);
      if (index >= 0) return index;
      const reason = ring.denies(cursor);
      if (reason !== undefined) {
        // The cursor may be newer than the ring: of another node, which has heard of more.
        if (cursor.isRefreshed) this.#tellGap(cursor, reason);
        else this.#refresh(cursor);
        return undefined;
      }
      if (this.isNew && this.#source.fill(this)) return undefined;
    }
    this.#readPage(cursor);
    return undefined;
  }

  #refresh(cursor: Cursor): void {
    cursor.isRefreshed = true;
    this.#source.refresh(this);
  }

  #readPage({ epoch, offset, tag }: Cursor): void {
    const after = epoch === '' ? undefined : { epoch, offset, tag };
    this.#ask({ after, limit: READ_ENTRIES, maxBytes: PUMP_BYTES }, (slice) => this.#onPage(slice));
  }

  #ask(query: Omit<ReadQuery, 'topic'>, onSlice: (slice: Slice) => void): void {
    this.#source.read(query, onSlice, (code, message) => this.fail(code, message));
  }

  #onPage(slice: Slice): void {
    const { cursor } = this;
    if (cursor === undefined) return;
    const { head } = slice;
    const isFirst = cursor.epoch === '';
    if (slice.gap !== undefined || (!isFirst && slice.epoch !== cursor.epoch)) {
      this.#tellGap(cursor, slice.gap ?? 'epoch');
      return;
    }
    const entries = this.#source.toEntries(slice.entries, slice.epoch, isFirst ? head : cursor);
    if (entries === undefined) {
      this.#tellGap(cursor, 'trimmed');
      return;
    }
    if (this.isNew) this.#tellOfPage(cursor, slice);
    if (entries.length > 0) {
      if (this.#deliver(cursor, entries)) this.#pump();
    } else if (isFirst || head.offset > cursor.offset) {
      // Whatever lies between is past its ttl.
      cursor.moveTo(slice.epoch, head);
      this.#pump();
    } else {
      // The log knows the cursor and the ring does not: the ring is behind.
      this.#refresh(cursor);
    }
  }

  #tellOfPage(cursor: Cursor, { epoch, entries, head }: Slice): void {
    const [first] = entries;
    const isWhole = (entries.at(-1)?.offset ?? head.offset) === head.offset;
    const missed = isWhole ? entries.length : head.offset - Math.max(cursor.offset, (first?.offset ?? 1) - 1);
    if (cursor.epoch !== '') {
      this.#tell(cursor, 'recovered', missed, toPosition(epoch, cursor));
      return;
    }
    const before = first === undefined ? head : placeBefore(first);
    this.#tell(cursor, 'new', missed, before && toPosition(epoch, before));
  }

  #tell({ start }: Cursor, state: 'new' | 'recovered', missed: number, position: Position | undefined): void {
    if (start !== undefined) start.isTold = true;
    if (state === 'recovered') this.#source.stats.resumes.recovered++;
    this.sink.onSubscribed({ state, reason: undefined, missed, position });
  }

  /** Tells that entries are missing, and goes on behind the head. */
  #tellGap(cursor: Cursor, reason: SliceGap): void {
    const { ring, stats } = this.#source;
    // Who skips to the newest entries gets those that are kept.
    const place = reason === 'trimmed' && this.#isThinned ? ring.floor : ring.head;
    const position = toPosition(ring.epoch, place);
    cursor.moveTo(ring.epoch, place);
    if (cursor.start?.isTold === false) {
      cursor.start.isTold = true;
      stats.countGap(reason);
      stats.resumes.gap++;
      this.sink.onSubscribed({ state: 'gap', reason, missed: 0, position });
    } else {
      const shownReason = reason === 'trimmed' ? 'slow' : reason;
      stats.countGap(shownReason);
      this.sink.onGap(shownReason, position);
    }
    this.#source.schedule(this);
  }

  /** Returns false when the sink took no more: then the subscription goes on when it does. */
  #deliver(cursor: Cursor, entries: readonly TopicEntry[]): boolean {
    const { stats } = this.#source;
    const { start } = cursor;
    const nowMs = monotonicMs();
    for (const entry of entries) {
      if (this.#isEnded) return false;
      if (!this.sink.isReady) {
        this.#waitForSink();
        return false;
      }
      cursor.moveTo(entry.epoch, entry.entry);
      if (!this.#isFor(entry, nowMs)) continue;
      if (start !== undefined) start.count++;
      stats.replayed++;
      this.sink.onEntry(entry, start !== undefined, false);
    }
    return !this.#isEnded;
  }

  #isFor(entry: TopicEntry, nowMs: number): boolean {
    const isExcepted = entry.except !== undefined && entry.except === this.sink.session;
    return !isExcepted && !entry.isExpired(nowMs);
  }

  /**
   * The last entry of each key that is for this subscriber, in order, where those without a key count as one key; and the
   * last one of all, to which the cursor moves.
   */
  #thin(entries: readonly TopicEntry[]): TopicEntry[] {
    const nowMs = monotonicMs();
    const newest = new Map<string | undefined, TopicEntry>();
    for (const entry of entries) if (this.#isFor(entry, nowMs)) newest.set(entry.entry.key, entry);
    return entries.filter((entry) => newest.get(entry.entry.key) === entry || entry === entries.at(-1));
  }

  #deliverState(cursor: Cursor, start: Start, state: readonly Entry[]): boolean {
    while (start.stateIndex < state.length) {
      if (!this.sink.isReady) {
        this.#waitForSink();
        return false;
      }
      const next = state.slice(start.stateIndex, ++start.stateIndex);
      for (const entry of this.#source.toEntries(next, cursor.epoch, cursor) ?? []) {
        start.count++;
        this.#source.stats.replayed++;
        this.sink.onEntry(entry, true, true);
      }
      if (this.#isEnded) return false;
    }
    start.state = undefined;
    return true;
  }

  #join(cursor: Cursor): void {
    const { ring, fanOut } = this.#source;
    const { start } = cursor;
    cursor.start = undefined;
    // What the fan-out still delivers to others is not for this one.
    if (!fanOut.isUnderWay) this.cursor = undefined;
    fanOut.add(this);
    this.#source.onJoined(this);
    if (start !== undefined) this.sink.onLive(toPosition(ring.epoch, ring.head), start.count);
  }

  #waitForSink(): void {
    this.sink.onceReady(() => this.#source.schedule(this));
  }
}
