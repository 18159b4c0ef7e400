import { expect, test } from 'vitest';
import { KnownKeys } from '../../src/topics/known-keys.ts';

const WINDOW_MS = 120_000;

test('idempotency keys are forgotten one by one as fast as they come, however many there are', () => {
  const keys = new KnownKeys();
  let nowMs = 0;
  const add = (): void => {
    nowMs++;
    keys.find('t', `${nowMs}`, nowMs);
    keys.add('t', `${nowMs}`, { offset: nowMs, tag: 1 }, nowMs);
  };
  /** The fastest of some rounds. */
  const timeOf = (): number => {
    const times = Array.from({ length: 20 }, () => {
      const startMs = performance.now();
      for (let i = 0; i < 100; i++) add();
      return performance.now() - startMs;
    });
    return Math.min(...times);
  };
  const firstMs = timeOf();
  for (let i = 0; i < 1.5 * WINDOW_MS; i++) add();
  expect(timeOf()).toBeLessThan(10 * firstMs);
  expect(keys.find('t', `${nowMs - WINDOW_MS + 1}`, nowMs)).toMatchObject({ offset: nowMs - WINDOW_MS + 1, tag: 1 });
  nowMs += WINDOW_MS;
  keys.sweep(nowMs);
  expect(keys.cost).toBe(0);
});
