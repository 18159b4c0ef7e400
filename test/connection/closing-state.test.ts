import { afterEach, expect, test } from 'vitest';
import { ClosingState } from '../../src/connection/closing-state.ts';
import { timers } from '../../src/base/timers.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { expectNoDeadlines } from '../helpers/leftovers.ts';

function setUp() {
  let count = 0;
  const clock = useFakeClock();
  return { clock, end: new ClosingState({ onCloseTimeout: () => count++ }), timeouts: () => count };
}

afterEach(() => expectNoDeadlines());

test('begins with code 1006 and without cause and outcome', () => {
  const { end } = setUp();
  expect([end.code, end.reason, end.cause, end.phase]).toEqual([1006, undefined, undefined, 'open']);
  expect([end.outcome, end.isHandshakeOver, end.isOver]).toEqual([undefined, false, false]);
});

test.each([
  ['close-frame', true],
  ['failure', true],
  ['destroyed', false],
] as const)('with the outcome %s, isHandshakeOver is %s', (outcome, isOver) => {
  const { end } = setUp();
  end.outcome = outcome;
  expect(end.isHandshakeOver).toBe(isOver);
});

test.each([
  ['the same code', 1000, 'close-frame', true],
  ['another code, as of a peer that closes at the same moment', 1009, 'close-frame', false],
  ['none, because the connection has failed', 1000, 'failure', false],
] as const)('with %s, isAnswered is right', (_, code, outcome, isAnswered) => {
  const { end } = setUp();
  Object.assign(end, { code, outcome });
  expect(end.isAnswered).toBe(false);
  end.sentCode = 1000;
  expect(end.isAnswered).toBe(isAnswered);
});

test('reports a timeout once, at the earliest of several deadlines, and keeps the shortest time', async () => {
  const { clock, end, timeouts } = setUp();
  end.setDeadline(1000);
  end.setDeadline(200.4);
  end.setDeadline(3000);
  end.setDeadline(Infinity);
  expect(end.shortestTimeoutMs).toBe(200);
  await clock.advance(150);
  expect(timeouts()).toBe(0);
  await clock.advance(150);
  expect(timeouts()).toBe(1);
  await clock.advance(10_000);
  expect(timeouts()).toBe(1);
});

test('reports one timeout for two deadlines in the same tick', async () => {
  const { clock, end, timeouts } = setUp();
  end.setDeadline(1000);
  end.setDeadline(1000);
  await clock.advance(1100);
  expect(timeouts()).toBe(1);
});

test('cancels the deadline when the connection is over', async () => {
  const { clock, end, timeouts } = setUp();
  end.setDeadline(1000);
  end.finish();
  expect(end.isOver).toBe(true);
  expect(timers.pendingTicks).toBe(0);
  await clock.advance(2000);
  expect(timeouts()).toBe(0);
});

test('waits forever without a deadline', () => {
  const { end, timeouts } = setUp();
  end.setDeadline(Infinity);
  expect(timers.pendingTicks).toBe(0);
  end.finish();
  expect([timeouts(), end.shortestTimeoutMs]).toEqual([0, Infinity]);
});
