import { describe, expect, test } from 'vitest';
import { checkProxy } from '../../src/client/proxy-option.ts';
import { parseWebSocketUrl } from '../../src/client/web-socket-url.ts';

const target = parseWebSocketUrl('ws://a.example.com:8080/');

test.each<[url: string, expected: object]>([
  ['http://p', { kind: 'http', host: 'p', port: 80 }],
  ['https://p/', { kind: 'https', host: 'p', port: 443 }],
  ['socks5://p', { kind: 'socks5', host: 'p', port: 1080 }],
  ['socks5h://[::1]:9', { kind: 'socks5h', host: '::1', port: 9 }],
  ['http://u%40:p%3A@p', { kind: 'http', credentials: { username: 'u@', password: 'p:' } }],
])('%s is parsed', (url, expected) => {
  expect(checkProxy(url)(target)).toMatchObject(expected);
});

test('no proxy is used by default, whatever the environment says, nor for a Unix socket', () => {
  expect(checkProxy(undefined, { all_proxy: 'http://p' })(target)).toBeUndefined();
  expect(checkProxy('http://p')(parseWebSocketUrl('ws+unix:/s'))).toBeUndefined();
  expect(checkProxy('environment', { all_proxy: 'http://p' })(parseWebSocketUrl('ws+unix:/s'))).toBeUndefined();
});

test.each<unknown>([
  5,
  null,
  '',
  'p:80',
  'ftp://secret@p',
  'socks4://secret@p',
  'http://secret@p/path',
  'http://secret@p?a',
  'http://secret%zz@p',
  `http://${'secret'.repeat(50)}@p`,
])('%j is refused, and not in the message', (value) => {
  expect(() => checkProxy(value)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  expect(() => checkProxy(value)).not.toThrow('secret');
});

describe('the environment', () => {
  test.each<[what: string, url: string, environment: Record<string, string>, host: string | undefined]>([
    ['nothing', 'ws://a', {}, undefined],
    ['ws', 'ws://a', { http_proxy: 'http://h', https_proxy: 'http://s' }, 'h'],
    ['wss', 'wss://a', { HTTP_PROXY: 'http://h', HTTPS_PROXY: 'http://s' }, 's'],
    ['lower case first', 'wss://a', { https_proxy: 'http://low', HTTPS_PROXY: 'http://up' }, 'low'],
    ['all_proxy for any scheme', 'wss://a', { ALL_PROXY: 'socks5://all', http_proxy: 'http://h' }, 'all'],
    ['empty', 'ws://a', { http_proxy: '', ALL_PROXY: '' }, undefined],
    ['without a scheme', 'ws://a', { http_proxy: 'h:3128' }, 'h'],
    ['a CGI program', 'ws://a', { HTTP_PROXY: 'http://evil', REQUEST_METHOD: 'GET' }, undefined],
  ])('chooses the proxy: %s', (_what, url, environment, host) => {
    expect(checkProxy('environment', environment)(parseWebSocketUrl(url))?.host).toBe(host);
  });

  test('with an invalid proxy is refused without its password in the message', () => {
    const choose = checkProxy('environment', { http_proxy: 'ftp://me:secret@p' });
    expect(() => choose(target)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    expect(() => choose(target)).not.toThrow('secret');
  });
});
