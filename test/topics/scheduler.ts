import { type Clock, currentClock, replaceClock } from '../../src/base/clock.ts';
import { timers } from '../../src/base/timers.ts';

interface Task {
  readonly dueMs: number;
  readonly number: number;
  readonly run: () => void;
  isCancelled: boolean;
}

/** The time of all simulations so far: the timer wheel of the library is shared, and its time never goes back. */
let startMs = 0;

/** Simulations begin with a tick of the timer wheel, so that the same seed makes the same run. */
const TICK_MS = 50;

/** A clock that jumps from one task to the next. While it runs, it is the clock of the library. */
export class Scheduler implements Clock {
  readonly #random: () => number;
  /** A binary heap: the first task is due first. */
  readonly #tasks: Task[] = [];
  #nowMs: number;
  #count = 0;

  constructor(random: () => number) {
    this.#random = random;
    this.#nowMs = Math.ceil(Math.max(startMs, currentClock().monotonicMs()) / TICK_MS) * TICK_MS;
  }

  /** Runs a simulation, with the seeded numbers also in the place of `Math.random`. */
  async use<T>(simulate: () => Promise<T>): Promise<T> {
    const before = currentClock();
    const { random } = Math;
    const { stackTraceLimit } = Error;
    replaceClock(this);
    Math.random = this.#random;
    // Brokers refuse thousands of times: capturing the stacks of these errors is a tenth of the work.
    Error.stackTraceLimit = 0;
    timers.rearm();
    try {
      return await simulate();
    } finally {
      startMs = this.#nowMs;
      Math.random = random;
      Error.stackTraceLimit = stackTraceLimit;
      replaceClock(before);
    }
  }

  /** Runs what is due within this time. After each task the promises and turns that follow from it are run. */
  async advance(milliseconds: number): Promise<void> {
    const endMs = this.#nowMs + milliseconds;
    for (let task = this.#next(endMs); task !== undefined; task = this.#next(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, task.dueMs);
      task.run();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#nowMs = endMs;
  }

  schedule(delayMs: number, run: () => void): Task {
    const task = { dueMs: this.#nowMs + delayMs, number: this.#count++, run, isCancelled: false };
    this.#tasks.push(task);
    for (let i = this.#tasks.length - 1; i > 0;) {
      const parent = (i - 1) >> 1;
      if (!this.#isBefore(i, parent)) break;
      this.#swap(i, parent);
      i = parent;
    }
    return task;
  }

  // Clock

  setTimeout(callback: () => void, delayMs: number): NodeJS.Timeout {
    const task = this.schedule(Math.max(delayMs, 1), callback);
    const timer = { task, ref: () => timer, unref: () => timer };
    return timer as unknown as NodeJS.Timeout;
  }

  clearTimeout(timeout: NodeJS.Timeout | undefined): void {
    const timer = timeout as unknown as { readonly task?: Task } | undefined;
    if (timer?.task !== undefined) timer.task.isCancelled = true;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  /** Law 5: no clock of a node decides anything, so this one is wrong all the time. */
  wallMs(): number {
    return Math.floor(this.#random() * 4e12);
  }

  #next(endMs: number): Task | undefined {
    for (let first = this.#tasks[0]; first !== undefined && first.dueMs <= endMs; first = this.#tasks[0]) {
      this.#removeFirst();
      if (!first.isCancelled) return first;
    }
    return undefined;
  }

  #removeFirst(): void {
    const last = this.#tasks.pop();
    if (last === undefined || this.#tasks.length === 0) return;
    this.#tasks[0] = last;
    for (let i = 0; ;) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < this.#tasks.length && this.#isBefore(child, least)) least = child;
      }
      if (least === i) return;
      this.#swap(i, least);
      i = least;
    }
  }

  #isBefore(i: number, j: number): boolean {
    const [one, other] = [this.#tasks[i]!, this.#tasks[j]!];
    return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.number < other.number);
  }

  #swap(i: number, j: number): void {
    [this.#tasks[i], this.#tasks[j]] = [this.#tasks[j]!, this.#tasks[i]!];
  }
}
