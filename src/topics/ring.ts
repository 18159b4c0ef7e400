import { monotonicMs } from '../base/clock.ts';
import type { Place, Retention } from './broker.ts';
import type { ParsedPosition } from './position.ts';
import type { TopicEntry } from './topic-entry.ts';
import { type Used, UseList } from './use-list.ts';

/** Removed entries in front of the kept ones are only dropped from the array when they are so many, and its half. */
const MIN_COMPACTED = 64;
/** How long a ring counts as used just now: to note each use would cost more than the use. */
const USE_MS = 1000;

const NOWHERE: Place = { offset: 0, tag: 0 };

/** Why a ring that is up to date proves that a position is not in the log any more, or never was. */
export type RingDenial = 'epoch' | 'forked';

/**
 * The newest entries of a watched topic, without holes, from {@link floor} to {@link head}: the part of the log that this
 * process knows.
 */
export class Ring implements Used<Ring> {
  epoch = '';
  /** The place just before the first entry of the ring. */
  floor: Place = NOWHERE;
  /** The newest place that this process knows: of the last entry, or the floor. */
  head: Place = NOWHERE;
  /** False until older entries were asked for once. */
  isFilled = false;
  /** True when the log keeps nothing that is older than the ring. */
  isWhole = false;
  bytes = 0;
  usedMs = 0;
  older: Ring | undefined;
  newer: Ring | undefined;
  readonly #budget: RingBudget;
  readonly #retention: Retention;
  #entries: TopicEntry[] = [];
  #first = 0;
  #payloadBytes = 0;

  constructor(budget: RingBudget, retention: Retention) {
    this.#budget = budget;
    this.#retention = retention;
  }

  get count(): number {
    return this.#entries.length - this.#first;
  }

  /** Adds the entry behind the head. */
  push(entry: TopicEntry): void {
    this.#entries.push(entry);
    this.head = entry.entry;
    this.#count(entry, 1);
    this.#trim(entry.arrivedMs);
    this.#budget.use(this, entry.arrivedMs);
  }

  /** Adds older entries, the last of which is at the floor, behind a place that becomes the floor. */
  prepend(floor: Place, entries: readonly TopicEntry[]): void {
    this.#entries = [...entries, ...this.#entries.slice(this.#first)];
    this.#first = 0;
    this.floor = floor;
    for (const entry of entries) this.#count(entry, 1);
    const nowMs = Math.floor(monotonicMs());
    this.#trim(nowMs);
    this.#budget.use(this, nowMs);
  }

  /** Moves the head over entries that the broker does not give out any more. */
  skipTo(head: Place): void {
    if (this.count === 0) this.floor = head;
    this.head = head;
  }

  /** Begins anew at a place of which nothing older is known. */
  reset(epoch: string, head: Place): void {
    this.epoch = epoch;
    this.head = head;
    this.drop();
  }

  /** Forgets all entries. */
  drop(): void {
    for (const entry of this.slice(0, Infinity)) this.#count(entry, -1);
    this.#entries = [];
    this.#first = 0;
    this.floor = this.head;
    this.isFilled = false;
    this.isWhole = this.floor.offset === 0;
    this.#budget.forget(this);
  }

  /** Forgets the oldest entry. */
  dropFirst(): void {
    const entry = this.#entries[this.#first];
    if (entry === undefined) return;
    this.#first++;
    this.floor = entry.entry;
    this.#count(entry, -1);
    if (this.#first < MIN_COMPACTED || this.#first * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }

  /** Whether this very entry is in the ring, or at its floor. */
  has(place: Place): boolean {
    return this.locate({ epoch: this.epoch, offset: place.offset, tag: place.tag }) >= 0;
  }

  /** Index of the entry behind a place, {@link count} at the head, -1 when the ring does not know this very place. */
  locate({ epoch, offset, tag }: ParsedPosition): number {
    if (epoch !== this.epoch) return -1;
    if (offset === this.head.offset) return tag === this.head.tag ? this.count : -1;
    if (offset === this.floor.offset) return tag === this.floor.tag ? 0 : -1;
    const index = this.#search(offset);
    const entry = this.#entries[this.#first + index]?.entry;
    return entry?.offset === offset && entry.tag === tag ? index + 1 : -1;
  }

  /**
   * Why a place that {@link locate} does not know is not of this log, if the ring is up to date. Undefined for a place
   * before the head, which the broker must judge: the ring lacks what is older, and what was past its ttl when it was read.
   */
  denies({ epoch, offset }: ParsedPosition): RingDenial | undefined {
    if (epoch !== this.epoch) return 'epoch';
    return offset < this.head.offset ? undefined : 'forked';
  }

  /** The entries from an index on, so many bytes of payload of them and at least one. */
  slice(index: number, maxBytes: number): TopicEntry[] {
    const start = this.#first + index;
    let end = start;
    for (let bytes = 0; end < this.#entries.length && bytes < maxBytes; end++) {
      bytes += this.#entries[end]?.byteLength ?? 0;
    }
    return this.#entries.slice(start, end);
  }

  /** Place from which the newest so many entries follow. */
  placeBefore(count: number): Place {
    const entry = this.#entries[Math.max(this.#first, this.#entries.length - count)];
    return entry === undefined ? this.head : { offset: entry.beforeOffset, tag: entry.beforeTag };
  }

  /** Forgets what is older than the history. */
  trimAge(nowMs: number): void {
    const oldestMs = nowMs - this.#retention.seconds * 1000;
    for (let entry; (entry = this.#entries[this.#first]) !== undefined && entry.arrivedMs < oldestMs;) {
      this.dropFirst();
    }
  }

  #trim(nowMs: number): void {
    const { messages, bytes } = this.#retention;
    while (this.count > messages || this.#payloadBytes > bytes) this.dropFirst();
    this.trimAge(nowMs);
  }

  #count(entry: TopicEntry, sign: 1 | -1): void {
    this.bytes += sign * entry.heldBytes;
    this.#payloadBytes += sign * entry.byteLength;
    this.#budget.heldBytes += sign * entry.heldBytes;
  }

  /** Index of the first entry with this offset or a higher one. */
  #search(offset: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const found = this.#entries[this.#first + middle];
      if (found !== undefined && found.entry.offset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Limits the memory of many rings together: the ring that was used longest ago is emptied first. */
export class RingBudget {
  heldBytes = 0;
  readonly #limitBytes: number;
  /** The rings that have entries. */
  readonly #rings = new UseList<Ring>();

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Notes that a ring has grown, and makes room. */
  use(ring: Ring, nowMs: number): void {
    if (nowMs - ring.usedMs >= USE_MS || !this.#rings.has(ring)) {
      ring.usedMs = nowMs;
      this.#rings.renew(ring);
    }
    while (this.heldBytes > this.#limitBytes) {
      const { oldest } = this.#rings;
      if (oldest === undefined) return;
      if (oldest !== ring || ring.count <= 1) oldest.drop();
      else {
        ring.dropFirst();
        ring.isFilled = false;
        ring.isWhole = false;
      }
    }
  }

  forget(ring: Ring): void {
    this.#rings.remove(ring);
  }
}
