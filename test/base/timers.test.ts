import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Deadline, TimerWheel } from '../../src/base/timers.ts';
import { readGlobalTimers } from '../helpers/test-clock.ts';

readGlobalTimers();

const TICK_MS = 50;
const HOUR_MS = 3_600_000;

function deadline(onDeadline: () => void): Deadline {
  return { onDeadline };
}

class CountedDeadline implements Deadline {
  count = 0;

  onDeadline(): void {
    this.count++;
  }
}

/** Makes a timer wheel whose clock can advance while no timer fires. */
function makeStallable(): { wheel: TimerWheel; stall: (ms: number) => void } {
  let stalledMs = 0;
  return {
    wheel: new TimerWheel(() => performance.now() + stalledMs),
    stall: (ms) => {
      stalledMs += ms;
    },
  };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});

afterEach(() => {
  // No test may leave a timer behind.
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('a deadline', () => {
  test('is never early and at most 50 ms late, whenever the wheel starts', () => {
    const late: number[] = [];
    for (let start = 0; start < 60; start++) {
      const wheel = new TimerWheel();
      for (const delayMs of [0, 1, 7, 49, 50, 51, 99, 100, 101, 1234]) {
        const due = performance.now() + delayMs;
        wheel.schedule(
          deadline(() => late.push(performance.now() - due)),
          delayMs,
        );
      }
      vi.advanceTimersByTime(2001);
    }
    expect(late).toHaveLength(600);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...late)).toBeLessThanOrEqual(TICK_MS);
  });

  test('passes an hour later', () => {
    const wheel = new TimerWheel();
    const far = new CountedDeadline();
    wheel.schedule(far, HOUR_MS);
    vi.advanceTimersByTime(HOUR_MS - 1);
    expect(far.count).toBe(0);
    vi.advanceTimersByTime(TICK_MS + 1);
    expect(far.count).toBe(1);
  });

  test('passes after the deadlines that are due earlier', () => {
    const wheel = new TimerWheel();
    const passed: string[] = [];
    const tickets = [300, 100, 200].map((delayMs) =>
      wheel.schedule(
        deadline(() => passed.push(`after ${delayMs}`)),
        delayMs,
      ),
    );
    expect(tickets.toSorted((left, right) => left - right)).toEqual([tickets[1], tickets[2], tickets[0]]);
    vi.advanceTimersByTime(400);
    expect(passed).toEqual(['after 100', 'after 200', 'after 300']);
  });

  test('does not pass once cancelled, while others of the same tick still do', () => {
    const wheel = new TimerWheel();
    const [kept, dropped] = [new CountedDeadline(), new CountedDeadline()];
    wheel.schedule(kept, 100);
    wheel.cancel(dropped, wheel.schedule(dropped, 100));
    vi.advanceTimersByTime(1000);
    expect([kept.count, dropped.count]).toEqual([1, 0]);
  });

  test('can be cancelled by another deadline of the same tick', () => {
    const wheel = new TimerWheel();
    const victim = new CountedDeadline();
    const killer = deadline(() => wheel.cancel(victim, ticket));
    wheel.schedule(killer, 100);
    const ticket = wheel.schedule(victim, 100);
    vi.advanceTimersByTime(1000);
    expect(victim.count).toBe(0);
    expect(wheel.pendingTicks).toBe(0);
  });

  test('ignores a cancel after it has passed, and a second one', () => {
    const wheel = new TimerWheel();
    const first = new CountedDeadline();
    const ticket = wheel.schedule(first, 10);
    vi.advanceTimersByTime(100);
    wheel.cancel(first, ticket);
    wheel.cancel(first, ticket);
    expect(first.count).toBe(1);
  });

  test('can be set within onDeadline(), also with a delay of 0', () => {
    const wheel = new TimerWheel();
    const passed: number[] = [];
    const again = deadline(() => {
      passed.push(performance.now());
      if (passed.length < 5) wheel.schedule(again, passed.length === 4 ? 500 : 0);
    });
    const start = performance.now();
    wheel.schedule(again, 0);
    vi.advanceTimersByTime(1000);
    const gaps = passed.map((time, i) => time - (passed[i - 1] ?? start));
    expect(gaps).toHaveLength(5);
    expect(Math.max(...gaps.slice(0, 4))).toBeLessThanOrEqual(TICK_MS);
    expect(gaps[4]).toBeGreaterThanOrEqual(500);
    expect(gaps[4]).toBeLessThanOrEqual(500 + TICK_MS);
  });

  test('can be set within onDeadline() while others are pending', () => {
    const wheel = new TimerWheel();
    const passed: string[] = [];
    const record = (name: string): Deadline => deadline(() => passed.push(name));
    wheel.schedule(
      deadline(() => {
        passed.push('first');
        wheel.schedule(record('second'), 100);
      }),
      100,
    );
    wheel.schedule(record('third'), 1000);
    vi.advanceTimersByTime(1100);
    expect(passed).toEqual(['first', 'second', 'third']);
  });
});

