import { monotonicMs } from '../base/clock.ts';
import { Queue } from '../base/queue.ts';
import { type Deadline, timers } from '../base/timers.ts';

const RETRY_MS = 50;

/** Lets so many in a second pass, and as many at once after a quiet second; the others wait in order of arrival. */
export class ResumeGate implements Deadline {
  readonly #perSecond: number;
  readonly #waiting = new Queue<() => void>();
  #free: number;
  #countedMs: number;
  #ticket: number | undefined;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#free = perSecond;
    this.#countedMs = monotonicMs();
  }

  /** Calls back when there is room, at once if there is. */
  pass(callback: () => void): void {
    this.#waiting.push(callback);
    this.onDeadline();
  }

  onDeadline(): void {
    const nowMs = monotonicMs();
    this.#free = Math.min(this.#perSecond, this.#free + ((nowMs - this.#countedMs) * this.#perSecond) / 1000);
    this.#countedMs = nowMs;
    for (; this.#free >= 1 && this.#waiting.length > 0; this.#free--) this.#waiting.shift()?.();
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#ticket = this.#waiting.length > 0 ? timers.schedule(this, RETRY_MS) : undefined;
  }

  close(): void {
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
  }
}
