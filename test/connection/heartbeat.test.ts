import { describe, expect, test } from 'vitest';
import { heartbeatDueMs, type HeartbeatLimits, heartbeatStep } from '../../src/connection/heartbeat.ts';

const LIMITS: HeartbeatLimits = { pingIntervalMs: 25_000, pongTimeoutMs: 20_000 };

describe('RFC 6455 5.5.2: the heartbeat', () => {
  test('pings after silence', () => {
    expect(heartbeatDueMs(LIMITS, 1000, undefined)).toBe(26_000);
    expect(heartbeatStep(LIMITS, 1000, undefined, 25_999, true)).toBe('wait');
    expect(heartbeatStep(LIMITS, 1000, undefined, 26_000, true)).toBe('ping');
  });

  test('gives the peer up pongTimeoutMs after the ping, even after a late ping', () => {
    expect(heartbeatDueMs(LIMITS, 1000, 100_000)).toBe(120_000);
    expect(heartbeatStep(LIMITS, 1000, 100_000, 119_999, true)).toBe('wait');
    expect(heartbeatStep(LIMITS, 1000, 100_000, 120_000, true)).toBe('dead');
  });

  test('gives no peer up while nothing is read, and sends a pong instead', () => {
    for (const [pingedMs, dueMs] of [
      [undefined, 25_000],
      [25_000, 45_000],
    ] as const) {
      expect(heartbeatStep(LIMITS, 0, pingedMs, dueMs - 1, false)).toBe('wait');
      expect(heartbeatStep(LIMITS, 0, pingedMs, dueMs, false)).toBe('pong');
    }
  });

  test('waits after its ping when pongTimeoutMs is Infinity', () => {
    const limits = { ...LIMITS, pongTimeoutMs: Infinity };
    expect(heartbeatStep(limits, 0, undefined, 25_000, true)).toBe('ping');
    expect(heartbeatDueMs(limits, 0, 25_000)).toBe(Infinity);
    expect(heartbeatStep(limits, 0, 25_000, 1e12, true)).toBe('wait');
  });

  test('sends a pong in each interval while nothing is read, even when pongTimeoutMs is Infinity', () => {
    const limits = { ...LIMITS, pongTimeoutMs: Infinity };
    expect(heartbeatStep(limits, 0, 25_000, 49_999, false)).toBe('wait');
    expect(heartbeatStep(limits, 0, 25_000, 50_000, false)).toBe('pong');
  });

  test('is off when pingIntervalMs is Infinity', () => {
    const limits = { ...LIMITS, pingIntervalMs: Infinity };
    expect(heartbeatDueMs(limits, 0, undefined)).toBe(Infinity);
    expect(heartbeatStep(limits, 0, undefined, 1e12, true)).toBe('wait');
  });
});
