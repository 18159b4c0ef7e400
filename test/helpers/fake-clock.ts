import { onTestFinished, vi } from 'vitest';
import { turns } from './turns.ts';

/** A clock that stands still until a test advances it. Sockets and immediates run as usual. */
export interface FakeClock {
  /** Lets this time pass, and runs the timers that are due. */
  advance(milliseconds: number): Promise<void>;
}

/** Replaces the clock until the test ends. Call it before any code that sets a deadline. */
export function useFakeClock(): FakeClock {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  return {
    async advance(milliseconds) {
      await turns();
      vi.advanceTimersByTime(milliseconds);
      await turns();
    },
  };
}
