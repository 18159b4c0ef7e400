import { performance } from 'node:perf_hooks';
import type { Failure } from './failure.ts';

/** What flowed in one measurement. */
export interface Exchange {
  /** Messages that were sent and answered: all of them. */
  readonly messages: number;
  readonly elapsedMs: number;
}

/** How long the last answers may take when no new messages are sent. */
export const DRAIN_TIMEOUT_MS = 20_000;
/** How long an answer that nobody asked for has to come, after the last that was counted. */
export const SURPLUS_WAIT_MS = 50;

/**
 * Keeps messages flowing for a while, then waits until the last is answered. So nothing is in flight where a measurement
 * begins and ends, and what was counted is exactly what was sent.
 */
export class ExchangeClock {
  readonly #failure: Failure;
  readonly #drainTimeoutMs: number;
  #isFlowing = false;
  #outstanding = 0;
  #answered = 0;
  #beganAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #resolve: ((exchange: Exchange) => void) | undefined;

  constructor(failure: Failure, drainTimeoutMs: number = DRAIN_TIMEOUT_MS) {
    this.#failure = failure;
    this.#drainTimeoutMs = drainTimeoutMs;
  }

  /**
   * @param firstMessages - how many `begin` sends
   * @param begin - sends the first messages
   */
  run(durationMs: number, firstMessages: number, begin: () => void): Promise<Exchange> {
    return this.#failure.guard(
      new Promise((resolve) => {
        this.#resolve = resolve;
        this.#isFlowing = true;
        this.#outstanding = firstMessages;
        this.#answered = 0;
        this.#timer = setTimeout(() => this.#drain(), durationMs);
        this.#beganAt = performance.now();
        begin();
      }),
    );
  }

  /** Whether each answer is followed by another message. */
  get isFlowing(): boolean {
    return this.#isFlowing;
  }

  /** Counts answers. Returns whether as many messages are to be sent again, which it takes as done. */
  answered(count: number): boolean {
    this.#answered += count;
    if (this.#isFlowing) return true;
    this.#outstanding -= count;
    if (this.#outstanding === 0) this.#finish();
    else if (this.#outstanding < 0) this.#failure.fail('more answers than messages');
    return false;
  }

  #drain(): void {
    this.#isFlowing = false;
    this.#timer = setTimeout(() => {
      const sent = this.#answered + this.#outstanding;
      this.#failure.fail(`messages lost: ${this.#outstanding} of ${sent} not answered`);
    }, this.#drainTimeoutMs);
  }

  #finish(): void {
    clearTimeout(this.#timer);
    this.#resolve?.({ messages: this.#answered, elapsedMs: performance.now() - this.#beganAt });
  }
}
