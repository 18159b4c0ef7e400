/** The timers of the browser. The names are looked up at each call, so that a page may replace them by those of a test. */

/** A wait of so long, or longer, would end at once in a browser. */
const TOO_LONG_MS = 2 ** 31;

export type Timer = unknown;

/** Calls `act` later; never when the wait is Infinity, or longer than a browser can wait. */
export function after(ms: number, act: () => void): Timer {
  return ms >= TOO_LONG_MS ? undefined : setTimeout(act, ms);
}

export function cancel(timer: Timer): void {
  clearTimeout(timer as undefined);
}

/** Milliseconds since some moment in the past, never 0. */
export function now(): number {
  return performance.now() + 1;
}
