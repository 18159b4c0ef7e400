import { describe, expect, test } from 'vitest';
import { checkKeys, checkNumber, checkNumbers, COUNT, DURATION } from '../../src/session/option-checks.ts';

const RANGE = { min: 2, max: 5 } as const;

function refusal(message: string): unknown {
  return expect.objectContaining({ code: 'ERR_INVALID_OPTION', componentSignature: 'HTTP', message });
}

describe('checkNumber', () => {
  test('returns whole numbers within the range', () => {
    for (const value of [2, 3, 5]) expect(checkNumber('a', value, RANGE, 'HTTP')).toBe(value);
    for (const range of [COUNT, DURATION]) expect(checkNumber('a', Infinity, range, 'HTTP')).toBe(Infinity);
  });

  test.each<[value: unknown, received: string]>([
    ...[1, 6, 2.5, NaN, Infinity, -Infinity, null].map((value): [unknown, string] => [value, String(value)]),
    ['3', 'string'],
    [undefined, 'undefined'],
    [true, 'boolean'],
    [3n, 'bigint'],
    [{}, 'object'],
  ])('refuses %s', (value, received) => {
    expect(() => checkNumber('a', value, RANGE, 'HTTP')).toThrow(
      refusal(`invalid option: a must be a whole number, from 2 to 5; received ${received}`),
    );
  });

  test('names Infinity where a range has no upper end', () => {
    expect(() => checkNumber('a', 0, COUNT, 'HTTP')).toThrow(
      refusal('invalid option: a must be a whole number, 1 or more, or Infinity; received 0'),
    );
  });
});

test('checkNumbers() fills in the defaults', () => {
  const ranges = { a: { default: 3, ...RANGE }, b: { default: 4, ...RANGE } };
  expect(checkNumbers({ b: 5 }, ranges, 'HTTP')).toEqual({ a: 3, b: 5 });
  expect(checkNumbers({ a: undefined }, ranges, 'HTTP')).toEqual({ a: 3, b: 4 });
  expect(() => checkNumbers({ a: 6 }, ranges, 'HTTP')).toThrow(/^invalid option: a must/);
});

test('checkKeys() names the first unknown option', () => {
  const keys = new Set(['a', 'b']);
  expect(() => checkKeys({ a: 1 }, keys, 'HTTP')).not.toThrow();
  expect(() => checkKeys({ a: 1, c: 1 }, keys, 'HTTP')).toThrow(refusal('invalid option: there is no option "c"'));
  for (const options of [null, 5, 'a']) {
    expect(() => checkKeys(options as never, keys, 'HTTP')).toThrow(
      refusal('invalid option: options must be an object'),
    );
  }
});
