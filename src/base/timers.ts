import { currentClock, monotonicMs } from './clock.ts';
import { runInOwnContext } from './own-context.ts';

/** Deadlines are rounded up to a multiple of one tick, so that thousands of them share one system timer. */
const TICK_MS = 50;
/** A longer turn of the event loop counts as this long: a stall of this process is not the delay of a peer. */
const MAX_TURN_MS = 1000;

/** Something that has a deadline. */
export interface Deadline {
  /** Called when the deadline has passed. Must not throw. */
  onDeadline(): void;
}

/**
 * Runs all deadlines of the library on one system timer: to set or cancel a deadline is one change to a set.
 *
 * @remarks A deadline is never early, and at most {@link TICK_MS} late while the event loop is free. When the event
 * loop stalls, all deadlines are put off. The system timer runs only while deadlines are pending, and does not keep the
 * process alive unless {@link ref} was called.
 */
export class TimerWheel {
  /** The deadlines by the tick at which they are due. A tick without deadlines has no entry. */
  readonly #due = new Map<number, Set<Deadline>>();
  readonly #now: () => number;
  #timeout: NodeJS.Timeout | undefined;
  #lastTick = 0;
  /** The time of the clock when the timer was started or last fired. */
  #lastTurnMs = 0;
  /** How long the event loop has stalled in total. */
  #stalledMs = 0;
  #refCount = 0;

  /** @param now - a monotonic clock in milliseconds */
  constructor(now: () => number = monotonicMs) {
    this.#now = now;
  }

  /**
   * Sets a deadline.
   *
   * @param delayMs - from now, 0 or more
   * @returns the ticket that {@link cancel} takes; of two tickets the lower one is due first
   */
  schedule(deadline: Deadline, delayMs: number): number {
    if (this.#timeout === undefined) {
      this.#lastTurnMs = this.#now();
      this.#lastTick = Math.floor(this.#elapsedMs() / TICK_MS);
      this.#startTimer();
    }
    const tick = Math.max(Math.ceil((this.#elapsedMs() + delayMs) / TICK_MS), this.#lastTick + 1);
    const due = this.#due.get(tick);
    if (due === undefined) this.#due.set(tick, new Set([deadline]));
    else due.add(deadline);
    return tick;
  }

  /** Cancels the deadline that got this ticket from {@link schedule}. Does nothing when the deadline has passed. */
  cancel(deadline: Deadline, ticket: number): void {
    const due = this.#due.get(ticket);
    if (due === undefined) return;
    due.delete(deadline);
    if (due.size === 0) this.#due.delete(ticket);
    if (this.#due.size === 0) this.#stopTimer();
  }

  /**
   * The time by which deadlines are due, in whole milliseconds, without the time that the event loop stalled.
   *
   * @remarks The number is whole because V8 stores a field that holds a fraction as an object of 16 bytes.
   */
  get nowMs(): number {
    return Math.floor(this.#elapsedMs());
  }

  /** {@link nowMs} at the last tick, which costs nothing to read. The value stands still while nothing is pending. */
  get tickMs(): number {
    return this.#lastTick * TICK_MS;
  }

  /** How long the event loop has stalled in total: the time that {@link nowMs} leaves out. */
  get stalledMs(): number {
    this.#elapsedMs();
    return Math.floor(this.#stalledMs);
  }

  /** Keeps the process alive while deadlines are pending, until {@link unref} has been called as often. */
  ref(): void {
    this.#refCount++;
    this.#timeout?.ref();
  }

  /** Takes back one call of {@link ref}. */
  unref(): void {
    this.#refCount--;
    if (this.#refCount === 0) this.#timeout?.unref();
  }

  /** Starts the system timer anew, after the clock was replaced. */
  rearm(): void {
    if (this.#timeout !== undefined) this.#startTimer();
  }

  /** The number of ticks that have deadlines: 0 when nothing is pending. */
  get pendingTicks(): number {
    return this.#due.size;
  }

  /** The time of the clock without the time that the event loop stalled. */
  #elapsedMs(): number {
    const now = this.#now();
    const excessMs = now - this.#lastTurnMs - MAX_TURN_MS;
    // Without deadlines the timer does not fire, so a long pause is no stall.
    if (excessMs > 0 && this.#timeout !== undefined) {
      this.#stalledMs += excessMs;
      this.#lastTurnMs += excessMs;
    }
    return now - this.#stalledMs;
  }

  #startTimer(): void {
    currentClock().clearTimeout(this.#timeout);
    // The deadlines of this tick may have taken longer than a tick. Node warns of a negative delay.
    const delayMs = Math.max(0, (this.#lastTick + 1) * TICK_MS - this.#elapsedMs());
    this.#timeout = runInOwnContext(() => currentClock().setTimeout(() => this.#onTimer(), Math.ceil(delayMs)));
    if (this.#refCount === 0) this.#timeout.unref();
  }

  #stopTimer(): void {
    currentClock().clearTimeout(this.#timeout);
    this.#timeout = undefined;
  }

  #onTimer(): void {
    const tick = Math.floor(this.#elapsedMs() / TICK_MS);
    this.#lastTurnMs = this.#now();
    while (this.#lastTick < tick && this.#due.size > 0) {
      const due = this.#due.get(++this.#lastTick) ?? [];
      // Deadlines leave the set one by one, so that each can still be cancelled by an earlier one.
      for (const deadline of due) {
        this.cancel(deadline, this.#lastTick);
        deadline.onDeadline();
      }
    }
    this.#lastTick = Math.max(this.#lastTick, tick);
    if (this.#due.size > 0) this.#startTimer();
    else this.#stopTimer();
  }
}

/** The timer wheel that all connections of this process share. */
export const timers: TimerWheel = new TimerWheel();
