import { Buffer } from 'node:buffer';
import type { Append, Entry, Place, ReadQuery, Retention, Slice, SliceGap } from './broker.ts';
import type { Used } from './use-list.ts';

/** Up to so many bytes a string is the smaller one, whatever the Buffer. */
const SMALL_BYTES = 4096;

/** What an entry, a key of the state and a topic cost beside their bytes and names, as measured on Node 20 to 24. */
const ENTRY_COST = 200;
const KEY_COST = 60;
const TOPIC_COST = 220;

/** Trimmed entries are cut off the array when there are so many of them, and more than kept ones. */
const MIN_CUT = 32;

/**
 * A stored entry.
 *
 * @remarks Small bytes are kept as a string of 8-bit characters, a third of the memory of a Buffer; and so are those of a
 * Buffer out of a pool, of which one entry that stays would hold 8 to 64 KiB.
 */
export class MemoryEntry implements Entry {
  readonly offset: number;
  readonly tag: number;
  readonly prev: number;
  readonly prevTag: number;
  readonly at: number;
  /** When it was stored, by the clock that never goes back. */
  readonly storedMs: number;
  readonly key: string | undefined;
  readonly isRemoved: boolean | undefined;
  readonly owner: string | undefined;
  readonly ttl: number | undefined;
  readonly #bytes: string | Buffer;

  constructor({ offset, tag }: Place, before: Place, at: number, storedMs: number, append: Append) {
    this.offset = offset;
    this.tag = tag;
    this.prev = before.offset;
    this.prevTag = before.tag;
    this.at = at;
    this.storedMs = storedMs;
    this.key = append.key;
    this.isRemoved = append.isRemoved;
    this.owner = append.owner;
    this.ttl = append.ttl;
    const { bytes } = append;
    const isOwn = bytes.length > SMALL_BYTES && bytes.buffer.byteLength === bytes.length;
    this.#bytes = isOwn ? bytes : bytes.toString('latin1');
  }

  get bytes(): Buffer {
    return typeof this.#bytes === 'string' ? Buffer.from(this.#bytes, 'latin1') : this.#bytes;
  }

  get byteLength(): number {
    return this.#bytes.length;
  }

  get cost(): number {
    return ENTRY_COST + this.#bytes.length + (this.key?.length ?? 0);
  }

  /** Tells whether the entry is past its ttl. */
  isOver(nowMs: number): boolean {
    return this.ttl !== undefined && nowMs - this.storedMs >= this.ttl * 1000;
  }
}

/** What a topic without entries costs of the memory limit. */
export function costOfTopic(name: string): number {
  return TOPIC_COST + name.length;
}

/** What an entry costs of the memory limit at most: in the log, and in the state if it has a key. */
export function costOf({ bytes, key }: Append): number {
  const cost = ENTRY_COST + bytes.length;
  return key === undefined ? cost : 2 * (cost + key.length) + KEY_COST;
}

const TRIMMED = new MemoryEntry({ offset: 0, tag: 0 }, { offset: 0, tag: 0 }, 0, 0, {
  topic: '',
  keep: { messages: 0, seconds: 0, bytes: 0, stateSeconds: 0 },
  bytes: Buffer.alloc(0),
});

const NONE: MemoryEntry[] = [];

/** The log of one topic, and its state: the last entry of each key. */
export class MemoryTopic implements Used<MemoryTopic> {
  readonly name: string;
  /** By the clock that never goes back: from then on the topic may be forgotten. */
  forgetAtMs: number;
  /** Neighbours in the list of topics, in the order of their last entries. */
  newer: MemoryTopic | undefined;
  older: MemoryTopic | undefined;
  #headOffset: number;
  #headTag: number;
  #keep: Retention | undefined;
  /** From {@link #first} on, without holes: offsets are dense. */
  #entries: MemoryEntry[] = NONE;
  #first = 0;
  #entryBytes = 0;
  #state: Map<string, MemoryEntry> | undefined;
  /** Of the log and of the state. */
  #entryCost = 0;

  constructor(name: string, head: Place, forgetAtMs: number) {
    this.name = name;
    this.#headOffset = head.offset;
    this.#headTag = head.tag;
    this.forgetAtMs = forgetAtMs;
  }