describe('the system timer', () => {
  test('is shared by thousands of deadlines, and stops after the last', () => {
    const wheel = new TimerWheel();
    let passed = 0;
    for (let i = 0; i < 5000; i++) {
      wheel.schedule(
        deadline(() => passed++),
        i,
      );
    }
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(2000);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(4000);
    expect(passed).toBe(5000);
    expect([wheel.pendingTicks, vi.getTimerCount()]).toEqual([0, 0]);
  });

  test('stops when the last deadline is cancelled, and starts with the next', () => {
    const wheel = new TimerWheel();
    const first = new CountedDeadline();
    wheel.cancel(first, wheel.schedule(first, 1000));
    expect([wheel.pendingTicks, vi.getTimerCount()]).toEqual([0, 0]);
    vi.advanceTimersByTime(10_000);
    wheel.schedule(first, 100);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(99);
    expect(first.count).toBe(0);
    vi.advanceTimersByTime(TICK_MS + 1);
    expect(first.count).toBe(1);
  });

  test('does not keep the process alive', () => {
    const setTimer = vi.spyOn(globalThis, 'setTimeout');
    const wheel = new TimerWheel();
    const first = deadline(() => {});
    const ticket = wheel.schedule(first, 1000);
    const timer = setTimer.mock.results[0]!.value as NodeJS.Timeout;
    expect(timer.hasRef()).toBe(false);
    wheel.cancel(first, ticket);
  });
});

describe('a stalled event loop', () => {
  test('puts deadlines off by the stall less one second', () => {
    const { wheel, stall } = makeStallable();
    const first = new CountedDeadline();
    wheel.schedule(first, 10_000);
    vi.advanceTimersByTime(4000);
    stall(3 * HOUR_MS);
    vi.advanceTimersByTime(4900);
    expect(first.count).toBe(0);
    vi.advanceTimersByTime(200);
    expect(first.count).toBe(1);
  });

  test('does not put off twice a deadline that was set during the stall', () => {
    const { wheel, stall } = makeStallable();
    const passed: string[] = [];
    wheel.schedule(
      deadline(() => passed.push('before')),
      1500,
    );
    stall(HOUR_MS);
    wheel.schedule(
      deadline(() => passed.push('between')),
      500,
    );
    stall(HOUR_MS);
    wheel.schedule(
      deadline(() => passed.push('after')),
      490,
    );
    vi.advanceTimersByTime(450);
    expect(passed).toEqual([]);
    vi.advanceTimersByTime(100);
    expect(passed.toSorted()).toEqual(['after', 'before', 'between']);
  });

  test('puts nothing off when the stall is shorter than a second', () => {
    const { wheel, stall } = makeStallable();
    const first = new CountedDeadline();
    wheel.schedule(first, 10_000);
    for (let i = 0; i < 99; i++) {
      vi.advanceTimersByTime(TICK_MS);
      stall(TICK_MS);
    }
    expect(first.count).toBe(0);
    vi.advanceTimersByTime(2 * TICK_MS);
    expect(first.count).toBe(1);
  });
});

test('ref() keeps the process alive until unref() was called as often', () => {
  const wheel = new TimerWheel();
  const { setTimeout: fake } = globalThis;
  const timers: NodeJS.Timeout[] = [];
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, ms: number) => {
    const timer = fake(run, ms);
    timers.push(timer);
    return timer;
  }) as typeof setTimeout);
  const hasRef = (): boolean => timers.at(-1)!.hasRef();
  const one = deadline(() => {});
  const ticket = wheel.schedule(one, 200);
  expect(hasRef()).toBe(false);
  wheel.ref();
  wheel.ref();
  expect(hasRef()).toBe(true);
  vi.advanceTimersByTime(60);
  expect(hasRef()).toBe(true);
  wheel.unref();
  expect(hasRef()).toBe(true);
  wheel.unref();
  expect(hasRef()).toBe(false);
  wheel.cancel(one, ticket);
  vi.restoreAllMocks();
});

describe('the clock', () => {
  test('leaves out the time that the event loop stalled, and shows the last tick', () => {
    const { wheel, stall } = makeStallable();
    const ticket = wheel.schedule(new CountedDeadline(), HOUR_MS);
    const first = new CountedDeadline();
    const other = wheel.schedule(first, HOUR_MS);
    const before = wheel.nowMs;
    vi.advanceTimersByTime(1000);
    expect(wheel.nowMs - before).toBe(1000);
    expect(wheel.nowMs - wheel.tickMs).toBeLessThanOrEqual(TICK_MS);
    expect(wheel.stalledMs).toBe(0);
    stall(61_000);
    expect(wheel.stalledMs).toBeGreaterThanOrEqual(60_000);
    expect(wheel.stalledMs).toBeLessThanOrEqual(61_000);
    expect(wheel.nowMs - before).toBeLessThanOrEqual(2050);
    wheel.cancel(first, other);
    for (const each of [ticket]) wheel.cancel(new CountedDeadline(), each);
    vi.advanceTimersByTime(HOUR_MS + 1000);
    expect(wheel.pendingTicks).toBe(0);
  });

  test('does not count time without deadlines as a stall', () => {
    const { wheel, stall } = makeStallable();
    const before = wheel.nowMs;
    stall(HOUR_MS);
    expect(wheel.nowMs - before).toBe(HOUR_MS);
    expect(wheel.stalledMs).toBe(0);
  });
});
