import { performance } from 'node:perf_hooks';
import type { Failure } from './failure.ts';

/** The messages of one measurement. */
export interface Exchange {
  /** Number of messages that were sent; all of them were answered. */
  readonly messages: number;
  readonly elapsedMs: number;
}

/** Time for the last answers when no new messages are sent. */
export const DRAIN_TIMEOUT_MS = 20_000;
/** Time to wait for superfluous answers after the last counted answer. */
export const SURPLUS_WAIT_MS = 50;

/**
 * Keeps messages flowing for a while, then waits for the last answer. Nothing is in flight when a measurement begins
 * and ends, so the counted messages are exactly the sent messages.
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
   * @param firstMessages - number of messages that `begin` sends
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

  /** True while the load sends another message for each answer. */
  get isFlowing(): boolean {
    return this.#isFlowing;
  }

  /** Counts answers. Returns true when the caller must send as many messages again; they count as sent. */
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
