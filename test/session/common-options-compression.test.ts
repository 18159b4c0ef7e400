import { describe, expect, test } from 'vitest';
import { parseClientOptions } from '../../src/client/client-options.ts';
import type { CheckedOptions } from '../../src/session/common-options.ts';
import { parseServerOptions } from '../../src/server/server-options.ts';
import { errorOf } from '../helpers/error-of.ts';

const sides = [
  ['client', 'HTCL', (options: object): unknown => parseClientOptions(options).limits],
  ['server', 'HTTP', (options: object): unknown => parseServerOptions(options).limits],
] as const;

describe.each(sides)('compression of a %s', (_, componentSignature, check) => {
  const good = {
    thresholdBytes: 1024,
    level: 3,
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
  };
  const compressionOf = (compression: unknown): unknown => (check({ compression }) as CheckedOptions).compression;

  test('is off by default, and has good defaults when it is on', () => {
    for (const value of [undefined, false]) expect(compressionOf(value)).toBeUndefined();
    for (const value of [true, {}, { level: undefined }]) expect(compressionOf(value)).toEqual(good);
  });

  test('returns a frozen copy', () => {
    const options = { level: 9 };
    const checked = compressionOf(options);
    options.level = 1;
    expect(checked).toEqual({ ...good, level: 9 });
    expect(Object.isFrozen(checked)).toBe(true);
  });

  test.each([
    ['thresholdBytes', [0, 1, 5000, Infinity], [-1, 1.5, NaN, '5', null], '0 or more, or Infinity'],
    ['level', [1, 9], [0, 10, -1, 2.5, Infinity, '3', null, true], 'from 1 to 9'],
    ['serverMaxWindowBits', [9, 15], [7, 16, 9.5, Infinity, '9', null, false], 'from 8 to 15'],
    ['clientMaxWindowBits', [9, 15], [7, 16, 9.5, Infinity, '9', null, true], 'from 8 to 15'],
  ])('%s accepts whole numbers within its range only', (name, values, wrongValues, range) => {
    for (const value of values) expect(compressionOf({ [name]: value })).toEqual({ ...good, [name]: value });
    for (const value of wrongValues) {
      const error = errorOf(() => compressionOf({ [name]: value }));
      expect(error.code).toBe('ERR_INVALID_OPTION');
      expect(error.componentSignature).toBe(componentSignature);
      expect(error.message).toContain(
        `invalid option: compression.${name} must be a whole number, ${range}; received `,
      );
    }
  });

  test.each(['serverMaxWindowBits', 'clientMaxWindowBits'])(
    '%s of 8 becomes 9, the smallest window of zlib',
    (name) => {
      expect(compressionOf({ [name]: 8 })).toEqual({ ...good, [name]: 9 });
    },
  );

  test.each(['serverNoContextTakeover', 'clientNoContextTakeover'])('%s accepts true and false only', (name) => {
    for (const value of [true, false]) expect(compressionOf({ [name]: value })).toEqual({ ...good, [name]: value });
    for (const value of [0, 1, 'true', null]) {
      expect(errorOf(() => compressionOf({ [name]: value })).message).toBe(
        `invalid option: compression.${name} must be true or false`,
      );
    }
  });

  test('refuses other values and unknown options', () => {
    for (const value of [0, 1, 'on', null, Symbol('on')]) {
      expect(errorOf(() => compressionOf(value)).message).toBe(
        'invalid option: compression must be true, false or an object',
      );
    }
    for (const name of ['on', 'toString']) {
      expect(errorOf(() => compressionOf({ [name]: 1 })).message).toBe(
        `invalid option: there is no option "compression.${name}"`,
      );
    }
    expect(errorOf(() => compressionOf(JSON.parse('{"__proto__":5}'))).message).toBe(
      'invalid option: there is no option "compression.__proto__"',
    );
  });
});
