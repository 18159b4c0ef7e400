import { setImmediate } from './clock.ts';
import { type Deadline, timers } from './timers.ts';

/**
 * When no connection has ended for this long, the missing ones are slow and are no longer waited for. Peers of the same
 * speed leave shorter gaps between two ends, and users do not notice the delay.
 */
const QUIET_MS = 50;
/** The number of periods of {@link QUIET_MS} that an end waits at most, while other connections keep ending. */
const MAX_PERIODS = 10;

/**
 * Delivers the ends of connections in the order in which the connections arrived, or were created, if the ends come close
 * together.
 *
 * @remarks An end waits for the ends of earlier connections as long as ends keep coming, half a second at most. A slow
 * peer holds nobody up: once no end has come for {@link QUIET_MS}, the waiting ends are delivered. Ends that come in
 * order do not wait.
 * @typeParam T - a connection
 */
export class EndingOrder<T> implements Deadline {
  /** Connections whose end is not delivered yet, in order of arrival. */
  readonly #awaited: Set<T>;
  /** The connections that have ended, each with the function that delivers its end. */
  readonly #ended = new Map<T, () => void>();
  #isScheduled = false;
  /** Ticket of the timer that runs while an end waits for an earlier one. */
  #ticket: number | undefined;
  /** Number of periods that the oldest waiting end has waited. */
  #periodCount = 0;
  /** True while no end has come in the current period. */
  #isQuiet = true;

  /** @param awaited - connections in order; each of them will end */
  constructor(awaited: Iterable<T>) {
    this.#awaited = new Set(awaited);
  }

  /** Awaits one more connection, behind the others. The connection will end. */
  expect(connection: T): void {
    this.#awaited.add(connection);
  }

  /**
   * Calls `deliver` in a later turn of the event loop, when the ends of earlier connections are delivered; at once for a
   * connection that is not awaited.
   */
  add(ended: T, deliver: () => void): void {
    if (!this.#awaited.has(ended)) {
      deliver();
      return;
    }
    this.#ended.set(ended, deliver);
    this.#isQuiet = false;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#deliver(false);
    });
  }

  /** Delivers the ends that have come, without waiting for others. */
  deliverAll(): void {
    this.#deliver(true);
  }

  onDeadline(): void {
    this.#ticket = undefined;
    // A busy program may have more ends to read: the event loop reads them before an immediate runs.
    setImmediate(() => this.#deliver(this.#isQuiet || ++this.#periodCount >= MAX_PERIODS));
  }

  /** @param isOverdue - true passes over connections that have not ended, false waits for them */
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
      this.#periodCount = 0;
      if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
      this.#ticket = undefined;
    } else if (this.#ticket === undefined) {
      this.#isQuiet = true;
      this.#ticket = timers.schedule(this, QUIET_MS);
    }
  }
}
