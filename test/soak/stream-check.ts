import { describeMessage, isExpected, markOf, messageOf } from './message.ts';
import type { ConnectionPlan, SideName } from './plan.ts';

/** How far behind and ahead to look for a message that is not the next one. */
const SEARCHED = 50;

/** Checks that the messages of one sender come one by one and in order. */
export class StreamCheck {
  readonly #plan: ConnectionPlan;
  readonly #sender: SideName;
  #received = 0;
  #receivedLength = 0;
  #problem: string | undefined;

  constructor(plan: ConnectionPlan, sender: SideName) {
    this.#plan = plan;
    this.#sender = sender;
  }

  /** Messages that were right. */
  get received(): number {
    return this.#received;
  }

  /** Their length, of all together. */
  get receivedLength(): number {
    return this.#receivedLength;
  }

  /** The first thing that was wrong. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Whether all that the sender was to send has come. */
  get isComplete(): boolean {
    return this.#received === this.#plan[this.#sender].messages;
  }

  take(data: unknown): void {
    const n = this.#received;
    const expected = messageOf(this.#plan, this.#sender, n);
    if (this.#problem === undefined && !this.isComplete && isExpected(expected, data)) {
      this.#received++;
      this.#receivedLength += expected.length;
    } else this.#problem ??= this.#describe(n, data);
  }

  #describe(n: number, data: unknown): string {
    const awaited = this.isComplete ? 'nothing more' : markOf(this.#plan, this.#sender, n);
    const seen = this.#find(n, data);
    const what =
      seen === undefined
        ? 'not one of this connection'
        : seen < n
          ? 'again'
          : 'too early: lost or overtaken those before';
    const name = seen === undefined ? describeMessage(data) : markOf(this.#plan, this.#sender, seen);
    return `awaited ${awaited}, got ${name} (${what})`;
  }

  #find(n: number, data: unknown): number | undefined {
    for (let distance = 1; distance <= SEARCHED; distance++) {
      for (const candidate of [n - distance, n + distance]) {
        if (candidate >= 0 && isExpected(messageOf(this.#plan, this.#sender, candidate), data)) return candidate;
      }
    }
    return undefined;
  }
}
