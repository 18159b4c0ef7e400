import { describe, expect, test } from 'vitest';
import { checkNumber, checkNumbers, COUNT, DURATION, readList, readOptions } from '../../src/session/option-checks.ts';
import { revokedProxy, withThrowingGetter } from '../helpers/hostile-values.ts';

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
    ['3', 'a text: pass it through Number()'],
    ['3s', 'a text'],
    [undefined, 'undefined'],
    [true, 'true'],
    [[3], 'an array'],
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

describe('readOptions', () => {
  const keys = new Set(['a', 'b']);

  test('copies the options that are given, inherited ones too', () => {
    const given = Object.assign(Object.create({ a: 1 }) as object, { b: undefined });
    expect(readOptions(given, keys, 'HTTP')).toEqual({ a: 1 });
  });

  test('reads each option once', () => {
    let count = 0;
    const given = {
      get a(): number {
        return ++count;
      },
    };
    expect(readOptions(given, keys, 'HTTP').a).toBe(1);
    expect(count).toBe(1);
  });

  test('names the first unknown option', () => {
    expect(() => readOptions({ a: 1, c: 1, d: 1 }, keys, 'HTTP')).toThrow(
      refusal('invalid option: there is no option "c"'),
    );
    const names = { noun: 'setting', prefix: 'a.', advice: ': use b' };
    expect(() => readOptions({ c: 1 }, keys, 'HTTP', names)).toThrow(
      refusal('invalid setting: there is no setting "a.c": use b'),
    );
  });

  test.each([
    [null, 'null'],
    [undefined, 'undefined'],
    ['a', 'a text'],
    [['a'], 'an array'],
    [() => {}, 'function'],
    [Symbol('a'), 'symbol'],
  ])('refuses %s', (given, received) => {
    expect(() => readOptions(given as never, keys, 'HTTP')).toThrow(
      refusal(`invalid option: options must be an object; received ${received}`),
    );
  });

  test('names an option that cannot be read, and what its getter has thrown', () => {
    expect(() => readOptions(withThrowingGetter({ a: 1 }, 'b'), keys, 'HTTP')).toThrow(
      refusal('invalid option: b cannot be read: a value that cannot be shown as text'),
    );
    expect(() => readOptions(revokedProxy(), keys, 'HTTP')).toThrow(
      refusal("invalid option: options cannot be read: Cannot perform 'ownKeys' on a proxy that has been revoked"),
    );
  });
});

describe('readList', () => {
  test('copies an array, and knows other values', () => {
    const list = [1, 2];
    expect(readList('a', list, 'HTTP')).toEqual([1, 2]);
    expect(readList('a', list, 'HTTP')).not.toBe(list);
    for (const value of [undefined, null, 'a', new Set([1])]) expect(readList('a', value, 'HTTP')).toBeUndefined();
  });

  test('names a list that cannot be read', () => {
    expect(() => readList('a', revokedProxy([]), 'HTTP')).toThrow(
      refusal("invalid option: a cannot be read: Cannot perform 'IsArray' on a proxy that has been revoked"),
    );
    expect(() => readList('a', withThrowingGetter([1], 0), 'HTTP')).toThrow(/^invalid option: a cannot be read/);
  });
});
