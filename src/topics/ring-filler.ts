import type { Entry, Place, ReadQuery, Slice } from './broker.ts';
import type { Ring } from './ring.ts';
import { placeBefore, type TopicEntry } from './topic-entry.ts';

/** Most entries, and bytes of them, of one answer of the broker. */
export const READ_ENTRIES = 500;
export const READ_BYTES = 262_144;

/** What the filler needs of the reader of the topic. */
export interface FilledSource {
  readonly ring: Ring;
  read(query: Omit<ReadQuery, 'topic'>, onSlice: (slice: Slice) => void, onRefused: () => void): void;
  toEntries(entries: readonly Entry[], epoch: string, after: Place): readonly TopicEntry[] | undefined;
}

/**
 * Fetches what is older than a ring, once for all who want it: after the restart of a node thousands of clients come back
 * with positions that are a little older than its ring.
 */
export class RingFiller {
  readonly #source: FilledSource;
  /** Undefined while nothing is asked for. */
  #waiting: (() => void)[] | undefined;
  #older: Entry[] = [];

  constructor(source: FilledSource) {
    this.#source = source;
  }

  /** Returns false when the ring has been filled; else calls back when it is. */
  fill(onFilled: () => void): boolean {
    if (this.#waiting !== undefined) {
      this.#waiting.push(onFilled);
      return true;
    }
    const { isFilled, floor } = this.#source.ring;
    if (isFilled || floor.offset === 0) return false;
    this.#waiting = [onFilled];
    this.#ask({ last: READ_ENTRIES });
    return true;
  }

  #ask(from: Pick<ReadQuery, 'after' | 'last'>): void {
    const before = this.#source.ring.floor.offset + 1;
    this.#source.read(
      { ...from, before, limit: READ_ENTRIES, maxBytes: READ_BYTES },
      (slice) => this.#take(slice),
      () => this.#end(false),
    );
  }

  /** Takes a part of what is older, until it reaches the floor of the ring. */
  #take({ epoch, entries, gap }: Slice): void {
    const { ring } = this.#source;
    const { floor } = ring;
    const last = entries.at(-1);
    if (gap !== undefined || epoch !== ring.epoch) {
      this.#end(false);
      return;
    }
    this.#older.push(...entries);
    const isAll = this.#older.length < READ_ENTRIES;
    if (last === undefined) {
      this.#end(isAll);
      return;
    }
    const end = this.#older.findIndex(({ offset, tag }) => offset === floor.offset && tag === floor.tag) + 1;
    if (end > 0) this.#prepend(epoch, this.#older.slice(0, end));
    if (end > 0) this.#end(isAll);
    else if (last.offset >= floor.offset) this.#end(false);
    else this.#ask({ after: { epoch, offset: last.offset, tag: last.tag } });
  }

  #prepend(epoch: string, entries: readonly Entry[]): void {
    const [oldest, ...rest] = entries;
    if (oldest === undefined) return;
    const before = placeBefore(oldest);
    // Without a place in front of it the oldest one is no entry of the ring, but its floor.
    const read = this.#source.toEntries(before === undefined ? rest : entries, epoch, before ?? oldest);
    if (read !== undefined) this.#source.ring.prepend(before ?? oldest, read);
  }

  /** @param isWhole - whether the log keeps nothing that is older than the ring */
  #end(isWhole: boolean): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#older = [];
    this.#source.ring.isFilled = true;
    this.#source.ring.isWhole = isWhole;
    for (const onFilled of waiting) onFilled();
  }
}
