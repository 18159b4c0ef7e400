import { type Deadline, timers } from '../transport/timers.ts';

/**
 * How long an end may wait for those before it, in milliseconds: longer than peers on one network differ in answering
 * alike, and too short to be felt when one of them does not answer.
 */
const MAX_WAIT_MS = 50;

/**
 * Brings the ends of connections into the order of their arrival, as far as they come close together.
 *
 * @remarks An end waits for those of earlier arrivals, but not for a peer that is slow: once {@link MAX_WAIT_MS} have
 * passed it is delivered without them. When all come in order nothing waits.
 * @typeParam T - a connection
 */
export class ArrivalOrder<T> implements Deadline {
  /** Those whose end is not delivered yet, in order of arrival. */
  readonly #awaited: Set<T>;
  /** How to deliver the ends that have come. */
  readonly #ended = new Map<T, () => void>();
  #isScheduled = false;
  /** The ticket of the timer wheel while an end waits for an earlier one. */
  #ticket: number | undefined;

  /** @param awaited - in order of arrival; an end of each will come */
  constructor(awaited: Iterable<T>) {
    this.#awaited = new Set(awaited);
  }

  /** Calls `deliver` in a later turn, when its turn has come. */
  add(ended: T, deliver: () => void): void {
    this.#ended.set(ended, deliver);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#deliver(false);
    });
  }

  onDeadline(): void {
    this.#ticket = undefined;
    // When this program was busy, the missing ends may have come meanwhile: they are read before an immediate runs.
    setImmediate(() => this.#deliver(true));
  }

  /** @param isOverdue - whether those that have not ended are passed over, instead of waited for */
  #deliver(isOverdue: boolean): void {
    for (const connection of this.#awaited) {
      const deliver = this.#ended.get(connection);
      if (deliver !== undefined) {
        this.#awaited.delete(connection);
        this.#ended.delete(connection);
        deliver();
      } else if (!isOverdue) break;
    }
    if (this.#ended.size === 0) {
      if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
      this.#ticket = undefined;
    } else {
      this.#ticket ??= timers.schedule(this, MAX_WAIT_MS);
    }
  }
}
