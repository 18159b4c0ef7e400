import { expect, onTestFinished, test } from 'vitest';
import { currentClock, replaceClock } from '../../src/base/clock.ts';
import { TimerWheel } from '../../src/base/timers.ts';

/** Node 21 and later print a warning for such a delay, as a busy program could see under load. */
test('a deadline that takes longer than a tick leads to no timer with a negative delay', () => {
  const clock = currentClock();
  const delays: number[] = [];
  let nowMs = 0;
  let fire: (() => void) | undefined;
  const setTimeout: typeof clock.setTimeout = (callback, delayMs) => {
    delays.push(delayMs);
    fire = callback;
    return clock.setTimeout(() => {}, 0);
  };
  replaceClock({ ...clock, setTimeout });
  onTestFinished(() => replaceClock(clock));
  const wheel = new TimerWheel(() => nowMs);
  const slow = { onDeadline: () => void (nowMs += 120) };
  wheel.schedule(slow, 10);
  wheel.schedule(slow, 60);
  nowMs = 60;
  fire?.();
  nowMs += 500;
  fire?.();
  expect(delays).toHaveLength(2);
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
});
