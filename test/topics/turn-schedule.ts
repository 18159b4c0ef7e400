import { setImmediate } from 'node:timers';

interface Task {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** A time that goes on by itself, one due time in each turn of the event loop, for as long as something is scheduled. */
export class TurnSchedule {
  #nowMs = 1_000_000;
  #tasks: Task[] = [];

  /** What {@link FaultyLogs} takes. */
  readonly parts = {
    clock: { monotonicMs: (): number => this.#nowMs, wallMs: (): number => this.#nowMs },
    schedule: (delayMs: number, callback: () => void): void => {
      this.#tasks.push({ dueMs: this.#nowMs + delayMs, callback });
      if (this.#tasks.length === 1) setImmediate(() => this.#turn());
    },
  };

  pass(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.parts.schedule(milliseconds, resolve));
  }

  #turn(): void {
    const dueMs = this.#tasks.reduce((least, task) => Math.min(least, task.dueMs), Infinity);
    this.#nowMs = dueMs;
    const due = this.#tasks.filter((task) => task.dueMs === dueMs);
    this.#tasks = this.#tasks.filter((task) => task.dueMs !== dueMs);
    if (this.#tasks.length > 0) setImmediate(() => this.#turn());
    for (const { callback } of due) callback();
  }
}
