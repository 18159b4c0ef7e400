import { expect, onTestFinished, test, vi } from 'vitest';
import { Expiry } from '../../src/server/expiry.ts';
import { timers } from '../../src/base/timers.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';

function setUp(at: number): { expiry: Expiry; expired: () => number } {
  let count = 0;
  const expiry = new Expiry({ expire: () => void count++ }, at);
  return { expiry, expired: () => count };
}

/** Replaces the system clock, which can be set back, unlike the monotonic clock of {@link useFakeClock}. */
function useSystemClock(): { now: number } {
  const clock = { now: 1_700_000_000_000 };
  const spy = vi.spyOn(Date, 'now').mockImplementation(() => clock.now);
  onTestFinished(() => spy.mockRestore());
  return clock;
}

test('expires once, at its moment and not before', async () => {
  const system = useSystemClock();
  const clock = useFakeClock();
  const { expired } = setUp(system.now + 5000);
  system.now += 4900;
  await clock.advance(4900);
  expect(expired()).toBe(0);
  system.now += 150;
  await clock.advance(150);
  expect(expired()).toBe(1);
  await clock.advance(120_000);
  expect(expired()).toBe(1);
  expect(timers.pendingTicks).toBe(0);
});

test('expires soon when the moment has passed, but not within the constructor', async () => {
  const system = useSystemClock();
  const clock = useFakeClock();
  const { expired } = setUp(system.now - 1);
  expect(expired()).toBe(0);
  await clock.advance(100);
  expect(expired()).toBe(1);
});

test('expires later when the system clock is set back, and within a minute when it is set forward', async () => {
  const system = useSystemClock();
  const clock = useFakeClock();
  const early = setUp(system.now + 1000);
  const late = setUp(system.now + 86_400_000);
  system.now -= 3000;
  await clock.advance(1100);
  expect(early.expired()).toBe(0);
  system.now += 4100;
  await clock.advance(4100);
  expect(early.expired()).toBe(1);
  system.now += 86_400_000;
  await clock.advance(55_000);
  expect(late.expired()).toBe(1);
  expect(timers.pendingTicks).toBe(0);
});

test('does not expire after cancel()', async () => {
  const system = useSystemClock();
  const clock = useFakeClock();
  const { expiry, expired } = setUp(system.now + 1000);
  expiry.cancel();
  expect(timers.pendingTicks).toBe(0);
  system.now += 2000;
  await clock.advance(2000);
  expect(expired()).toBe(0);
});
