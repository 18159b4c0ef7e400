import { describe, expect, test } from 'vitest';
import { readFastUpgradeRequest } from '../../src/handshake/fast-upgrade-request.ts';
import { MAX_PLAIN_HEAD_BYTES } from '../../src/handshake/plain-headers.ts';

const START = 'GET /chat?a=1 HTTP/1.1';
const LINES = [
  'Host: localhost:8080',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
];

function requestOf(lines: readonly string[], start = START): string {
  return `${[start, ...lines].join('\r\n')}\r\n\r\n`;
}

/** Builds the usual request with one header replaced, or added at the end. */
function withHeader(line: string): string {
  const name = line.split(':', 1)[0]!.toLowerCase();
  return requestOf([...LINES.filter((usual) => !usual.toLowerCase().startsWith(`${name}:`)), line]);
}

describe('RFC 6455 4.1: a plain upgrade request', () => {
  test('is read with its target, headers and text', () => {
    const text = requestOf(LINES);
    expect(readFastUpgradeRequest(text)).toEqual({
      method: 'GET',
      httpVersion: '1.1',
      url: '/chat?a=1',
      headers: {
        host: 'localhost:8080',
        upgrade: 'websocket',
        connection: 'Upgrade',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-version': '13',
      },
      text,
    });
  });

  test.each([
    ['Firefox', ['Connection: keep-alive, Upgrade', 'Accept: */*', 'Sec-Fetch-Mode: websocket']],
    ['Chromium', ['Connection: Upgrade', 'Pragma: no-cache', 'User-Agent: Mozilla/5.0 (X11; Linux x86_64) "x" {y}']],
    ['ws and undici', ['connection: Upgrade', 'SEC-WEBSOCKET-EXTENSIONS: permessage-deflate; client_max_window_bits']],
    ['a proxy', ['Connection: upgrade', 'X-Forwarded-For: 192.0.2.1, 10.0.0.1', 'Cookie: a=b; c=~`!@#$%^&*()_+|']],
  ])('of %s is read', (_, changed) => {
    const lines = [...LINES.filter((line) => !line.startsWith('Connection')), ...changed];
    const headers = readFastUpgradeRequest(requestOf(lines))?.headers;
    const expected = lines.map((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)];
    });
    expect({ ...headers }).toEqual(Object.fromEntries(expected));
  });

  test.each(['/', '//a', '/%C3%A4/../b', '/a;b?c=[d]&e={"f":1}|\\^`<>', '/?', `/${'~'.repeat(500)}`])(
    'may have the target %s',
    (target) => {
      expect(readFastUpgradeRequest(requestOf(LINES, `GET ${target} HTTP/1.1`))?.url).toBe(target);
    },
  );

  test('may have header names that are members of Object.prototype', () => {
    const headers = readFastUpgradeRequest(withHeader('Constructor: 1'))!.headers;
    expect(headers['constructor']).toBe('1');
    expect(Object.getPrototypeOf(headers)).toBeNull();
    expect(readFastUpgradeRequest(requestOf(LINES))!.headers['constructor']).toBeUndefined();
  });

  test('is refused when it is cut at any byte', () => {
    const text = requestOf(LINES);
    for (let i = 0; i < text.length; i++) expect(readFastUpgradeRequest(text.slice(0, i))).toBeUndefined();
  });
});

describe('is left to Node', () => {
  test.each([
    ['nothing', ''],
    ['an empty line', '\r\n\r\n'],
    ['no headers', `${START}\r\n\r\n`],
    ['no HTTP', '\x16\x03\x01\r\n\r\n'],
  ])('%s', (_, text) => {
    expect(readFastUpgradeRequest(text)).toBeUndefined();
  });

  test.each([
    'POST / HTTP/1.1',
    'get / HTTP/1.1',
    'GET  / HTTP/1.1',
    'GET /  HTTP/1.1',
    'GET / a HTTP/1.1',
    'GET /\t HTTP/1.1',
    'GET /a#b HTTP/1.1',
    'GET /\x7f HTTP/1.1',
    'GET /\x00 HTTP/1.1',
    'GET /é HTTP/1.1',
    'GET http://localhost/ HTTP/1.1',
    'GET * HTTP/1.1',
    'GET / HTTP/1.0',
    'GET / HTTP/1.10',
    'GET / http/1.1',
    'GET / HTTP/1.1 ',
    ' GET / HTTP/1.1',
    '\r\nGET / HTTP/1.1',
    'GET /',
    'GET / HTTP/1.1\nA: b',
  ])('the request line %j', (start) => {
    expect(readFastUpgradeRequest(requestOf(LINES, start))).toBeUndefined();
  });

  test.each([
    'A:b',
    'A:  b',
    'A: b ',
    'A:\tb',
    'A: b\t',
    'A: b\tc',
    'A : b',
    ' A: b',
    'A',
    'A:',
    'A: ',
    ': b',
    'A_B: c',
    "A!#$%&'*+.^`|~: c",
    'Ä: b',
    'A: ä',
    'A: b\x00',
    'A: b\x7f',
    'A: b\r\n c',
    'A: b\r\n\tc',
    'A: b\nC: d',
    'A: b\rC: d',
    'A: b\r',
    'host: again',
    'HOST: again',
    'Content-Length: 0',
    'transfer-encoding: chunked',
    'Expect: 100-continue',
    'TE: trailers',
    'Trailer: a',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: upgrade',
  ])('the header line %j', (line) => {
    expect(readFastUpgradeRequest(requestOf([...LINES, line]))).toBeUndefined();
    expect(readFastUpgradeRequest(requestOf([line, ...LINES]))).toBeUndefined();
  });

  test.each([
    'Upgrade: WebSocket, h2c',
    'Upgrade: h2c',
    'Connection: close',
    'Connection: close, Upgrade',
    'Connection: keep-alive,Upgrade',
    'Connection: Upgrade, HTTP2-Settings',
  ])('%s', (line) => {
    expect(readFastUpgradeRequest(withHeader(line))).toBeUndefined();
  });

  test.each(['Host', 'Upgrade', 'Connection'])('a request without %s', (name) => {
    expect(readFastUpgradeRequest(requestOf(LINES.filter((line) => !line.startsWith(name))))).toBeUndefined();
  });

  test('a request with bytes behind the empty line', () => {
    for (const behind of ['a', '\r\n', 'GET / HTTP/1.1\r\n\r\n']) {
      expect(readFastUpgradeRequest(requestOf(LINES) + behind)).toBeUndefined();
    }
  });

  test('more than 64 headers', () => {
    const more = Array.from({ length: 60 }, (_, i) => `X-${i}: ${i}`);
    expect(Object.keys(readFastUpgradeRequest(requestOf([...LINES, ...more.slice(1)]))!.headers)).toHaveLength(64);
    expect(readFastUpgradeRequest(requestOf([...LINES, ...more]))).toBeUndefined();
  });

  test('more than 8 192 bytes', () => {
    const rest = MAX_PLAIN_HEAD_BYTES - requestOf([...LINES, 'Cookie: ']).length;
    expect(readFastUpgradeRequest(requestOf([...LINES, `Cookie: ${'c'.repeat(rest)}`]))).toBeDefined();
    expect(readFastUpgradeRequest(requestOf([...LINES, `Cookie: ${'c'.repeat(rest + 1)}`]))).toBeUndefined();
  });
});
