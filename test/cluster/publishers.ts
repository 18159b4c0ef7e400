/** Publishers of one process: in nodes, in clients, and in the processes of other libraries. */
import { setTimeout as sleep } from 'node:timers/promises';
import { tell } from './calls.ts';
import { type Outcome, type Publication, sharedMs, toId } from './records.ts';

/** What one publisher does. */
export interface PublisherPlan {
  /** Different for all publishers of a run. */
  readonly publisher: number;
  /** It publishes to them in turn. */
  readonly topics: readonly string[];
  readonly perSecond: number;
  /** Publications that wait for their answer: more are not begun. */
  readonly inFlight: number;
  /** Length of the text in each message. */
  readonly padding: number;
}

/** What a publisher sends. */
export interface Message {
  readonly id: number;
  readonly pad: string;
}

/** Publishes one message; the rejection tells by its `stored` what is known of the message. */
export type Publish = (topic: string, message: Message) => Promise<unknown>;

const TICK_MS = 10;
const MOST_LATE_MS = 100;
const TELL_MS = 50;

/** The publishers of this process. What they learn is told to the runner at once: the process may be killed. */
export class Publishers {
  #untold: Publication[] = [];
  #isStopped = false;
  readonly #running: Promise<void>[] = [];

  constructor() {
    setInterval(() => this.#tell(), TELL_MS).unref();
  }

  start(plan: PublisherPlan, publish: Publish): void {
    this.#isStopped = false;
    this.#running.push(this.#run(plan, publish));
  }

  /** Publishes one message. */
  async publish(id: number, topic: string, padding: number, publish: Publish): Promise<void> {
    const beganMs = sharedMs();
    let outcome: Outcome = 'stored';
    let code: string | undefined;
    try {
      await publish(topic, { id, pad: 'x'.repeat(padding) });
    } catch (error) {
      const { stored, code: given } = error as { stored?: 'no'; code?: string };
      outcome = stored ?? 'unknown';
      code = given ?? String(error);
    }
    this.#untold.push({ id, topic, beganMs, endedMs: sharedMs(), outcome, code });
  }

  /** Publishes no more, and resolves when each publication has its answer. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running.splice(0));
    this.#tell();
  }

  async #run({ publisher, topics, perSecond, inFlight, padding }: PublisherPlan, publish: Publish): Promise<void> {
    const waiting = new Set<Promise<void>>();
    let dueMs = sharedMs();
    for (let n = 0; !this.#isStopped; await sleep(TICK_MS)) {
      // What was due while too much waited, or this process stood still, is not made up for.
      dueMs = Math.max(dueMs, sharedMs() - MOST_LATE_MS);
      for (; dueMs <= sharedMs() && waiting.size < inFlight; n++, dueMs += 1000 / perSecond) {
        const published: Promise<void> = this.publish(toId(publisher, n), topics[n % topics.length]!, padding, publish);
        waiting.add(published);
        void published.then(() => waiting.delete(published));
      }
    }
    await Promise.all(waiting);
  }

  #tell(): void {
    if (this.#untold.length === 0) return;
    tell('publications', this.#untold);
    this.#untold = [];
  }
}
