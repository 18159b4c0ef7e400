import { type Deadline, timers } from '../base/timers.ts';
import type { BrokerCalls } from './broker-calls.ts';
import type { TopicReader } from './topic-reader.ts';

/** Heads are asked for in batches, one in each such time. */
const BATCH_MS = 50;
/** Most heads of one question to the broker. */
const BATCH_TOPICS = 100;
/** However many topics there are, each is checked this often. */
const LONGEST_ROUND_MS = 300_000;

/**
 * Compares the heads of watched topics with the broker's: an announcement may be lost without a trace when it is the last
 * one. Topics wait for their turn, so that the broker is asked for so many in a second at most.
 */
export class HeadChecks implements Deadline {
  readonly #calls: BrokerCalls;
  readonly #perSecond: number;
  readonly #countTopics: () => number;
  /** In order of arrival. */
  readonly #waiting = new Set<TopicReader>();
  #ticket: number | undefined;

  constructor(calls: BrokerCalls, perSecond: number, countTopics: () => number) {
    this.#calls = calls;
    this.#perSecond = perSecond;
    this.#countTopics = countTopics;
  }

  add(reader: TopicReader): void {
    this.#waiting.add(reader);
    this.#ticket ??= timers.schedule(this, 0);
  }

  remove(reader: TopicReader): void {
    this.#waiting.delete(reader);
  }

  /** Asks for the heads of these at once. */
  ask(readers: readonly TopicReader[]): void {
    for (let i = 0; i < readers.length; i += BATCH_TOPICS) this.#askBatch(readers.slice(i, i + BATCH_TOPICS));
  }

  close(): void {
    this.#waiting.clear();
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
  }

  onDeadline(): void {
    const perSecond = Math.max(this.#perSecond, this.#countTopics() / (LONGEST_ROUND_MS / 1000));
    const due: TopicReader[] = [];
    for (const reader of this.#waiting) {
      if (due.length * 1000 >= perSecond * BATCH_MS) break;
      due.push(reader);
      this.#waiting.delete(reader);
    }
    this.ask(due);
    this.#ticket = this.#waiting.size > 0 ? timers.schedule(this, BATCH_MS) : undefined;
  }

  #askBatch(readers: readonly TopicReader[]): void {
    for (const reader of readers) reader.onHeadAsked();
    const queries = readers.map(({ topic }) => ({ topic, limit: 0, maxBytes: 0 }));
    this.#calls.readAll(queries, (slices) => {
      for (const [i, slice] of slices.entries()) readers[i]?.onHead(slice);
    });
  }
}
