import { writeEntryBytes } from '../../src/topics/entry-bytes.ts';
import { FanOut } from '../../src/topics/fan-out.ts';
import { HeadChecks } from '../../src/topics/head-checks.ts';
import { Ring } from '../../src/topics/ring.ts';
import { TopicSubscription } from '../../src/topics/subscription.ts';
import { TopicEntry } from '../../src/topics/topic-entry.ts';
import { TopicReader } from '../../src/topics/topic-reader.ts';
import { TopicReaders } from '../../src/topics/topic-readers.ts';
import { TopicsCore } from '../../src/topics/topics-core.ts';

/** Commits a mistake; the function that it returns takes it back. */
type Fault = () => () => void;

/** Replaces a method of a class by one that gets the original. */
function replace<Subject extends object, Name extends keyof Subject & string>(
  subject: { readonly prototype: Subject },
  name: Name,
  replacement: (original: Subject[Name]) => Subject[Name],
): () => void {
  const { prototype } = subject;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name)!;
  Object.defineProperty(prototype, name, { ...descriptor, value: replacement(prototype[name]) });
  return () => Object.defineProperty(prototype, name, descriptor);
}

function both(...faults: readonly (() => void)[]): () => void {
  return () => {
    for (const takeBack of faults) takeBack();
  };
}

/** Mistakes that readers and subscriptions could make. The simulation must find each of them. */
export const PLANTED_FAULTS: Readonly<Record<string, Fault>> = {
  'tags are not compared': () =>
    both(
      replace(Ring, 'locate', (locate) => {
        return function (this: Ring, place) {
          const index = locate.call(this, place);
          if (index >= 0 || place.epoch !== this.epoch) return index;
          if (place.offset === this.head.offset) return this.count;
          return this.slice(0, Infinity).findIndex(({ entry }) => entry.offset === place.offset) + 1 || -1;
        };
      }),
      replace(TopicReader, 'take', (take) => {
        return function (this: TopicReader, epoch, entry) {
          return take.call(this, epoch, { ...entry, bytes: entry.bytes, prevTag: undefined });
        };
      }),
    ),
  'epochs are not compared': () =>
    both(
      replace(Ring, 'locate', (locate) => {
        return function (this: Ring, { offset, tag }) {
          return locate.call(this, { epoch: this.epoch, offset, tag });
        };
      }),
      replace(TopicReader, 'take', (take) => {
        return function (this: TopicReader, _epoch, entry) {
          const { head } = this.ring;
          return take.call(
            this,
            this.ring.epoch,
            entry.prev === 0 ? { ...entry, bytes: entry.bytes, prevTag: head.tag } : entry,
          );
        };
      }),
    ),
  'heads are not checked': () => replace(HeadChecks, 'add', () => () => {}),
  'holes are not repaired': () => replace(TopicReader, 'doubt', () => () => {}),
  'holes are not seen': () =>
    replace(TopicReader, 'take', (take) => {
      return function (this: TopicReader, epoch, entry) {
        const { offset, tag } = this.ring.head;
        return take.call(this, epoch, { ...entry, bytes: entry.bytes, prev: offset, prevTag: tag });
      };
    }),
  'a replay begins one too late': () =>
    replace(Ring, 'slice', (slice) => {
      return function (this: Ring, index, maxBytes) {
        return slice.call(this, index + (maxBytes === Infinity ? 0 : 1), maxBytes);
      };
    }),
  'a subscription is live before its replay is over': () =>
    replace(TopicSubscription, 'isAtHead', () => (index) => index >= 0),
  'doubles are let through': () =>
    replace(TopicReader, 'take', (take) => {
      return function (this: TopicReader, epoch, entry) {
        const isDouble = entry.offset <= this.ring.head.offset;
        const topicEntry = isDouble && TopicEntry.read(this.topic, epoch, entry, this.ring.head, 0);
        if (topicEntry) this.fanOut.push(topicEntry);
        return take.call(this, epoch, entry);
      };
    }),
  'a subscriber that falls behind loses its cursor': () =>
    replace(TopicReader, 'onBehind', (onBehind) => {
      return function (this: TopicReader, subscription) {
        const { epoch, head } = this.ring;
        subscription.moveTo(epoch, head);
        onBehind.call(this, subscription);
      };
    }),
  'subscribers hear of a message before it is stored': deliverBeforeStoring,
  'a gap is not told': () =>
    replace(FanOut, 'tellGap', () => {
      return function (this: FanOut) {
        this.flush();
      };
    }),
  'a session hears of what excepts it': () => {
    const descriptor = Object.getOwnPropertyDescriptor(TopicEntry.prototype, 'except')!;
    Object.defineProperty(TopicEntry.prototype, 'except', { ...descriptor, get: () => undefined });
    return () => Object.defineProperty(TopicEntry.prototype, 'except', descriptor);
  },
};

/** Gives a message to the subscribers of its own node first, as if the broker had stored it behind the head. */
function deliverBeforeStoring(): () => void {
  const readersByCore = new WeakMap<TopicsCore, Map<string, TopicReader>>();
  const readersOf = (core: TopicsCore): Map<string, TopicReader> => {
    const readers = readersByCore.get(core) ?? new Map<string, TopicReader>();
    readersByCore.set(core, readers);
    return readers;
  };
  let readersOfCaller = new Map<string, TopicReader>();
  return both(
    replace(TopicsCore, 'subscribe', (subscribe) => {
      return function (this: TopicsCore, topic, since, sink) {
        readersOfCaller = readersOf(this);
        return subscribe.call(this, topic, since, sink);
      };
    }),
    replace(TopicReaders, 'get', (get) => {
      return function (this: TopicReaders, topic, retention) {
        const reader = get.call(this, topic, retention);
        if (reader !== undefined) readersOfCaller.set(topic, reader);
        return reader;
      };
    }),
    replace(TopicsCore, 'publish', (publish) => {
      return function (this: TopicsCore, topic, publication) {
        const reader = readersOf(this).get(topic);
        if (reader?.isOpen && !publication.isVolatile) {
          const { epoch, head } = reader.ring;
          const bytes = writeEntryBytes(publication);
          const entry = { offset: head.offset + 1, tag: 1, prev: head.offset, prevTag: head.tag, at: 0, bytes };
          const topicEntry = TopicEntry.read(topic, epoch, entry, head, 0);
          if (topicEntry !== undefined) reader.fanOut.push(topicEntry);
        }
        return publish.call(this, topic, publication);
      };
    }),
  );
}
