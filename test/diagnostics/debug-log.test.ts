import { expect, test } from 'vitest';
import { describe } from '../../src/diagnostics/debug-log.ts';
import { toPublicOrigin, toPublicPath, toPublicUrl } from '../../src/diagnostics/public-url.ts';

test('a text of a peer cannot look like another fact, or begin another line', () => {
  const message = {
    type: 'refused',
    requestPath: '/a b=c\n4D-WEBSOCKET 1: x\u2028\u001b[31m',
    status: 403,
    origin: undefined,
  };
  expect(describe('server', message)).toBe(
    String.raw`server refused requestPath="/a b=c\n4D-WEBSOCKET 1: x\u2028\u001b[31m" status=403`,
  );
});

test.each([
  ['wss://user:pw@host:81/a/b?token=1#x', 'wss://host:81/a/b'],
  ['ws+unix:/tmp/socket:/path?token=1', 'ws+unix:///tmp/socket:/path'],
  ['not a URL with a token', ''],
  [undefined, ''],
])('%s is shown as %j', (url, shown) => expect(toPublicUrl(url)).toBe(shown));

test.each([
  ['/a?token=1', '/a'],
  ['/a#b?c', '/a'],
  ['http://user:pw@host/a?token=1', '/a'],
  ['*', ''],
])('the target %s is shown as %j', (target, shown) => expect(toPublicPath(target)).toBe(shown));

test.each([
  ['https://user:pw@host:81', 'https://host:81'],
  ['null', undefined],
  ['chrome-extension://abc', 'chrome-extension://abc'],
])('the origin %s is shown as %j', (origin, shown) => expect(toPublicOrigin(origin)).toBe(shown));
