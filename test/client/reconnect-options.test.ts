import { expect, test } from 'vitest';
import { checkReconnect } from '../../src/client/reconnect-options.ts';

const defaults = {
  minDelayMs: 1000,
  maxDelayMs: 30_000,
  factor: 2,
  maxAttempts: Infinity,
  maxQueuedMessages: 1000,
  maxQueuedBytes: 1_048_576,
};

const url = (): string => 'ws://127.0.0.1';

test('reconnect is off by default', () => {
  expect([checkReconnect(undefined), checkReconnect(false)]).toEqual([undefined, undefined]);
});

test('true and an empty object take the defaults, and given options replace them', () => {
  expect(checkReconnect(true)).toEqual(defaults);
  expect(checkReconnect({})).toEqual(defaults);
  expect(checkReconnect({ maxAttempts: undefined, url: undefined })).toEqual(defaults);
  const given = { minDelayMs: 1, maxDelayMs: 1, factor: 1.5, maxAttempts: 1, maxQueuedMessages: 0, maxQueuedBytes: 0 };
  expect(checkReconnect({ ...given, url })).toEqual({ ...given, url });
  expect(Object.isFrozen(checkReconnect(true))).toBe(true);
});

test.each<[value: unknown, message: string]>([
  [null, 'reconnect must be true, false or an object'],
  [5, 'reconnect must be true, false or an object'],
  [{ delay: 1 }, 'there is no option "reconnect.delay": use reconnect.minDelayMs'],
  [{ minDelayMs: 0 }, 'reconnect.minDelayMs must be a whole number, from 1 to 86400000; received 0'],
  [{ maxAttempts: 0 }, 'reconnect.maxAttempts must be a whole number, 1 or more, or Infinity; received 0'],
  [{ factor: 0.5 }, 'reconnect.factor must be a number from 1 to 10'],
  [{ factor: NaN }, 'reconnect.factor must be a number from 1 to 10'],
  [{ minDelayMs: 2, maxDelayMs: 1 }, 'reconnect.minDelayMs (2) must not be more than reconnect.maxDelayMs (1)'],
  [{ url: 'ws://127.0.0.1' }, 'reconnect.url must be a function'],
  [{ headers: {} }, 'reconnect.headers must be a function'],
  [{ shouldReconnect: true }, 'reconnect.shouldReconnect must be a function'],
])('%j is refused', (value, message) => {
  expect(() => checkReconnect(value)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_OPTION', message: `invalid option: ${message}` }),
  );
});
