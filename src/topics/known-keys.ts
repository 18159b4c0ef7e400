import { Queue } from '../base/queue.ts';
import type { Place } from './broker.ts';

/** How long an idempotency key is known, from the first append on. */
const KNOWN_MS = 120_000;

/** What a key costs beside its characters. */
const KEY_COST = 220;

interface Known extends Place {
  readonly name: string;
  readonly sinceMs: number;
}

/**
 * The idempotency keys of all topics.
 *
 * @remarks The keys do not lie in their topics: a topic may be forgotten sooner than its keys.
 */
export class KnownKeys {
  readonly #known = new Map<string, Known>();
  /** In the order of time: a Map that loses its first keys again and again is slow to tell the next one. */
  readonly #byTime = new Queue<Known>();
  #cost = 0;

  /** Bytes of memory. */
  get cost(): number {
    return this.#cost;
  }

  /** The place of the entry that was stored with the key. */
  find(topic: string, key: string, nowMs: number): Place | undefined {
    this.sweep(nowMs);
    return this.#known.get(joined(topic, key));
  }

  add(topic: string, key: string, { offset, tag }: Place, nowMs: number): void {
    const name = joined(topic, key);
    const known = { name, offset, tag, sinceMs: nowMs };
    this.#known.set(name, known);
    this.#byTime.push(known);
    this.#cost += KEY_COST + name.length;
  }

  sweep(nowMs: number): void {
    for (let first = this.#byTime.first; first !== undefined; first = this.#byTime.first) {
      if (nowMs - first.sinceMs < KNOWN_MS) return;
      this.#byTime.shift();
      this.#known.delete(first.name);
      this.#cost -= KEY_COST + first.name.length;
    }
  }
}

/** The name of a topic has no control characters, so two pairs never have the same text. */
function joined(topic: string, key: string): string {
  return `${topic}\0${key}`;
}
