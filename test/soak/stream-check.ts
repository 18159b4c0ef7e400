import { describeMessage, isExpected, markOf, messageOf } from './message.ts';
import type { ConnectionPlan, SideName } from './plan.ts';

/** Number of earlier and later messages that are compared with an unexpected one. */
const SEARCH_DISTANCE = 50;

/** Checks that the messages of one sender come complete and in order. */
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

  /** Number of expected messages that came. */
  get received(): number {
    return this.#received;
  }

  /** Total length of the expected messages that came. */
  get receivedLength(): number {
    return this.#receivedLength;
  }

  /** The first problem, undefined when there is none. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** True when all planned messages of the sender have come. */
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
    const expected = this.isComplete ? 'nothing more' : markOf(this.#plan, this.#sender, n);
    const seen = this.#find(n, data);
    const what =
      seen === undefined
        ? 'not of this connection'
        : seen < n
          ? 'again'
          : 'too early: the messages before it are lost or late';
    const name = seen === undefined ? describeMessage(data) : markOf(this.#plan, this.#sender, seen);
    return `expected ${expected}, got ${name} (${what})`;
  }

  #find(n: number, data: unknown): number | undefined {
    for (let distance = 1; distance <= SEARCH_DISTANCE; distance++) {
      for (const candidate of [n - distance, n + distance]) {
        if (candidate >= 0 && isExpected(messageOf(this.#plan, this.#sender, candidate), data)) return candidate;
      }
    }
    return undefined;
  }
}
