import { describe, expect, test } from 'vitest';
import { RateLimit } from '../../src/connection/rate-limit.ts';

describe('a token bucket', () => {
  test('allows the amount of one second at once, and no more', () => {
    const limit = new RateLimit(60, 5000);
    for (let i = 0; i < 60; i++) expect(limit.take(1, 5000)).toBe(true);
    expect(limit.take(1, 5000)).toBe(false);
    expect(limit.observed).toBe(61);
    expect(limit.perSecond).toBe(60);
  });

  test('refills as time passes, but never above its size', () => {
    const limit = new RateLimit(10, 0);
    expect(limit.take(10, 0)).toBe(true);
    expect(limit.take(5, 500)).toBe(true);
    expect(limit.take(1, 500)).toBe(false);
    const full = new RateLimit(10, 0);
    expect(full.take(10, 1e9)).toBe(true);
    expect(full.take(1, 1e9)).toBe(false);
  });

  test('allows a steady sender exactly at the limit', () => {
    const limit = new RateLimit(100, 0);
    const verdicts = Array.from({ length: 10_000 }, (_, i) => limit.take(1, i * 10));
    expect(verdicts).not.toContain(false);
  });

  test('counts amounts, not calls', () => {
    const limit = new RateLimit(1_000_000, 0);
    expect(limit.take(600_000, 0)).toBe(true);
    expect(limit.take(600_000, 100)).toBe(false);
    expect(limit.observed).toBe(1_100_000);
  });

  test('lets the amount of a credited time through at once, and no more', () => {
    const limit = new RateLimit(60, 0);
    limit.credit(10_000, 10_000);
    for (let i = 0; i < 660; i++) expect(limit.take(1, 10_000)).toBe(true);
    expect(limit.take(1, 10_000)).toBe(false);
    const stalled = new RateLimit(10, 0);
    stalled.take(10, 0);
    stalled.credit(9000, 1000);
    expect(stalled.take(100, 1000)).toBe(true);
  });

  test('is unused only while it is exactly full', () => {
    const limit = new RateLimit(60, 0);
    expect(limit.isUnused(0)).toBe(true);
    limit.take(1, 0);
    expect([limit.isUnused(0), limit.isUnused(10), limit.isUnused(20)]).toEqual([false, false, true]);
    limit.credit(10, 20);
    expect([limit.isUnused(20), limit.isUnused(100_000)]).toEqual([false, false]);
  });
});