  get head(): Place {
    return { offset: this.#headOffset, tag: this.#headTag };
  }

  /** Bytes of memory, a little too high: an entry that is also state counts twice. */
  get cost(): number {
    return costOfTopic(this.name) + this.#entryCost;
  }

  get isEmpty(): boolean {
    return this.#entries.length === this.#first && this.#state === undefined;
  }

  /** Tells whether the key's entry in the state has the owner that an append asks for. */
  fitsOwner({ key = '', owner = '', ifOwner = '' }: Append, nowMs: number): boolean {
    const current = this.#state?.get(key);
    if (current === undefined || current.isOver(nowMs)) return ifOwner === '';
    return current.owner === (ifOwner || owner);
  }

  /** Stores an entry behind the head. */
  append(append: Append, tag: number, at: number, nowMs: number): MemoryEntry {
    const place = { offset: this.#headOffset + 1, tag };
    const entry = new MemoryEntry(place, this.head, at, nowMs, append);
    this.#headOffset = place.offset;
    this.#headTag = tag;
    this.#keep = append.keep;
    this.forgetAtMs = Math.max(this.forgetAtMs, nowMs + append.keep.stateSeconds * 1000);
    if (this.#entries === NONE) this.#entries = [entry];
    else this.#entries.push(entry);
    this.#entryBytes += entry.byteLength;
    this.#entryCost += entry.cost;
    if (append.key !== undefined) this.#keepState(append.key, entry);
    this.#trim(nowMs);
    return entry;
  }

  /** Answers a question. */
  read(query: ReadQuery, epoch: string, nowMs: number): Slice {
    this.#trim(nowMs);
    const gap = query.after && query.last === undefined ? this.#gapBehind(query.after, epoch) : undefined;
    const entries = gap === undefined && query.limit > 0 ? this.#entriesOf(query, nowMs) : NONE;
    const state = query.isStateWanted ? this.#livingState(nowMs) : undefined;
    return { epoch, head: this.head, entries, gap, state };
  }

  /** Lets go of what is too old. */
  sweep(nowMs: number): void {
    this.#trim(nowMs);
    for (const [key, entry] of this.#state ?? []) if (entry.isOver(nowMs)) this.#dropState(key);
  }

  /** Drops all entries and the state, and goes on behind `head`. */
  restart(head: Place): void {
    this.#headOffset = head.offset;
    this.#headTag = head.tag;
    this.#entries = NONE;
    this.#first = 0;
    this.#entryBytes = 0;
    this.#state = undefined;
    this.#entryCost = 0;
  }

  /** Why the log does not know the place, or not all entries behind it. */
  #gapBehind(after: Place & { readonly epoch: string }, epoch: string): SliceGap | undefined {
    if (after.epoch !== epoch) return 'epoch';
    if (after.offset > this.#headOffset) return 'forked';
    if (after.offset === this.#headOffset) return after.tag === this.#headTag ? undefined : 'forked';
    const first = this.#entries[this.#first];
    if (first === undefined || after.offset < first.prev) return 'trimmed';
    const tag =
      after.offset === first.prev ? first.prevTag : this.#entries[this.#first + after.offset - first.offset]?.tag;
    return after.tag === tag ? undefined : 'forked';
  }

  #entriesOf({ after, before = Infinity, last, limit, maxBytes }: ReadQuery, nowMs: number): MemoryEntry[] {
    const firstOffset = this.#entries[this.#first]?.offset ?? 0;
    const toIndex = (offset: number): number => this.#first + Math.max(0, offset - firstOffset);
    const end = Math.min(this.#entries.length, toIndex(before));
    let index = after === undefined ? this.#first : toIndex(after.offset + 1);
    if (last !== undefined) index = this.#indexOfNewest(last, end, nowMs);
    const found: MemoryEntry[] = [];
    let bytes = 0;
    for (; index < end && found.length < limit; index++) {
      const entry = this.#entries[index];
      if (entry === undefined || entry.isOver(nowMs)) continue;
      bytes += entry.byteLength;
      if (bytes > maxBytes && found.length > 0) break;
      found.push(entry);
    }
    return found;
  }

  /** Where the newest so many entries in front of `end` begin. */
  #indexOfNewest(count: number, end: number, nowMs: number): number {
    let index = end;
    for (let left = count; left > 0 && index > this.#first;) {
      index--;
      if (this.#entries[index]?.isOver(nowMs) === false) left--;
    }
    return index;
  }

  #livingState(nowMs: number): MemoryEntry[] {
    return Array.from(this.#state?.values() ?? []).filter((entry) => !entry.isOver(nowMs));
  }

  #keepState(key: string, entry: MemoryEntry): void {
    this.#dropState(key);
    if (entry.isRemoved) return;
    this.#state ??= new Map();
    this.#state.set(key, entry);
    this.#entryCost += KEY_COST + entry.cost;
  }

  #dropState(key: string): void {
    const entry = this.#state?.get(key);
    if (entry === undefined) return;
    this.#state?.delete(key);
    this.#entryCost -= KEY_COST + entry.cost;
    if (this.#state?.size === 0) this.#state = undefined;
  }

  #trim(nowMs: number): void {
    if (this.#keep === undefined) return;
    const { messages, bytes, seconds } = this.#keep;
    for (let oldest = this.#entries[this.#first]; oldest !== undefined; oldest = this.#entries[this.#first]) {
      const isOld = nowMs - oldest.storedMs >= seconds * 1000;
      if (!isOld && this.#entries.length - this.#first <= messages && this.#entryBytes <= bytes) break;
      this.#entries[this.#first++] = TRIMMED;
      this.#entryBytes -= oldest.byteLength;
      this.#entryCost -= oldest.cost;
    }
    if (this.#first === this.#entries.length) {
      this.#entries = NONE;
      this.#first = 0;
    } else if (this.#first > MIN_CUT && this.#first > this.#entries.length / 2) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
  }
}
