import { describe, expect, test } from 'vitest';
import { Keepalive } from '../../src/protocol/keepalive.ts';

const LIMITS = { pingIntervalMs: 25_000, pongTimeoutMs: 20_000 };

describe('RFC 6455 5.5.2: the heartbeat', () => {
  test('pings after silence, and gives up when nothing follows', () => {
    const keepalive = new Keepalive(LIMITS, 1000);
    expect(keepalive.dueMs).toBe(26_000);
    expect(keepalive.look(25_999, true)).toBe('wait');
    expect(keepalive.look(26_000, true)).toBe('ping');
    expect(keepalive.dueMs).toBe(46_000);
    expect(keepalive.look(45_999, true)).toBe('wait');
    expect(keepalive.look(46_000, true)).toBe('dead');
    expect(keepalive.silenceMs(46_000)).toBe(45_000);
  });

  test('counts silence from the last bytes', () => {
    const keepalive = new Keepalive(LIMITS, 0);
    keepalive.onBytes(24_000);
    expect(keepalive.look(25_000, true)).toBe('wait');
    expect(keepalive.dueMs).toBe(49_000);
    expect(keepalive.look(49_000, true)).toBe('ping');
  });

  test('takes any bytes for an answer, also those of a clock that lags', () => {
    const keepalive = new Keepalive(LIMITS, 0);
    expect(keepalive.look(25_000, true)).toBe('ping');
    keepalive.onBytes(24_950);
    expect(keepalive.look(45_000, true)).toBe('wait');
    expect(keepalive.look(49_950, true)).toBe('ping');
  });

  test('late looks put the verdict off: the time after the ping counts from the ping', () => {
    const keepalive = new Keepalive(LIMITS, 0);
    expect(keepalive.look(100_000, true)).toBe('ping');
    expect(keepalive.look(119_999, true)).toBe('wait');
    expect(keepalive.look(120_000, true)).toBe('dead');
  });

  test('condemns nobody while nothing is read, and shows the peer a pong instead', () => {
    const keepalive = new Keepalive(LIMITS, 0);
    expect(keepalive.look(24_999, false)).toBe('wait');
    expect(keepalive.look(25_000, false)).toBe('pong');
    expect(keepalive.look(50_000, true)).toBe('ping');
    expect(keepalive.look(70_000, false)).toBe('pong');
    expect(keepalive.dueMs).toBe(95_000);
    expect(keepalive.silenceMs(70_000)).toBe(0);
  });

  test('with an infinite time for the pong pings once, and waits', () => {
    const keepalive = new Keepalive({ ...LIMITS, pongTimeoutMs: Infinity }, 0);
    expect(keepalive.look(25_000, true)).toBe('ping');
    expect(keepalive.dueMs).toBe(Infinity);
    expect(keepalive.look(1e12, true)).toBe('wait');
  });
});
