import { describe, expect, test } from 'vitest';
import { writePlainRequest } from '../../src/handshake/plain-request.ts';

const END = { Host: 'a', Connection: 'Upgrade' };

function headersOf(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`X-${i}`, 'x']));
}

describe('RFC 9112 3: a plain request', () => {
  test('is written with its headers in order, an array as several lines', () => {
    expect(writePlainRequest('/a?b=%20', [{}, { 'X-One': '1', 'x-two': ['a', '', 'b'], 'X-None': [] }, END])).toBe(
      'GET /a?b=%20 HTTP/1.1\r\nX-One: 1\r\nx-two: a\r\nx-two: \r\nx-two: b\r\nHost: a\r\nConnection: Upgrade\r\n\r\n',
    );
  });

  test.each([' a ', '', '~!"(),/:;<=>?@[\\]{}'])('may have the value %j', (value) => {
    expect(writePlainRequest('/', [{ 'X-A': value }])).toBe(`GET / HTTP/1.1\r\nX-A: ${value}\r\n\r\n`);
  });
});

describe('is left to Node', () => {
  test.each(['', 'a', '*', '/a b', '/\t', '/\r\n', '/\0', '/\u007f', '/\u00e9', '/\u20ac'])('the path %j', (path) => {
    expect(writePlainRequest(path, [END])).toBeUndefined();
  });

  test.each(['', 'A B', 'A:', 'A_B', 'A\r\nB', '\u00c4', '__proto__', 'Content-Length', 'TRAILER', 'expect', 'TE'])(
    'the name %j',
    (name) => {
      const part = Object.fromEntries([[name, 'x']]);
      expect(writePlainRequest('/', [part, END])).toBeUndefined();
    },
  );

  test.each(['a\tb', 'a\r\nB: c', '\0', '\u007f', '\u00e9', '\u20ac'])('the value %j', (value) => {
    expect(writePlainRequest('/', [{ A: value }, END])).toBeUndefined();
    expect(writePlainRequest('/', [{ A: ['a', value] }, END])).toBeUndefined();
  });

  test('a name that comes twice, in any case', () => {
    expect(writePlainRequest('/', [{ A: '1', a: '2' }])).toBeUndefined();
    expect(writePlainRequest('/', [{ host: 'b' }, END])).toBeUndefined();
  });

  test('several cookies', () => {
    expect(writePlainRequest('/', [{ Cookie: 'a=1; b=2' }, END])).toContain('Cookie: a=1; b=2\r\n');
    expect(writePlainRequest('/', [{ Cookie: ['a=1', 'b=2'] }, END])).toBeUndefined();
  });

  test('more than 64 names', () => {
    expect(writePlainRequest('/', [headersOf(62), END])).toBeDefined();
    expect(writePlainRequest('/', [headersOf(63), END])).toBeUndefined();
  });
});
