import { setImmediate } from 'node:timers/promises';

/** The wheel of deadlines takes longer steps for a standstill of the process. */
const STEP_MS = 200;

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** Replaces the clock and the timers of this process by ones that stand still until they are moved on. */
export class ManualClock {
  readonly #setTimeout = globalThis.setTimeout;
  readonly #clearTimeout = globalThis.clearTimeout;
  readonly #dateNow = Date.now;
  readonly #timers = new Set<Timer>();
  #nowMs = performance.now();
  readonly #dateOffsetMs = Date.now() - performance.now();

  constructor() {
    performance.now = () => this.#nowMs;
    Date.now = () => Math.round(this.#nowMs + this.#dateOffsetMs);
    globalThis.setTimeout = ((callback: () => void, delayMs = 0) => this.#add(callback, delayMs)) as typeof setTimeout;
    globalThis.clearTimeout = ((timer: Timer | undefined) => {
      if (timer !== undefined) this.#timers.delete(timer);
    }) as typeof clearTimeout;
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets this time pass. The event loop turns with it. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    while (this.#nowMs < endMs) {
      this.#nowMs = Math.min(endMs, this.#nowMs + STEP_MS);
      for (const timer of this.#timers) {
        if (timer.dueMs > this.#nowMs) continue;
        this.#timers.delete(timer);
        timer.callback();
      }
      await setImmediate();
    }
  }

  /** Gives the real clock back. */
  restore(): void {
    // What hides the method of the prototype.
    Reflect.deleteProperty(performance, 'now');
    Date.now = this.#dateNow;
    globalThis.setTimeout = this.#setTimeout;
    globalThis.clearTimeout = this.#clearTimeout;
  }

  #add(callback: () => void, delayMs: number): object {
    // Not 0: what a callback sets belongs to the next step.
    const timer = { dueMs: this.#nowMs + Math.max(delayMs, 1), callback, ref: () => timer, unref: () => timer };
    this.#timers.add(timer);
    return timer;
  }
}
