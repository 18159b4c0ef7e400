import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { StoredRequest, type RequestInfo, toRequestInfo } from '../../src/server/request-info.ts';

/** Reads a request as the event shows it, and checks that the connection keeps the same. */
function infoOf({ url, rawHeaders = [] }: { url?: string; rawHeaders?: readonly string[] }): RequestInfo {
  const request = { url, rawHeaders } as unknown as IncomingMessage;
  const info = toRequestInfo(request, '192.0.2.1');
  expect(new StoredRequest(request, '192.0.2.1').read()).toEqual(info);
  return info;
}

function queryOf(url: string): Record<string, unknown> {
  return { ...infoOf({ url }).query };
}

describe('query', () => {
  test.each([
    ['/', {}],
    ['/?', {}],
    ['/?&&', {}],
    ['/?a', { a: '' }],
    ['/?a=', { a: '' }],
    ['/?=b', { '': 'b' }],
    ['/?a=b=c', { a: 'b=c' }],
    ['/?a=1&a=2&a=3&b=4', { a: ['1', '2', '3'], b: '4' }],
    ['/?a=1&b=2&a=1', { a: ['1', '1'], b: '2' }],
    ['/?a=x?y', { a: 'x?y' }],
    ['/?a=1#b=2', { a: '1' }],
    ['/?a+b=c+d', { 'a b': 'c d' }],
    ['/?%C3%A4=%F0%9F%98%80', { ä: '😀' }],
    ['/?A=1&a=2', { A: '1', a: '2' }],
    ['/a;b?c;d=e', { 'c;d': 'e' }],
  ])('%s', (url, query) => {
    expect(queryOf(url)).toEqual(query);
  });

  test.each([
    ['/?a=%', { a: '%' }],
    ['/?a=%zz&b=%4', { a: '%zz', b: '%4' }],
    ['/?a=%E4', { a: '�' }],
    ['/?%=1', { '%': '1' }],
    ['/?a=%00', { a: '\0' }],
  ])('percent signs that cannot be decoded are kept: %s', (url, query) => {
    expect(queryOf(url)).toEqual(query);
  });

  test('keys with the names of object members are read like others', () => {
    const { query } = infoOf({ url: '/?__proto__=1&constructor=2&toString=3&hasOwnProperty=4&__proto__=5' });
    expect(Object.getPrototypeOf(query)).toBeNull();
    expect(Object.keys(query)).toEqual(['__proto__', 'constructor', 'toString', 'hasOwnProperty']);
    expect(query['__proto__']).toEqual(['1', '5']);
    expect(query['toString']).toBe('3');
    expect(({} as Record<string, unknown>)['1']).toBeUndefined();
    expect(infoOf({ url: '/' }).query['constructor']).toBeUndefined();
  });

  test('the longest query that Node allows is read', () => {
    const url = `/?${Array.from({ length: 4000 }, () => 'a=1').join('&')}`;
    expect(infoOf({ url }).query['a']).toHaveLength(4000);
  });
});

describe('headers', () => {
  test('names are in lower case, repeated ones arrays in order, values as they came', () => {
    const { headers } = infoOf({
      rawHeaders: ['Host', 'a', 'COOKIE', 'a=1', 'cookie', 'b=2', 'X-Empty', '', 'Set-Cookie', 'x', 'Cookie', 'c=3'],
    });
    expect({ ...headers }).toEqual({
      host: 'a',
      cookie: ['a=1', 'b=2', 'c=3'],
      'x-empty': '',
      'set-cookie': 'x',
    });
  });

  test('names of object members are read like others', () => {
    const { headers } = infoOf({ rawHeaders: ['__proto__', '1', 'Constructor', '2', '__PROTO__', '3'] });
    expect(Object.getPrototypeOf(headers)).toBeNull();
    expect(Object.keys(headers)).toEqual(['__proto__', 'constructor']);
    expect(headers['__proto__']).toEqual(['1', '3']);
    expect(headers['constructor']).toBe('2');
  });
});

test('url is the request target, "/" when there is none', () => {
  expect(infoOf({ url: '/%7Ea/../b?c#d' }).url).toBe('/%7Ea/../b?c#d');
  expect(infoOf({ url: 'http://example.com/a' }).url).toBe('http://example.com/a');
  expect(infoOf({}).url).toBe('/');
});

test('the stored request is parsed once, when it is first read', () => {
  const kept = new StoredRequest(
    { url: '/?a=1', rawHeaders: ['A', '', 'B', 'b'] } as unknown as IncomingMessage,
    '::1',
  );
  const info = kept.read();
  expect(info).toEqual({
    url: '/?a=1',
    query: { a: '1' },
    params: {},
    headers: { a: '', b: 'b' },
    remoteAddress: '::1',
  });
  expect(kept.read()).toBe(info);
});
