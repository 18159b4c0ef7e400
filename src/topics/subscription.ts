import { monotonicMs } from '../base/clock.ts';
import type { Entry, Place, ReadQuery, Slice, SliceGap } from './broker.ts';
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

/** What a subscription needs until everything that was missed or asked for has been delivered. */
interface Start {
  readonly since: Since;
  /** Whether onSubscribed has been called. */
  isTold: boolean;
  count: number;
  /**
   * The state, of which this many entries have been delivered: as the broker gave it, which shares it among all who ask.
   * Whoever does not read would hold a copy of everything else.
   */
  state: readonly Entry[] | undefined;
  stateIndex: number;
}

/**
 * One subscriber of a topic: a cursor.
 *
 * @remarks A subscriber that keeps up is in the list of the {@link FanOut}, and costs nothing else. One that does not keeps
 * the place of the last entry that it got, and goes on from there when its sink is ready: from the ring, else from the
 * broker. So nothing waits in memory for it, and it is proved whether the log still knows that very entry.
 */
export class TopicSubscription implements Feed, LiveSubscriber {
  readonly sink: FeedSink;
  readonly #source: SubscriptionSource;
  /** The cursor: the last entry that the subscriber got or does not need. While it is live, when it became live. */
  epoch = '';
  offset = 0;
  tag = 0;
  liveIndex = -1;
  /** Whether the ring has been brought up to date since the cursor was set. */
  #isRefreshed = false;
  #isEnded = false;
  #start: Start | undefined;

  constructor(source: SubscriptionSource, since: Since, sink: FeedSink) {
    this.#source = source;
    this.sink = sink;
    this.#start = { since, isTold: false, count: 0, state: undefined, stateIndex: 0 };
  }

  get topic(): string {
    return this.#source.topic;
  }

  /** Whether onSubscribed has not been called yet. */
  get isNew(): boolean {
    return this.#start !== undefined && !this.#start.isTold;
  }

  get isUpToDate(): boolean {
    return this.liveIndex >= 0 && !this.#source.fanOut.isUnderWay;
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
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
    if (this.#isEnded) return;
    if (this.#start?.isTold === false) this.#begin(this.#start);
    else this.#pump();
  }

  fallBehind(epoch: string, offset: number, tag: number): void {
    this.moveTo(epoch, offset, tag);
    this.#source.onBehind(this);
    if (this.#source.onSlow === 'close') this.fail('slow', 'the subscriber does not keep up');
    else this.#waitForSink();
  }

  goOn(next: TopicEntry | undefined): void {
    const { epoch, head } = this.#source.ring;
    if (next === undefined) this.moveTo(epoch, head.offset, head.tag);
    // A subscriber that became live behind this entry has its own place still.
    else if (next.entry.offset > this.offset) this.moveTo(next.epoch, next.beforeOffset, next.beforeTag);
    this.#source.onBehind(this);
    this.#source.schedule(this);
  }

  /** Sets the cursor: the subscriber needs nothing up to this place. */
  moveTo(epoch: string, offset: number, tag: number): void {
    this.epoch = epoch;
    this.offset = offset;
    this.tag = tag;
    this.#isRefreshed = false;
  }

  /** Whether nothing is left between the cursor and what the fan-out will deliver. */
  isAtHead(index: number): boolean {
    return index === this.#source.ring.count;
  }

  /** Whether the subscriber, which has not kept up, skips to the newest entry of each key. */
  get #isThinned(): boolean {
    return this.#source.onSlow === 'latest' && this.#start === undefined;
  }

  #begin(start: Start): void {
    const { since } = start;
    if (since === 'now') this.#beginAt(this.#source.ring.head, 0);
    else if (since === 'start') this.#readPage();
    else if (since === 'state') this.#beginWithState(start);
    else if ('last' in since) this.#beginWithLast(since.last);
    else this.#resume(since.after);
  }

  #beginAt(place: Place, missed: number): void {
    const { epoch } = this.#source.ring;
    this.moveTo(epoch, place.offset, place.tag);
    this.#tell('new', missed, toPosition(epoch, place));
    // What comes from now on was neither missed nor asked for.
    if (this.#start?.since === 'now') this.#start = undefined;
    this.#pump();
  }

  #beginWithLast(last: number): void {
    const { ring } = this.#source;
    if (last <= ring.count || ring.isWhole) {
      this.#beginAt(ring.placeBefore(last), Math.min(last, ring.count));
    } else if (!this.#source.fill(this)) {
      this.#ask({ last, limit: READ_ENTRIES, maxBytes: PUMP_BYTES }, (slice) => this.#onPage(slice));
    }
  }

  #beginWithState(start: Start): void {
    const onSlice = (slice: Slice): void => {
      if (this.#isEnded) return;
      const { epoch, head, state = [] } = slice;
      if (this.#source.toEntries(state, epoch, head) === undefined) {
        this.#tellGap('trimmed');
        return;
      }
      start.state = state;
      this.moveTo(epoch, head.offset, head.tag);
      this.#tell('new', state.length, undefined);
      this.#pump();
    };
    this.#ask({ limit: 0, maxBytes: 0, isStateWanted: true }, onSlice);
  }

