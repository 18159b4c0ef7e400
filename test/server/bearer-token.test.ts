import { describe, expect, test } from 'vitest';
import { bearerToken, secretsEqual } from '../../src/index.ts';

function tokenOf(headers: Readonly<Record<string, string | readonly string[]>>): string | undefined {
  return bearerToken({ url: '/', query: {}, params: {}, headers, remoteAddress: '' });
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

  test.each([
    ['Basic abc', 'bearer.x', 'x'],
    ['', 'bearer.x', 'x'],
    ['Bearer abc', 'chat', 'abc'],
    ['Bearer abc', 'bearer.other', undefined],
    ['Bearer abc', 'bearer.abc', undefined],
    ['Bearer abc', 'bearer.', undefined],
    ['Bearer', 'bearer.x', undefined],
    ['Bearer a b', 'bearer.x', undefined],
    ['Bearer abc', ['chat', 'bearer.other'], undefined],
    [['Bearer a', 'Bearer b'], 'chat', undefined],
    [['Bearer a', 'Basic b'], 'chat', undefined],
    [['Basic a', 'Basic b'], 'bearer.x', undefined],
  ])('Authorization %j and subprotocols %j: %s', (authorization, protocols, token) => {
    expect(tokenOf({ authorization, 'sec-websocket-protocol': protocols })).toBe(token);
  });

  test('finds no token without headers', () => {
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
    ['\ud800', '\ud801', false],
    ['\ud800', '\ufffd', false],
    ['\ud800', '\ud800', true],
    ['\ud83d\ude00', Buffer.from('\ud83d\ude00'), true],
    ['\ud83d\ude00', '\ude00\ud83d', false],
    ['\udc00', Buffer.from('\udc00'), false],
    ['\ufffd', Buffer.from('\ufffd'), true],
    ['\ufeffa', 'a', false],
    // The UTF-16 of the one text is the UTF-8 of the other.
    ['\uc200\udc80\u0080', '\0\u0080\u0700\0', false],
    ['e\u0301', '\u00e9', false],
  ])('%j and %j: %s', (a, b, areEqual) => {
    expect(secretsEqual(a, b)).toBe(areEqual);
    expect(secretsEqual(b, a)).toBe(areEqual);
  });

  test('is false for values that are no secrets', () => {
    for (const value of [5, true, {}, ['abc']]) expect(secretsEqual(value as never, value as never)).toBe(false);
  });
});
