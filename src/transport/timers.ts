/** Deadlines are rounded up to a multiple of this, so that thousands of them share one system timer. */
const TICK_MS = 50;

/** Something that has a deadline. */
export interface Deadline {
  /** The deadline has passed. Must not throw. */
  onDeadline(): void;
}

/**
 * All deadlines of the library on one system timer: setting and dropping one costs no more than a change to a set.
 *
 * @remarks Deadlines are never early, and late by {@link TICK_MS} at most while the event loop is free. The system timer
 * runs only while there are deadlines, and does not keep the process alive.
 */
export class TimerWheel {
  /** What is due at each tick that has anything. Ticks are counted from the start of the clock. */
  readonly #due = new Map<number, Set<Deadline>>();
  readonly #now: () => number;
  #lastTick = 0;
  #isRunning = false;

  /** @param now - a clock in milliseconds that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Sets a deadline.
   *
   * @param delayMs - from now, 0 or more
   * @returns the ticket that {@link cancel} takes
   */
  schedule(deadline: Deadline, delayMs: number): number {
    if (!this.#isRunning) {
      this.#lastTick = Math.floor(this.#now() / TICK_MS);
      this.#run();
    }
    const tick = Math.max(Math.ceil((this.#now() + delayMs) / TICK_MS), this.#lastTick + 1);
    const due = this.#due.get(tick);
    if (due === undefined) this.#due.set(tick, new Set([deadline]));
    else due.add(deadline);
    return tick;
  }

  /** Drops the deadline that {@link schedule} gave this ticket for. Does nothing when it has passed. */
  cancel(deadline: Deadline, ticket: number): void {
    const due = this.#due.get(ticket);
    if (due === undefined) return;
    due.delete(deadline);
    if (due.size === 0) this.#due.delete(ticket);
  }

  /** How many ticks have deadlines: 0 when nothing is pending. */
  get pendingTicks(): number {
    return this.#due.size;
  }

  #run(): void {
    this.#isRunning = true;
    setTimeout(() => this.#onTimer(), TICK_MS).unref();
  }

  #onTimer(): void {
    const tick = Math.floor(this.#now() / TICK_MS);
    while (this.#lastTick < tick && this.#due.size > 0) {
      this.#lastTick++;
      const due = this.#due.get(this.#lastTick);
      if (due === undefined) continue;
      this.#due.delete(this.#lastTick);
      for (const deadline of due) deadline.onDeadline();
    }
    this.#lastTick = tick;
    if (this.#due.size > 0) this.#run();
    else this.#isRunning = false;
  }
}

/** The wheel that all connections of this process share. */
export const timers: TimerWheel = new TimerWheel();
