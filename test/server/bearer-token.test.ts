import { describe, expect, test } from 'vitest';
import { bearerToken, secretsEqual } from '../../src/index.ts';

function tokenOf(headers: Readonly<Record<string, string | readonly string[]>>): string | undefined {
  return bearerToken({ url: '/', query: {}, headers, remoteAddress: '' });
}

describe('bearerToken', () => {
  test.each([
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER   a.b-c_d~e+f/g==', 'a.b-c_d~e+f/g=='],
    ['Bearer', undefined],
    ['Bearer ', undefined],
    ['Bearer a b', undefined],
    ['Bearerabc', undefined],
    ['Basic abc', undefined],
    ['', undefined],
  ])('Authorization: %s', (authorization, token) => {
    expect(tokenOf({ authorization })).toBe(token);
  });

  test.each([
    ['chat, bearer.abc', 'abc'],
    ['bearer.abc,chat', 'abc'],
    ['bearer.a.b.c', 'a.b.c'],
    [['chat', 'bearer.abc'], 'abc'],
    ['chat', undefined],
    ['bearer.', undefined],
    ['Bearer.abc', undefined],
    ['xbearer.abc', undefined],
    ['bearer.a, bearer.b', undefined],
    ['bearer., bearer.b', undefined],
  ])('Sec-WebSocket-Protocol: %s', (protocols, token) => {
    expect(tokenOf({ 'sec-websocket-protocol': protocols })).toBe(token);
  });

  test('prefers the header, and finds no token among several or without any', () => {
    const protocols = { 'sec-websocket-protocol': 'bearer.other' };
    expect(tokenOf({ authorization: 'Bearer abc', ...protocols })).toBe('abc');
    expect(tokenOf({ authorization: ['Bearer a', 'Bearer b'], ...protocols })).toBeUndefined();
    expect(tokenOf({})).toBeUndefined();
  });
});

describe('secretsEqual', () => {
  test.each([
    ['abc', 'abc', true],
    ['abc', 'abd', false],
    ['abc', 'abcd', false],
    ['é', 'é', true],
    [Buffer.from('abc'), 'abc', true],
    [new Uint8Array([1, 2]), new Uint8Array([1, 2]), true],
    [new Uint8Array([1, 2]), new Uint8Array([1, 3]), false],
    ['', '', false],
    [undefined, undefined, false],
    [null, null, false],
    ['abc', undefined, false],
    [undefined, 'abc', false],
    ['undefined', undefined, false],
    [new Uint8Array(), '', false],
  ])('%j and %j: %s', (a, b, areEqual) => {
    expect(secretsEqual(a, b)).toBe(areEqual);
    expect(secretsEqual(b, a)).toBe(areEqual);
  });

  test('is false for values that are no secrets', () => {
    for (const value of [5, true, {}, ['abc']]) expect(secretsEqual(value as never, value as never)).toBe(false);
  });
});
