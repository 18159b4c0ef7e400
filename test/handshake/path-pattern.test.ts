import { describe, expect, test } from 'vitest';
import {
  findPatternProblem,
  keyOfRequestPath,
  PathPattern,
  readRequestPath,
} from '../../src/handshake/path-pattern.ts';

/** The parameters that a request of this path has, undefined when the pattern does not match. */
function match(pattern: string, path: string): object | undefined {
  const params = new PathPattern(pattern).match(readRequestPath(path));
  return params && { ...params };
}

describe('a path', () => {
  test.each([
    ['/café', '/caf%C3%A9'],
    ['/café', '/caf%c3%a9'],
    ['/caf%C3%A9', '/caf%C3%A9'],
    ['/café', Buffer.from('/café', 'utf8').toString('latin1')],
    ['/my chat', '/my%20chat'],
    ['/my%20chat', '/my%20chat'],
    ['chat', '/chat'],
    ['/chat/', '/chat'],
    ['/chat', '/chat/'],
    ['/', '/'],
    ['/a%2Fb', '/a%2fb'],
    ['/%zz', '/%zz'],
    ['/%ff', '/%ff'],
    ['/100%', '/100%'],
    ['/{room}'.replace('{', '%7B').replace('}', '%7D'), '/%7broom%7d'],
    ['/%3Aroom', '/:room'],
    ['/a//b', '/a//b'],
    ['/..', '/..'],
  ])('%s is that of a request for %s', (pattern, path) => {
    expect(match(pattern, path)).toEqual({});
    expect(new PathPattern(pattern).key).toBe(keyOfRequestPath(readRequestPath(path)));
  });

  test.each([
    ['/café', '/cafe'],
    ['/caf\u00e9', '/cafe%CC%81'],
    ['/Chat', '/chat'],
    ['/a/b', '/a%2Fb'],
    ['/a%2Fb', '/a/b'],
    ['/a~1b', '/a%2Fb'],
    ['/a/b', '/a/./b'],
    ['/b', '/a/../b'],
    ['/chat', '/chat//'],
    ['/chat', '/chat/a'],
    ['/', '/a'],
    ['/%FF', '/%ff'],
  ])('%s is not that of a request for %s', (pattern, path) => {
    expect(match(pattern, path)).toBeUndefined();
    expect(new PathPattern(pattern).key).not.toBe(keyOfRequestPath(readRequestPath(path)));
  });
});

describe('a pattern', () => {
  test.each([
    ['/rooms/:room', '/rooms/42', { room: '42' }],
    ['/rooms/:room', '/rooms/caf%C3%A9', { room: 'café' }],
    ['/rooms/:room', '/rooms/a%2Fb', { room: 'a/b' }],
    ['/:a/:b', '/x/y', { a: 'x', b: 'y' }],
    ['/:_a1', '/x', { _a1: 'x' }],
    ['/files/*', '/files/a', { '*': 'a' }],
    ['/files/*', '/files/a/b', { '*': 'a/b' }],
    ['/*', '/a', { '*': 'a' }],
    ['/:user/*', '/ann/a/b', { user: 'ann', '*': 'a/b' }],
  ])('%s matches %s', (pattern, path, params) => {
    expect(match(pattern, path)).toEqual(params);
  });

  test.each([
    ['/rooms/:room', '/rooms'],
    ['/rooms/:room', '/rooms/'],
    ['/rooms/:room', '/rooms//'],
    ['/rooms/:room', '/rooms/a/b'],
    ['/files/*', '/files'],
    ['/files/*', '/files/'],
    ['/files/*', '/files//'],
    ['/*', '/'],
  ])('%s does not match %s', (pattern, path) => {
    expect(match(pattern, path)).toBeUndefined();
  });

  test.each(['/a:b', '/:8080', '/:', '/:a-b', '/a*', '/*/b', '/*b'])('%s is literal', (pattern) => {
    expect(new PathPattern(pattern).isLiteral).toBe(true);
    expect(match(pattern, pattern)).toEqual({});
  });

  test('parameters have no prototype', () => {
    const params = new PathPattern('/:constructor').match(['a'])!;
    expect(Object.getPrototypeOf(params)).toBeNull();
    expect(params['constructor']).toBe('a');
  });

  test.each([
    ['/a/:x', '/a/:y', true],
    ['/a/*', '/a/*', true],
    ['/a/:x', '/a/*', false],
    ['/a/:x', '/a/x', false],
    ['/~p', '/:x', false],
    ['/a/:x', '/b/:x', false],
  ])('%s and %s are duplicates: %s', (one, other, areDuplicates) => {
    expect(new PathPattern(one).key === new PathPattern(other).key).toBe(areDuplicates);
  });

  test.each([
    ['/a/:x', '/:y/b'],
    ['/a/:x', '/a/*'],
    ['/a/b', '/a/:x'],
    ['/a/:x/c', '/a/*'],
    ['/a/b/*', '/a/:x/c'],
    ['/:x/b', '/:x/:y'],
  ])('%s decides before %s: the first segment that differs, literal before name before rest', (first, second) => {
    expect(new PathPattern(first).compare(new PathPattern(second))).toBeLessThan(0);
    expect(new PathPattern(second).compare(new PathPattern(first))).toBeGreaterThan(0);
    expect(new PathPattern(first).compare(new PathPattern(first))).toBe(0);
  });
});

test.each([
  ['/a?b', 'path must not contain "?": write %3F for the character itself'],
  ['/a#b', 'path must not contain "#": write %23 for the character itself'],
  ['/{room}', 'path must not contain "{": write %7B for the character itself'],
  ['/a}', 'path must not contain "}": write %7D for the character itself'],
  ['/(a)', 'path must not contain "(": write %28 for the character itself'],
  ['/a)', 'path must not contain ")": write %29 for the character itself'],
  ['/:a+', 'path must not contain "+": write %2B for the character itself'],
  ['/:a/:a', 'path uses the parameter :a twice'],
  ['/:a/:b/*', undefined],
  ['/café/my chat', undefined],
])('the problem of %s is: %s', (path, problem) => {
  expect(findPatternProblem(path)).toBe(problem);
});

test('a segment whose bytes are no UTF-8 is read as ISO-8859-1', () => {
  expect(match('/:name', '/caf\u00e9')).toEqual({ name: 'caf\u00e9' });
});