  #resume(after: Position): void {
    if (this.epoch === '') {
      const position = parsePosition(after);
      // A position that this library did not write is in no log: the broker is not bothered.
      if (position === undefined) {
        this.#tellGap('forked');
        return;
      }
      this.moveTo(position.epoch, position.offset, position.tag);
    }
    const index = this.#find();
    if (index === undefined) return;
    this.#tell('recovered', this.#source.ring.count - index, toPosition(this.epoch, this));
    this.#pump();
  }

  #pump(): void {
    if (this.#isEnded) return;
    const { ring } = this.#source;
    if (!this.sink.isReady) {
      this.#waitForSink();
      return;
    }
    if (this.#start?.state !== undefined && !this.#deliverState(this.#start, this.#start.state)) return;
    const index = this.#find();
    if (index === undefined) return;
    if (this.isAtHead(index)) {
      this.#join();
      return;
    }
    const entries = ring.slice(index, this.#isThinned ? Infinity : PUMP_BYTES);
    if (!this.#deliver(this.#isThinned ? this.#thin(entries) : entries)) return;
    if (this.isAtHead(ring.locate(this))) this.#join();
    else this.#source.schedule(this);
  }

  /**
   * Index in the ring of what follows the cursor. Undefined when the ring does not know the cursor: then the broker is
   * asked, or the gap was told.
   */
  #find(): number | undefined {
    const { ring } = this.#source;
    if (this.epoch !== '') {
      const index = ring.locate(this);
      if (index >= 0) return index;
      const reason = ring.denies(this);
      if (reason !== undefined) {
        // The cursor may be newer than the ring: of another node, which has heard of more.
        if (this.#isRefreshed) this.#tellGap(reason);
        else this.#refresh();
        return undefined;
      }
      if (this.isNew && this.#source.fill(this)) return undefined;
    }
    this.#readPage();
    return undefined;
  }

  #refresh(): void {
    this.#isRefreshed = true;
    this.#source.refresh(this);
  }

  #readPage(): void {
    const after = this.epoch === '' ? undefined : { epoch: this.epoch, offset: this.offset, tag: this.tag };
    this.#ask({ after, limit: READ_ENTRIES, maxBytes: PUMP_BYTES }, (slice) => this.#onPage(slice));
  }

  #ask(query: Omit<ReadQuery, 'topic'>, onSlice: (slice: Slice) => void): void {
    this.#source.read(query, onSlice, (code, message) => this.fail(code, message));
  }

  #onPage(slice: Slice): void {
    if (this.#isEnded) return;
    const { head } = slice;
    const isFirst = this.epoch === '';
    if (slice.gap !== undefined || (!isFirst && slice.epoch !== this.epoch)) {
      this.#tellGap(slice.gap ?? 'epoch');
      return;
    }
    const entries = this.#source.toEntries(slice.entries, slice.epoch, isFirst ? head : this);
    if (entries === undefined) {
      this.#tellGap('trimmed');
      return;
    }
    if (this.isNew) this.#tellOfPage(slice);
    if (entries.length > 0) {
      if (this.#deliver(entries)) this.#pump();
    } else if (isFirst || head.offset > this.offset) {
      // Whatever lies between is past its ttl.
      this.moveTo(slice.epoch, head.offset, head.tag);
      this.#pump();
    } else {
      // The log knows the cursor and the ring does not: the ring is behind.
      this.#refresh();
    }
  }

  #tellOfPage({ epoch, entries, head }: Slice): void {
    const [first] = entries;
    const isWhole = (entries.at(-1)?.offset ?? head.offset) === head.offset;
    const missed = isWhole ? entries.length : head.offset - Math.max(this.offset, (first?.offset ?? 1) - 1);
    if (this.epoch !== '') {
      this.#tell('recovered', missed, toPosition(epoch, this));
      return;
    }
    const before = first === undefined ? head : placeBefore(first);
    this.#tell('new', missed, before && toPosition(epoch, before));
  }

  #tell(state: 'new' | 'recovered', missed: number, position: Position | undefined): void {
    if (this.#start !== undefined) this.#start.isTold = true;
    if (state === 'recovered') this.#source.stats.resumes.recovered++;
    this.sink.onSubscribed({ state, reason: undefined, missed, position });
  }

  /** Tells that entries are missing, and goes on behind the head. */
  #tellGap(reason: SliceGap): void {
    const { ring, stats } = this.#source;
    // Who skips to the newest entries gets those that are kept.
    const place = reason === 'trimmed' && this.#isThinned ? ring.floor : ring.head;
    const position = toPosition(ring.epoch, place);
    this.moveTo(ring.epoch, place.offset, place.tag);
    if (this.#start?.isTold === false) {
      this.#start.isTold = true;
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
  #deliver(entries: readonly TopicEntry[]): boolean {
    const { stats } = this.#source;
    const start = this.#start;
    const nowMs = monotonicMs();
    for (const entry of entries) {
      if (!this.sink.isReady) {
        this.#waitForSink();
        return false;
      }
      this.moveTo(entry.epoch, entry.entry.offset, entry.entry.tag);
      if (!this.#isFor(entry, nowMs)) continue;
      if (start !== undefined) start.count++;
      stats.replayed++;
      this.sink.onEntry(entry, start !== undefined, false);
      if (this.#isEnded) return false;
    }
    return true;
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

  #deliverState(start: Start, state: readonly Entry[]): boolean {
    while (start.stateIndex < state.length) {
      if (!this.sink.isReady) {
        this.#waitForSink();
        return false;
      }
      const next = state.slice(start.stateIndex, ++start.stateIndex);
      for (const entry of this.#source.toEntries(next, this.epoch, this) ?? []) {
        start.count++;
        this.#source.stats.replayed++;
        this.sink.onEntry(entry, true, true);
      }
      if (this.#isEnded) return false;
    }
    start.state = undefined;
    return true;
  }

  #join(): void {
    const { ring, fanOut } = this.#source;
    const start = this.#start;
    this.#start = undefined;
    fanOut.add(this);
    this.#source.onJoined(this);
    if (start !== undefined) this.sink.onLive(toPosition(ring.epoch, ring.head), start.count);
  }

  #waitForSink(): void {
    this.sink.onceReady(() => this.#source.schedule(this));
  }
}
