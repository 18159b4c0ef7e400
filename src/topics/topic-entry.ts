import { monotonicMs } from '../base/clock.ts';
import type { Entry, Place } from './broker.ts';
import { type ReadContent, readEntryBytes } from './entry-bytes.ts';
import type { FeedEntry } from './feed.ts';
import { type Position, toPosition } from './position.ts';

/** What an entry takes in a ring, beside its bytes: objects, and names of users. */
const OBJECT_BYTES = 512;
/** The bytes as the broker sent them, as a text, and as a frame. */
const COPIES = 3;

/** An entry as all subscribers of a process get it: its frames are built once and kept with it. */
export class TopicEntry implements FeedEntry {
  readonly topic: string;
  readonly epoch: string;
  readonly entry: Entry;
  /** Place of the stored entry before, from which a subscriber that does not get this one goes on. */
  readonly beforeOffset: number;
  readonly beforeTag: number;
  /** When it came, by the monotonic clock of this process in whole milliseconds. */
  readonly arrivedMs: number;
  readonly byteLength: number;
  prepared: unknown = undefined;
  readonly #content: ReadContent;
  #position: Position | undefined = undefined;

  private constructor(
    topic: string,
    epoch: string,
    entry: Entry,
    content: ReadContent,
    byteLength: number,
    before: Place,
    nowMs: number,
  ) {
    this.topic = topic;
    this.epoch = epoch;
    this.entry = entry;
    this.#content = content;
    this.byteLength = byteLength;
    this.beforeOffset = before.offset;
    this.beforeTag = before.tag;
    this.arrivedMs = Math.floor(nowMs);
  }

  /** Reads an entry; undefined when its bytes are those of a later version, or of no version of this library. */
  static read(topic: string, epoch: string, entry: Entry, before: Place, nowMs: number): TopicEntry | undefined {
    const { bytes } = entry;
    const content = readEntryBytes(bytes);
    if (content === undefined || content === 'newer') return undefined;
    return new TopicEntry(topic, epoch, entry, content, bytes.length, before, nowMs);
  }

  get position(): Position | undefined {
    if (this.entry.offset === 0) return undefined;
    this.#position ??= toPosition(this.epoch, this.entry);
    return this.#position;
  }

  get from(): string | undefined {
    return this.#content.from;
  }

  get except(): string | undefined {
    return this.#content.except;
  }

  get data(): string | Buffer {
    return this.#content.data;
  }

  /** What the entry takes in a ring, about. */
  get heldBytes(): number {
    return OBJECT_BYTES + COPIES * this.byteLength;
  }

  /**
   * Whether the entry is past its own ttl.
   *
   * @remarks Counted from its arrival here, because clocks of nodes decide nothing: an entry that had waited in the broker
   * lives a little longer.
   */
  isExpired(nowMs: number): boolean {
    const { ttl } = this.entry;
    return ttl !== undefined && nowMs - this.arrivedMs > ttl * 1000;
  }
}

/** The place just before an entry; undefined when its broker does not tell the tag. */
export function placeBefore({ prev, prevTag }: Entry): Place | undefined {
  if (prev === 0) return { offset: 0, tag: 0 };
  return prevTag === undefined ? undefined : { offset: prev, tag: prevTag };
}

/** Reads the entries behind a place, in order. Undefined when one of them cannot be read by this version. */
export function readEntries(
  topic: string,
  epoch: string,
  entries: readonly Entry[],
  after: Place,
): TopicEntry[] | undefined {
  const nowMs = monotonicMs();
  const read: TopicEntry[] = [];
  let before = after;
  for (const entry of entries) {
    const topicEntry = TopicEntry.read(topic, epoch, entry, before, nowMs);
    if (topicEntry === undefined) return undefined;
    read.push(topicEntry);
    before = entry;
  }
  return read;
}
