import { describe, expect, test } from 'vitest';
import { callbackFailed, type ErrorCode, type ErrorRow, errorTable, FourDError } from '../src/errors.ts';

const CODES = Object.keys(errorTable) as ErrorCode[];

describe('the table of errors', () => {
  test('every code has a name of its own kind, a number and a sentence', () => {
    const odd = Object.entries(errorTable).filter(
      ([code, { errCode, meaning }]) =>
        !/^ERR_[A-Z0-9_]+$/.test(code) || !Number.isInteger(errCode) || !meaning.endsWith('.'),
    );
    expect(odd).toEqual([]);
  });

  test('RFC 6455 7.4.1: numbers are close codes, negative, or 0 for what user code throws', () => {
    const numbers = CODES.filter((code) => errorTable[code].errCode >= 0).map((code) => errorTable[code].errCode);
    expect(new Set(numbers)).toEqual(new Set([1002, 1006, 1007, 1008, 1009, 1011, 1013, 0]));
    expect(CODES.filter((code) => errorTable[code].errCode === 0)).toEqual(['ERR_THROWN']);
  });

  test('no two errors share a negative number', () => {
    const negative = CODES.map((code) => errorTable[code].errCode).filter((errCode) => errCode < 0);
    expect(new Set(negative).size).toBe(negative.length);
  });

  test('what ends a connection names its close code, which is its number, and its cause; what ends none names neither', () => {
    const odd = CODES.filter((code) => {
      const { errCode, closeCode, cause }: ErrorRow = errorTable[code];
      return errCode >= 1000
        ? closeCode !== errCode || cause === undefined
        : closeCode !== undefined || cause !== undefined;
    });
    expect(odd).toEqual([]);
  });

  test.each([
    ['ERR_DUPLICATE_PATH', -10_718],
    ['ERR_CONNECTION_LOST', 1006],
    ['ERR_INVALID_UTF8', 1007],
    ['ERR_TOO_MANY_FRAGMENTS', 1008],
    ['ERR_MESSAGE_TOO_BIG', 1009],
    ['ERR_CALLBACK_FAILED', 1011],
    ['ERR_BUFFER_FULL', 1013],
  ] as const)('%s is %i', (code, errCode) => {
    expect(errorTable[code].errCode).toBe(errCode);
  });
});

describe('FourDError', () => {
  test.each(CODES)('%s: number and close code come from the table', (code) => {
    const error = new FourDError(code, 'what happened');
    const { errCode } = errorTable[code];
    expect(error).toMatchObject({ name: 'FourDError', code, errCode, message: 'what happened' });
    expect(error.closeCode).toBe(errCode >= 1000 ? errCode : 1006);
  });

  test('it is an Error, and says so', () => {
    const error = new FourDError('ERR_INVALID_URL', 'invalid URL');
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toBe('FourDError: invalid URL');
    expect(error.stack).toContain('errors.test.ts');
  });

  test('without details it has none, and is of the caller’s making', () => {
    const error = new FourDError('ERR_INVALID_URL', 'invalid URL');
    expect(Object.keys(error).toSorted()).toEqual(['code', 'componentSignature', 'errCode', 'name', 'side']);
    expect(error).toMatchObject({ componentSignature: 'host', side: 'local' });
    expect('cause' in error).toBe(false);
  });

  test('the caller’s mistakes show where they were made, those of a peer have no such place', () => {
    const { stackTraceLimit } = Error;
    expect(new FourDError('ERR_INVALID_URL', 'invalid URL').stack).toContain('errors.test.ts');
    expect(new FourDError('ERR_CONNECTION_LOST', 'lost', { side: 'remote' }).stack).toBe('FourDError: lost');
    expect(Error.stackTraceLimit).toBe(stackTraceLimit);
  });

  test('it carries all details that it is given', () => {
    const details = {
      cause: new Error('below'),
      componentSignature: 'HTCL',
      side: 'remote',
      limit: 0,
      observed: 1,
      httpStatus: 404,
      httpHeaders: { a: 'b' },
      httpBody: Buffer.from('no'),
    } as const;
    const error = new FourDError('ERR_HANDSHAKE_REFUSED', 'refused', details);
    for (const [name, value] of Object.entries(details)) expect(error[name as keyof typeof details]).toBe(value);
  });

  test('the cause may be anything but undefined', () => {
    expect(new FourDError('ERR_CALLBACK_FAILED', '', { cause: null }).cause).toBeNull();
    expect(Object.hasOwn(new FourDError('ERR_CALLBACK_FAILED', '', { cause: undefined }), 'cause')).toBe(false);
  });

  test('the number that user code gives shows in errCode and is no close code', () => {
    const error = new FourDError('ERR_THROWN', 'mine', { errCode: 1000 });
    expect(error.errCode).toBe(1000);
    expect(error.closeCode).toBe(1006);
  });

  test('item is what event.errors shows', () => {
    const error = new FourDError('ERR_INVALID_UTF8', 'not UTF-8', { componentSignature: 'HTTP', side: 'remote' });
    expect(error.item).toEqual({ errCode: 1007, message: 'not UTF-8', componentSignature: 'HTTP' });
  });
});

describe('what user code throws', () => {
  test('an Error gives its message and becomes the cause', () => {
    const thrown = new TypeError('x is undefined');
    const error = callbackFailed('onMessage', thrown);
    expect(error).toMatchObject({
      code: 'ERR_CALLBACK_FAILED',
      errCode: 1011,
      message: 'onMessage failed: x is undefined',
    });
    expect(error.cause).toBe(thrown);
  });

  test('a FourDError is a cause like any other, so that the peer sees 1011', () => {
    const thrown = new FourDError('ERR_INVALID_JSON', 'mine');
    const error = callbackFailed('onMessage', thrown);
    expect(error).toMatchObject({ code: 'ERR_CALLBACK_FAILED', closeCode: 1011, cause: thrown });
  });

  test.each([
    ['a text', 'oops', 'oops'],
    ['a number', 42, '42'],
    ['nothing', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['an object without a prototype', Object.create(null), 'a value that cannot be shown as text'],
    [
      'an error whose message throws',
      Object.defineProperty(new Error('x'), 'message', {
        get: () => {
          throw new Error('again');
        },
      }),
      'a value that cannot be shown as text',
    ],
    ['an error whose message is no text', Object.assign(new Error('x'), { message: 7 }), '7'],
  ])('%s has a text', (_, thrown, text) => {
    expect(callbackFailed('onOpen', thrown).message).toBe(`onOpen failed: ${text}`);
  });
});
