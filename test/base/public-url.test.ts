import { expect, test } from 'vitest';
import { toPublicOrigin, toPublicPath, toPublicUrl } from '../../src/base/public-url.ts';

test.each([
  ['wss://user:pw@host:81/a/b?token=1#x', 'wss://host:81/a/b'],
  ['ws+unix:/tmp/socket:/path?token=1', 'ws+unix:/tmp/socket:/path'],
  ['user:pw@host', 'host'],
  ['ws://user:p/w@host', 'ws://host'],
  ['wss//user:pw@host?token=1', 'host'],
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
