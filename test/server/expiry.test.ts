import { expect, test } from 'vitest';
import { Expiry } from '../../src/server/expiry.ts';
import { timers } from '../../src/base/timers.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';

function setUp(at: number): { expiry: Expiry; expired: () => number } {
  let count = 0;
  const expiry = new Expiry({ expire: () => void count++ }, at);
  return { expiry, expired: () => count };
}

test('expires once, at its moment and not before', async () => {
  const clock = useFakeClock();
  const { expired } = setUp(clock.now + 5000);
  await clock.advance(4900);
  expect(expired()).toBe(0);
  await clock.advance(150);
  expect(expired()).toBe(1);
  await clock.advance(120_000);
  expect(expired()).toBe(1);
  expect(timers.pendingTicks).toBe(0);
});

test('expires soon when the moment has passed, but not within the constructor', async () => {
  const clock = useFakeClock();
  const { expired } = setUp(clock.now - 1);
  expect(expired()).toBe(0);
  await clock.advance(100);
  expect(expired()).toBe(1);
});

test('expires later when the system clock is set back, and within a minute when it is set forward', async () => {
  const clock = useFakeClock();
  const early = setUp(clock.now + 1000);
  const late = setUp(clock.now + 86_400_000);
  clock.now -= 3000;
  await clock.advance(1100);
  expect(early.expired()).toBe(0);
  await clock.advance(4100);
  expect(early.expired()).toBe(1);
  clock.now += 86_400_000;
  await clock.advance(55_000);
  expect(late.expired()).toBe(1);
  expect(timers.pendingTicks).toBe(0);
});

test('does not expire after cancel()', async () => {
  const clock = useFakeClock();
  const { expiry, expired } = setUp(clock.now + 1000);
  expiry.cancel();
  expect(timers.pendingTicks).toBe(0);
  clock.now += 2000;
  await clock.advance(2000);
  expect(expired()).toBe(0);
});
