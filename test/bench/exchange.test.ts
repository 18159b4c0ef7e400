import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ExchangeClock } from '../../bench/load/exchange.ts';
import { Failure } from '../../bench/load/failure.ts';

describe('the clock of an exchange', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test('lets messages flow while time is left, then waits for the last answers', async () => {
    const clock = new ExchangeClock(new Failure());
    const run = clock.run(100, 3, () => {});
    expect(clock.answered(2)).toBe(true);
    vi.advanceTimersByTime(100);
    expect(clock.answered(1)).toBe(false);
    expect(clock.answered(2)).toBe(false);
    await expect(run).resolves.toMatchObject({ messages: 5 });
  });

  test('fails when messages are lost', async () => {
    const clock = new ExchangeClock(new Failure());
    const run = clock.run(100, 3, () => {});
    vi.advanceTimersByTime(100);
    clock.answered(2);
    vi.runAllTimers();
    await expect(run).rejects.toThrow('messages lost: 1 of 3 not answered');
  });

  test('fails when more messages are answered than sent', async () => {
    const clock = new ExchangeClock(new Failure());
    const run = clock.run(100, 3, () => {});
    vi.advanceTimersByTime(100);
    clock.answered(4);
    await expect(run).rejects.toThrow('more answers than messages');
  });

  test('fails a run after an earlier failure', async () => {
    const failure = new Failure();
    failure.fail('connection lost');
    await expect(new ExchangeClock(failure).run(100, 1, () => {})).rejects.toThrow('connection lost');
  });
});
