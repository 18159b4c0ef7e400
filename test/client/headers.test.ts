import { expect, test } from 'vitest';
import { checkHeaders } from '../../src/client/headers.ts';

test('missing headers are an empty object', () => {
  expect(checkHeaders(undefined)).toEqual({});
  expect(checkHeaders(null)).toEqual({});
  expect(checkHeaders({})).toEqual({});
});

test('names keep their spelling, numbers and booleans become text', () => {
  expect(checkHeaders({ 'X-One': 'a', 'x-two': 2, 'x-three': true, 'x-empty': '' })).toEqual({
    'X-One': 'a',
    'x-two': '2',
    'x-three': 'true',
    'x-empty': '',
  });
});

test('undefined and null are left out, also within an array', () => {
  const headers = { 'x-a': undefined, 'x-b': null, 'x-c': ['1', undefined, null, '2'] };
  expect(checkHeaders(headers)).toEqual({ 'x-c': ['1', '2'] });
});

test('an array sends the header once per element, an empty array not at all', () => {
  expect(checkHeaders({ 'x-a': ['1', '2'], 'x-b': ['3'], 'x-c': [] })).toEqual({ 'x-a': ['1', '2'], 'x-b': '3' });
});

test('several cookies become one header', () => {
  expect(checkHeaders({ cookie: ['a=1', 'b=2; c=3'] })).toEqual({ cookie: 'a=1; b=2; c=3' });
  expect(checkHeaders({ COOKIE: 'a=1' })).toEqual({ COOKIE: 'a=1' });
  expect(checkHeaders({ Cookie: [] })).toEqual({});
});

test.each([
  'host',
  'upgrade',
  'connection',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-extensions',
  'sec-websocket-protocol',
  'content-length',
  'transfer-encoding',
])('%s is left out in any spelling, whatever its value', (name) => {
  expect(checkHeaders({ [name]: 'x', [name.toUpperCase()]: ['\r\n'] })).toEqual({});
});

test('values with tabs and Latin-1 are accepted', () => {
  expect(checkHeaders({ 'x-a': 'a\tb', 'x-b': 'é\u00FF', 'x-c': '!"#$%&()*,/:;<=>?@[\\]{}' })).toEqual({
    'x-a': 'a\tb',
    'x-b': 'é\u00FF',
    'x-c': '!"#$%&()*,/:;<=>?@[\\]{}',
  });
});

test.each(['a\r\nx-evil: 1', 'a\nb', 'a\rb', 'a\0b', '\u007F', '€', '😀'])(
  'the value %j is refused, and not in the message',
  (value) => {
    for (const headers of [{ 'x-a': value }, { 'x-a': ['fine', value] }, { cookie: value }]) {
      expect(() => checkHeaders(headers)).toThrow(
        expect.objectContaining({
          code: 'ERR_INVALID_HEADER',
          componentSignature: 'HTCL',
          message: expect.not.stringContaining(value) as string,
        }),
      );
    }
  },
);

test.each(['', ' ', 'x a', 'x:', 'x\r\ny', 'é', 'x(1)'])('the name %j is refused', (name) => {
  expect(() => checkHeaders({ [name]: 'a' })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_HEADER' }));
});

test.each(['x-a: 1', 5, true])('%j instead of an object is refused', (headers) => {
  expect(() => checkHeaders(headers)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_HEADER' }));
});

test('Headers and Map are refused: their entries would silently be left out', () => {
  for (const headers of [new Headers({ 'x-a': '1' }), new Map([['x-a', '1']]), ['x-a', '1']]) {
    expect(() => checkHeaders(headers)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_HEADER' }));
  }
});

test.each([
  ['an object', {}],
  ['an object without prototype', Object.create(null)],
  ['a symbol', Symbol('x')],
  ['a function', () => 'x'],
  ['an array in an array', [['x']]],
])('the value %s is refused: not a text', (_what, value) => {
  expect(() => checkHeaders({ 'x-a': value })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_HEADER' }));
});

test('a header named __proto__ is sent like any other', () => {
  const checked = checkHeaders(JSON.parse('{"__proto__":"a"}'));
  expect(Object.entries(checked)).toEqual([['__proto__', 'a']]);
});

test('later changes of the handler do not change the result', () => {
  const headers = { 'x-a': ['1', '2'] };
  const checked = checkHeaders(headers);
  headers['x-a'].push('3');
  expect(checked['x-a']).toEqual(['1', '2']);
});
