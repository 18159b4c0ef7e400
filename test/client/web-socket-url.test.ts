import { describe, expect, test } from 'vitest';
import { parseWebSocketUrl } from '../../src/client/web-socket-url.ts';

describe('a ws: or wss: URL', () => {
  test.each([
    ['ws://example.com', { isSecure: false, host: 'example.com', port: 80, hostHeader: 'example.com' }],
    ['wss://example.com', { isSecure: true, host: 'example.com', port: 443, hostHeader: 'example.com' }],
    ['ws://example.com:80', { isSecure: false, host: 'example.com', port: 80, hostHeader: 'example.com' }],
    ['wss://example.com:80', { isSecure: true, host: 'example.com', port: 80, hostHeader: 'example.com:80' }],
    ['ws://example.com:443', { isSecure: false, host: 'example.com', port: 443, hostHeader: 'example.com:443' }],
    ['ws://127.0.0.1:8080', { isSecure: false, host: '127.0.0.1', port: 8080, hostHeader: '127.0.0.1:8080' }],
    ['WS://EXAMPLE.com', { isSecure: false, host: 'example.com', port: 80, hostHeader: 'example.com' }],
    ['ws://[::1]:8080', { isSecure: false, host: '::1', port: 8080, hostHeader: '[::1]:8080' }],
    ['wss://[2001:db8::1]', { isSecure: true, host: '2001:db8::1', port: 443, hostHeader: '[2001:db8::1]' }],
    ['ws://bücher.example', { host: 'xn--bcher-kva.example', hostHeader: 'xn--bcher-kva.example' }],
  ])('%s is parsed to host and port', (url, expected) => {
    expect(parseWebSocketUrl(url)).toMatchObject({ ...expected, socketPath: undefined, path: '/' });
  });

  test.each([
    ['', '/'],
    ['/', '/'],
    ['/a/b//c/', '/a/b//c/'],
    ['?x=1', '/?x=1'],
    ['/a?x=1&y=%20+&z', '/a?x=1&y=%20+&z'],
    ['/a b/é', '/a%20b/%C3%A9'],
    ['/a/../b/./c', '/b/c'],
  ])('the part "%s" behind the host requests %s', (end, path) => {
    expect(parseWebSocketUrl(`ws://example.com${end}`).path).toBe(path);
  });

  test.each([
    ['user:password', 'user:password'],
    ['user', 'user:'],
    [':password', ':password'],
    ['us%40er:p%3Aw%25', 'us@er:p:w%'],
    ['%C3%A9:%E2%82%AC', 'é:€'],
  ])('%s@ in front of the host becomes an Authorization header', (userInfo, credentials) => {
    const { authorization, hostHeader, path } = parseWebSocketUrl(`ws://${userInfo}@example.com/chat`);
    expect(authorization).toMatch(/^Basic /);
    expect(Buffer.from(authorization!.slice('Basic '.length), 'base64').toString('utf8')).toBe(credentials);
    expect(hostHeader + path).toBe('example.com/chat');
  });

  test('without user and password there is no Authorization header', () => {
    expect(parseWebSocketUrl('ws://example.com').authorization).toBeUndefined();
    expect(parseWebSocketUrl('ws://@example.com').authorization).toBeUndefined();
  });
});

describe('a ws+unix: URL', () => {
  test.each([
    ['ws+unix:/run/app.sock', '/run/app.sock', '/'],
    ['ws+unix:///run/app.sock', '/run/app.sock', '/'],
    ['ws+unix:/run/app.sock:/chat', '/run/app.sock', '/chat'],
    ['ws+unix:/run/app.sock:/chat?room=a:b', '/run/app.sock', '/chat?room=a:b'],
    ['ws+unix:/run/app.sock:chat', '/run/app.sock', '/chat'],
    ['ws+unix:/run/app.sock?room=1', '/run/app.sock', '/?room=1'],
    ['ws+unix:/run/my%20app%3A1.sock:/', '/run/my app:1.sock', '/'],
  ])('%s is parsed to socket and path', (url, socketPath, path) => {
    expect(parseWebSocketUrl(url)).toMatchObject({ isSecure: false, socketPath, path, hostHeader: 'localhost' });
  });

  test('wss+unix: uses TLS', () => {
    expect(parseWebSocketUrl('wss+unix:/run/app.sock:/').isSecure).toBe(true);
  });
});

test.each([
  '',
  ' ',
  'hello',
  '/chat',
  '//example.com',
  'http://example.com',
  'https://example.com',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'ws://',
  'ws:///',
  'ws://:80',
  'ws://example.com:65536',
  'ws://example.com:abc',
  'ws://exa mple.com',
  'ws://[::1',
  'ws://example.com/#top',
  'ws://example.com/#',
  'ws://%@example.com',
  'ws+unix:',
  'ws+unix:run/app.sock',
  'ws+unix://run/app.sock',
  'ws+unix:/run/%zz',
  'ws+unix:/run/app.sock#top',
])('"%s" is refused', (url) => {
  expect(() => parseWebSocketUrl(url)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_URL', componentSignature: 'HTCL', side: 'local' }),
  );
});

test.each([undefined, null, 5, {}])('%s is refused: not a string', (url) => {
  expect(() => parseWebSocketUrl(url as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_URL' }));
});
