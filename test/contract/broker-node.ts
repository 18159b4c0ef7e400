import { expect } from 'vitest';
import {
  type Append,
  type Appended,
  type Broker,
  BrokerError,
  type Entry,
  type Place,
  type ReadQuery,
  type Retention,
  type Slice,
} from '../../src/topics/broker.ts';
import { BrokerListener, placesOf, texts } from '../topics/broker-listener.ts';

export const KEEP: Retention = { messages: 256, seconds: 300, bytes: 1_048_576, stateSeconds: 86_400 };

/** A broker, and what it has announced. */
export class Node {
  readonly broker: Broker;
  readonly listener = new BrokerListener();

  constructor(broker: Broker) {
    this.broker = broker;
  }

  append(topic: string, ...contents: string[]): Promise<Appended[]> {
    return this.appendAll(...contents.map((text) => put(topic, text)));
  }

  /** Appends in one batch; all of them must succeed. */
  async appendAll(...batch: Append[]): Promise<Appended[]> {
    const outcomes = await this.broker.append(batch);
    expect(outcomes).toHaveLength(batch.length);
    return outcomes.map((outcome) => {
      if (outcome instanceof BrokerError) throw outcome;
      return outcome;
    });
  }

  async read(topic: string, more: Partial<ReadQuery> = {}): Promise<Slice> {
    const [slice] = await this.broker.read([toQuery(topic, more)]);
    return slice!;
  }

  /** Reads all entries, as often as it takes. */
  async readAll(topic: string): Promise<Entry[]> {
    const found: Entry[] = [];
    let after: ReadQuery['after'];
    for (;;) {
      const { epoch, entries } = await this.read(topic, { after, maxBytes: Infinity });
      const last = entries.at(-1);
      if (last === undefined) return found;
      found.push(...entries);
      after = { epoch, offset: last.offset, tag: last.tag };
    }
  }

  async stateOf(topic: string): Promise<string[]> {
    const { state } = await this.read(topic, { limit: 0, isStateWanted: true });
    return texts(state!).toSorted();
  }
}

export function put(topic: string, text: string, more: Partial<Append> = {}): Append {
  return { topic, keep: KEEP, bytes: Buffer.from(text), ...more };
}

export function toQuery(topic: string, more: Partial<ReadQuery> = {}): ReadQuery {
  return { topic, limit: 1000, maxBytes: 1_048_576, ...more };
}

/** All that a broker knows of entries. */
export function shown(entries: readonly Entry[]): unknown[] {
  return entries.map(({ offset, tag, prev, at, key, isRemoved, bytes }) => {
    expect(at).toBeGreaterThan(0);
    return { offset, tag, prev, at, key, isRemoved: isRemoved ?? false, text: bytes.toString() };
  });
}

/** Checks that each entry names the one before. */
export function checkChain(head: Place, entries: readonly Entry[]): void {
  let before = head;
  for (const entry of entries) {
    expect(entry.offset).toBeGreaterThan(entry.prev);
    expect({ offset: entry.prev, tag: entry.prevTag ?? before.tag }).toEqual(placesOf([before])[0]);
    before = entry;
  }
}

export function parts<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

export function otherTag({ offset, tag }: Place): Place {
  return { offset, tag: (tag + 1) % 2 ** 32 };
}

/** Does something again and again until a promise is settled, at least once. */
export async function repeatUntil(end: Promise<unknown>, work: () => Promise<void>): Promise<void> {
  const state = { isOver: false };
  const watched = end.finally(() => {
    state.isOver = true;
  });
  do await work();
  while (!state.isOver);
  await watched;
}
