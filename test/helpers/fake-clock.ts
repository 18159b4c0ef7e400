import { onTestFinished, vi } from 'vitest';
import { turns } from './turns.ts';

/** A clock that stands still until a test moves it on. Sockets and immediates go on as ever. */
export interface FakeClock {
  /** Lets this time pass, and what has come due arrive. */
  advance(milliseconds: number): Promise<void>;
}

/** Replaces the clock until the test ends. To be called before anything that sets a deadline. */
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
