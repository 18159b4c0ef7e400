import { readEntryBytes } from '../../src/topics/entry-bytes.ts';
import { toPosition } from '../../src/topics/position.ts';
import type { Stored } from './faulty-broker.ts';

/** An entry that was stored at some time, whether or not a failover lost it later. */
export interface ModelEntry {
  readonly topic: string;
  readonly position: string;
  readonly data: string;
  readonly key: string | undefined;
  readonly hasTtl: boolean;
  readonly except: string | undefined;
  /** The position before it in the log in which it was stored. */
  readonly before: string;
}

/** A publication of one node: its number, and the number of the message. */
const NUMBERED = /^"(\d+) (\d+)"$/;

/** Every entry that was ever stored, linked with the one before it: a tree, because a failover that loses entries is a fork. */
export class ModelLog {
  readonly #entries = new Map<string, ModelEntry>();
  readonly #heads = new Map<string, string>();
  /** Number of the last message of each node in each topic. */
  readonly #numbers = new Map<string, number>();
  readonly #onDisorder: (text: string) => void;
  #seen: readonly Stored[] = [];
  #seenCount = 0;

  /** @param onDisorder - messages of one node to one topic are stored in another order, or twice */
  constructor(onDisorder: (text: string) => void) {
    this.#onDisorder = onDisorder;
  }

  /** Takes what has been stored since the last call. Called before entries can be lost. */
  observe(stored: readonly Stored[]): void {
    if (stored !== this.#seen || stored.length < this.#seenCount) {
      this.#seen = stored;
      this.#seenCount = 0;
      this.#heads.clear();
      this.#numbers.clear();
    }
    for (const { append, epoch, offset, tag } of stored.slice(this.#seenCount)) {
      const { topic, key, ttl } = append;
      const position = toPosition(epoch, { offset, tag });
      const before = this.#heads.get(topic) ?? toPosition(epoch, { offset: 0, tag: 0 });
      const content = readEntryBytes(append.bytes);
      if (content === undefined || content === 'newer') throw new Error('the bytes of an entry cannot be read');
      const { except } = content;
      const data = content.data.toString();
      this.#heads.set(topic, position);
      this.#checkOrder(topic, data);
      if (this.#entries.has(position)) continue;
      this.#entries.set(position, { topic, position, data, key, hasTtl: ttl !== undefined, except, before });
    }
    this.#seenCount = stored.length;
  }

  #checkOrder(topic: string, data: string): void {
    const [, node, text] = NUMBERED.exec(data) ?? [];
    if (node === undefined) return;
    const key = `${topic} ${node}`;
    const number = Number(text);
    if (number <= (this.#numbers.get(key) ?? -1))
      this.#onDisorder(`${data} was stored behind a later message, or twice`);
    this.#numbers.set(key, number);
  }

  get(position: string): ModelEntry | undefined {
    return this.#entries.get(position);
  }

  /** Whether a position is one that this log could give out. */
  knows(position: string): boolean {
    return this.#entries.has(position) || position.endsWith('.0.0');
  }
}
