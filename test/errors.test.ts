import { describe, expect, test } from 'vitest';
import {
  callbackFailed,
  codeFailed,
  type ErrorCode,
  type ErrorRow,
  errorTable,
  FourDError,
  isFourDError,
  itemOfThrown,
  textOfThrown,
  withEnding,
} from '../src/errors.ts';
import { hostileValues, throwingProxy, withThrowingGetter } from './helpers/hostile-values.ts';

const CODES = Object.keys(errorTable) as ErrorCode[];

describe('the table of errors', () => {
  test('has for each code a name that begins with ERR_, a number and a sentence', () => {
    const odd = Object.entries(errorTable).filter(
      ([code, { errCode, meaning }]) =>
        !/^ERR_[A-Z0-9_]+$/.test(code) || !Number.isInteger(errCode) || !meaning.endsWith('.'),
    );
    expect(odd).toEqual([]);
  });

  test('RFC 6455 7.4.1: numbers are close codes or negative', () => {
    const numbers = CODES.filter((code) => errorTable[code].errCode >= 0).map((code) => errorTable[code].errCode);
    expect(new Set(numbers)).toEqual(new Set([1002, 1006, 1007, 1008, 1009, 1011, 1013]));
  });

  test('gives each negative number to one error only', () => {
    const negative = CODES.map((code) => errorTable[code].errCode).filter((errCode) => errCode < 0);
    expect(new Set(negative).size).toBe(negative.length);
  });

  test('names close code and cause of errors that end a connection, and neither for all others', () => {
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
    ['ERR_INVALID_ARGUMENT', -20_016],
    ['ERR_THROWN', -1],
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
  test.each(CODES)('%s: takes number and close code from the table', (code) => {
    const error = new FourDError(code, 'what happened');
    const { errCode } = errorTable[code];
    expect(error).toMatchObject({ name: 'FourDError', code, errCode, message: 'what happened' });
    expect(error.closeCode).toBe(errCode >= 1000 ? errCode : 1006);
  });

  test('is an Error with name and message', () => {
    const error = new FourDError('ERR_INVALID_URL', 'invalid URL');
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toBe('FourDError: invalid URL');
    expect(error.stack).toContain('errors.test.ts');
  });

  test('without details has no detail fields, and is an error of the local side', () => {
    const error = new FourDError('ERR_INVALID_URL', 'invalid URL');
    expect(Object.keys(error).toSorted()).toEqual(['code', 'componentSignature', 'errCode', 'name', 'side']);
    expect(error).toMatchObject({ componentSignature: 'host', side: 'local' });
    expect('cause' in error).toBe(false);
  });

  test('has a stack trace for mistakes of the caller, and none for errors of the peer', () => {
    const { stackTraceLimit } = Error;
    expect(new FourDError('ERR_INVALID_URL', 'invalid URL').stack).toContain('errors.test.ts');
    expect(new FourDError('ERR_CONNECTION_LOST', 'lost', { side: 'remote' }).stack).toBe('FourDError: lost');
    expect(Error.stackTraceLimit).toBe(stackTraceLimit);
  });

  test('keeps all details that were passed', () => {
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

  test('keeps any cause but undefined', () => {
    expect(new FourDError('ERR_CALLBACK_FAILED', '', { cause: null }).cause).toBeNull();
    expect(Object.hasOwn(new FourDError('ERR_CALLBACK_FAILED', '', { cause: undefined }), 'cause')).toBe(false);
  });

  test('has the number of user code as errCode, and not as close code', () => {
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
  test('an Error becomes the cause, and its message part of the text', () => {
    const thrown = new TypeError('x is undefined');
    const error = callbackFailed('onMessage', thrown);
    expect(error).toMatchObject({
      code: 'ERR_CALLBACK_FAILED',
      errCode: 1011,
      message: 'onMessage failed: x is undefined',
    });
    expect(error.cause).toBe(thrown);
  });

  test('a FourDError becomes the cause too, and the close code stays 1011', () => {
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
    ['an error whose message is not a string', Object.assign(new Error('x'), { message: 7 }), '7'],
    ['an error without a message', new TypeError(), 'TypeError'],
  ])('%s gets a text', (_, thrown, text) => {
    expect(callbackFailed('onOpen', thrown).message).toBe(`onOpen failed: ${text}`);
  });
});

describe('hostile values', () => {
  test('textOfThrown() returns a text for each', () => {
    for (const { make } of hostileValues) expect(textOfThrown(make())).toEqual(expect.any(String));
  });

  test('itemOfThrown() returns an item for each, with -1 unless it is an error of the library', () => {
    const codes = new Map(hostileValues.map(({ name, make }) => [name, itemOfThrown(make()).errCode]));
    const own = Array.from(codes).filter(([, errCode]) => errCode !== -1);
    expect(own.map(([name]) => name)).toEqual([
      'a FourDError',
      'a frozen FourDError',
      'a FourDError whose message throws',
      'a FourDError whose code throws',
      'a FourDError whose item throws',
      'a FourDError whose endCause throws',
      'a FourDError whose phase throws',
      'a FourDError of a class that overrides item',
    ]);
    expect(new Set(own.map(([, errCode]) => errCode))).toEqual(new Set([-20_006]));
  });

  test('itemOfThrown() returns -1 when user code has taken the errCode away', () => {
    const error = Object.defineProperty(new FourDError('ERR_INVALID_URL', 'mine'), 'errCode', { value: 'none' });
    expect(itemOfThrown(error)).toEqual({ errCode: -1, message: 'mine', componentSignature: 'host' });
  });

  test('isFourDError() knows the errors of the library, and runs no code of a value', () => {
    expect(isFourDError(new FourDError('ERR_INVALID_URL', ''))).toBe(true);
    expect(isFourDError(new (class extends FourDError {})('ERR_INVALID_URL', ''))).toBe(true);
    const others = [undefined, null, 5, new Error('x'), Object.create(FourDError.prototype), throwingProxy()];
    for (const value of others) expect(isFourDError(value)).toBe(false);
  });

  test('withEnding() leaves an error as it is that cannot be changed or read', () => {
    const frozen = Object.freeze(new FourDError('ERR_INVALID_URL', 'mine'));
    expect(withEnding(frozen, 'preparing', 'invalid')).toBe(frozen);
    const hostile = withThrowingGetter(new FourDError('ERR_INVALID_URL', 'mine'), 'phase');
    expect(withEnding(hostile, 'preparing', 'invalid')).toBe(hostile);
  });

  test('codeFailed() has the errCode of an error of the library, and -1 for any other value', () => {
    const own = new FourDError('ERR_INVALID_URL', 'mine', { componentSignature: 'HTCL' });
    expect(codeFailed('it', own)).toMatchObject({
      code: 'ERR_THROWN',
      item: { errCode: -20_006, message: 'it failed: mine', componentSignature: 'HTCL' },
      cause: own,
    });
    expect(codeFailed('it', 'text').item).toEqual({
      errCode: -1,
      message: 'it failed: text',
      componentSignature: 'host',
    });
  });

  test('an error of the peer can be made in a program that has frozen Error', () => {
    const descriptor = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')!;
    Object.defineProperty(Error, 'stackTraceLimit', { value: 10, writable: false });
    const error = new FourDError('ERR_CONNECTION_LOST', 'lost', { side: 'remote' });
    Object.defineProperty(Error, 'stackTraceLimit', descriptor);
    expect(error.message).toBe('lost');
  });
});
