import { type Deadline, timers } from '../base/timers.ts';

/**
 * Once no end has come for this long, in milliseconds, the missing ones are those of slow peers: longer than peers that
 * answer alike leave between two ends, and too short to be felt.
 */
const QUIET_MS = 50;
/** How many such periods an end waits at most, while others keep coming. */
const MAX_PERIODS = 10;

/**
 * Brings the ends of connections into the order of their arrival, as far as they come close together.
 *
 * @remarks An end waits for those of earlier arrivals as long as ends keep coming, half a second at most, but not for a
 * peer that is slow: once {@link QUIET_MS} have passed without any, what has come is delivered. When all come in order
 * nothing waits.
 * @typeParam T - a connection
 */
export class EndingOrder<T> implements Deadline {
  /** Those whose end is not delivered yet, in order of arrival. */
  readonly #awaited: Set<T>;
  /** How to deliver the ends that have come. */
  readonly #ended = new Map<T, () => void>();
  #isScheduled = false;
  /** The ticket of the timer wheel while an end waits for an earlier one. */
  #ticket: number | undefined;
  /** Periods that the first of those that wait has waited. */
  #periods = 0;
  /** Whether no end has come in the current period. */
  #isQuiet = true;

  /** @param awaited - in order of arrival; an end of each will come */
  constructor(awaited: Iterable<T>) {
    this.#awaited = new Set(awaited);
  }

  /** Calls `deliver` in a later turn, when its turn has come. */
  add(ended: T, deliver: () => void): void {
    this.#ended.set(ended, deliver);
    this.#isQuiet = false;
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
    setImmediate(() => this.#deliver(this.#isQuiet || ++this.#periods >= MAX_PERIODS));
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
      this.#periods = 0;
      if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
      this.#ticket = undefined;
    } else if (this.#ticket === undefined) {
      this.#isQuiet = true;
      this.#ticket = timers.schedule(this, QUIET_MS);
    }
  }
}
