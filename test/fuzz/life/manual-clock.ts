import { setImmediate } from 'node:timers/promises';
import { useGlobalClock } from '../../helpers/test-clock.ts';

// The library reads the globals that this clock replaces only when it is told to, and `npm run fuzz` has no setup file.
useGlobalClock();

/** Longest step: the timer wheel counts a longer one as a stalled event loop. */
const STEP_MS = 200;

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** Replaces the clock and the timers of this process by ones that only {@link advance} moves. */
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

  /** Number of timers that are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets this time pass, with turns of the event loop. */
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

  /** Restores the real clock and timers. */
  restore(): void {
    // The own property hides the method of the prototype, so deleting it restores the method.
    Reflect.deleteProperty(performance, 'now');
    Date.now = this.#dateNow;
    globalThis.setTimeout = this.#setTimeout;
    globalThis.clearTimeout = this.#clearTimeout;
  }

  #add(callback: () => void, delayMs: number): object {
    // The delay is never 0, so that a timer which a callback sets is due in a later step.
    const timer = { dueMs: this.#nowMs + Math.max(delayMs, 1), callback, ref: () => timer, unref: () => timer };
    this.#timers.add(timer);
    return timer;
  }
}
