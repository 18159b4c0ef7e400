/** Deadlines are rounded up to a multiple of this, so that thousands of them share one system timer. */
const TICK_MS = 50;
/** A longer turn of the event loop counts as this much: what stood still here is not the peer's delay. */
const MAX_TURN_MS = 1000;

/** Something that has a deadline. */
export interface Deadline {
  /** The deadline has passed. Must not throw. */
  onDeadline(): void;
}

/**
 * All deadlines of the library on one system timer: setting and dropping one costs no more than a change to a set.
 *
 * @remarks Deadlines are never early, and late by {@link TICK_MS} at most while the event loop is free. When it stands
 * still, they are put off. The system timer runs only while there are deadlines, and does not keep the process alive
 * unless {@link hold} says so.
 */
export class TimerWheel {
  /** What is due at each tick that has anything. */
  readonly #due = new Map<number, Set<Deadline>>();
  readonly #now: () => number;
  #timeout: NodeJS.Timeout | undefined;
  #lastTick = 0;
  /** What the clock showed when the wheel last turned. */
  #lastTurn = 0;
  /** The time that the event loop stood still. */
  #lostMs = 0;
  #holds = 0;

  /** @param now - a clock in milliseconds that never goes back */
  constructor(now: () => number = () => performance.now()) {
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
      this.#lastTurn = this.#now();
      this.#lastTick = Math.floor(this.#elapsed() / TICK_MS);
      this.#run();
    }
    const tick = Math.max(Math.ceil((this.#elapsed() + delayMs) / TICK_MS), this.#lastTick + 1);
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
    if (this.#due.size === 0) this.#stop();
  }

  /**
   * The clock that deadlines go by: whole milliseconds, without the time that the event loop stood still.
   *
   * @remarks Whole, because V8 keeps a field that holds a fraction as an object of 16 bytes.
   */
  get nowMs(): number {
    return Math.floor(this.#elapsed());
  }

  /** The same as it was at the last tick, which costs nothing to read. It stands still while there are no deadlines. */
  get tickMs(): number {
    return this.#lastTick * TICK_MS;
  }

  /** The time in all that the event loop stood still and {@link nowMs} leaves out. */
  get stalledMs(): number {
    this.#elapsed();
    return Math.floor(this.#lostMs);
  }

  /** Keeps the process alive while there are deadlines, until {@link release} has been called as often. */
  hold(): void {
    this.#holds++;
    this.#timeout?.ref();
  }

  /** The counterpart of {@link hold}. */
  release(): void {
    this.#holds--;
    if (this.#holds === 0) this.#timeout?.unref();
  }

  /** How many ticks have deadlines: 0 when nothing is pending. */
  get pendingTicks(): number {
    return this.#due.size;
  }

  /** The clock without the time that the event loop stood still. */
  #elapsed(): number {
    const now = this.#now();
    const excess = now - this.#lastTurn - MAX_TURN_MS;
    // Without deadlines nothing turns the wheel: that is no stall.
    if (excess > 0 && this.#timeout !== undefined) {
      this.#lostMs += excess;
      this.#lastTurn += excess;
    }
    return now - this.#lostMs;
  }

  #run(): void {
    clearTimeout(this.#timeout);
    const untilNextTick = (this.#lastTick + 1) * TICK_MS - this.#elapsed();
    this.#timeout = setTimeout(() => this.#onTimer(), Math.ceil(untilNextTick));
    if (this.#holds === 0) this.#timeout.unref();
  }

  #stop(): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
  }

  #onTimer(): void {
    const tick = Math.floor(this.#elapsed() / TICK_MS);
    this.#lastTurn = this.#now();
    while (this.#lastTick < tick && this.#due.size > 0) {
      const due = this.#due.get(++this.#lastTick) ?? [];
      // One leaves after the other, so that each can still be cancelled by those before it.
      for (const deadline of due) {
        this.cancel(deadline, this.#lastTick);
        deadline.onDeadline();
      }
    }
    this.#lastTick = Math.max(this.#lastTick, tick);
    if (this.#due.size > 0) this.#run();
    else this.#stop();
  }
}

/** The wheel that all connections of this process share. */
export const timers: TimerWheel = new TimerWheel();
