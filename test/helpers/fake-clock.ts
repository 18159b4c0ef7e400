import { onTestFinished } from 'vitest';
import { createClock, type TestClock } from '../../src/testing.ts';

/** Stops the time of the library until the test ends. Call it before any code that sets a deadline. */
export function useFakeClock(): TestClock {
  const clock = createClock();
  onTestFinished(() => clock.restore());
  return clock;
}
