import fc from 'fast-check';
import { createServer, type IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { expect } from 'vitest';
import { readFastUpgradeRequest } from '../../../src/handshake/fast-upgrade-request.ts';
import { turns } from '../../helpers/turns.ts';
import { defineLaw, type Law } from '../law.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** Generates mostly the right value, and sometimes another one. */
export function mostly<T>(right: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 9, arbitrary: fc.constant(right) }, { weight: 1, arbitrary: other });
}

const target = fc.oneof(
  fc.constantFrom('/', '/a', '/a/', '/other', '//a', '/a?x=1&x=2&y=%20', '/a?', '/a?b#c', '*', 'http://localhost/a'),
  fc.constantFrom(
    '/a\u00e9',
    '/%61',
    `/a?${'x'.repeat(7000)}`,
    'http://other/a',
    'http://localhost:81/a',
    '/a?\u00c3\u00bc',
  ),
  fc.string({ unit: 'binary-ascii', maxLength: 8 }).map((text) => `/a?${text}`),
);

const NAMES = [
  'X-A|x-a|Cookie|Origin|Sec-WebSocket-Protocol|Sec-WebSocket-Extensions|Constructor|X-Y-1|Host|Upgrade|Connection',
  'Sec-WebSocket-Key|Sec-WebSocket-Version|Content-Length|__proto__|Transfer-Encoding|Expect|Proxy-Connection|Set-Cookie',
  'Keep-Alive|TE|X_A|\u00c4|X A||Authorization|Forwarded|X-Forwarded-For|X-Forwarded-Host|X-Forwarded-Proto|Trailer',
].flatMap((names) => names.split('|'));

const VALUES = [
  `websocket|WebSocket|h2c|Upgrade|keep-alive, Upgrade|close|${KEY}|13|8|0|a, b|c|http://localhost|http://other`,
  'permessage-deflate|permessage-deflate; x=|a b|chunked|"(~||localhost|other|a, bearer.x|Bearer x|https|192.0.2.1, x',
  'for=192.0.2.1;host=localhost|http://xn--bcher-kva.example|b\u00fccher.example|b\u00c3\u00bccher.example|localhost:80',
]
  .flatMap((values) => values.split('|'))
  .concat('v'.repeat(2000), 'v'.repeat(9000), ' '.repeat(500));

const oddValue = fc.string({
  unit: fc.constantFrom('a', ' ', '\t', '\r', '\n', '\0', '\u007f', '\u00e9', ':', ','),
  maxLength: 6,
});

/** Generates lines of headers, most of them right. */
export const headerLine: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(...NAMES),
    mostly(': ', fc.constantFrom(':', ' : ', ':  ', ':\t', '')),
    fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...VALUES) }, { weight: 1, arbitrary: oddValue }),
    mostly('\r\n', fc.constantFrom('\n', '\r', '\r\n ', '\r\n\t', '\r\n a\r\n', ' \r\n', '')),
  )
  .map((parts) => parts.join(''));

const usual: readonly (readonly [string, string])[] = [
  ['Host', 'localhost'],
  ['Upgrade', 'websocket'],
  ['Connection', 'Upgrade'],
  ['Sec-WebSocket-Key', KEY],
  ['Sec-WebSocket-Version', '13'],
];

/** Generates upgrade requests: some for the fast path, most of them with one or two deviations. */
export const upgradeRequest: fc.Arbitrary<string> = fc
  .record({
    method: mostly('GET', fc.constantFrom('POST', 'get', 'GET ')),
    target,
    version: mostly(
      'HTTP/1.1',
      fc.constantFrom('HTTP/1.0', 'HTTP/1.1 ', 'http/1.1', 'HTTP/2.0', 'HTTP/0.9', 'HTTP/1.2', ''),
    ),
    changed: fc.array(fc.tuple(fc.nat(4), fc.constantFrom(...VALUES)), { maxLength: 1 }),
    more: fc.array(headerLine, { maxLength: 2 }),
    at: fc.nat(5),
  })
  .map((parts) => {
    const lines = usual.map(([name, right], i) => {
      const other = parts.changed.find(([index]) => index === i)?.[1];
      return `${name}: ${other ?? right}\r\n`;
    });
    lines.splice(parts.at, 0, ...parts.more);
    return `${parts.method} ${parts.target} ${parts.version}\r\n${lines.join('')}\r\n`;
  });

/** Returns the first request that Node's own parser reads in these bytes, if it asks for an upgrade. */
async function parseByNode(bytes: Buffer): Promise<{ request: IncomingMessage; head: Buffer } | undefined> {
  const server = createServer();
  const stream = new Duplex({ read() {}, write: (_, __, done) => done() });
  stream.on('error', () => {});
  let found: { request: IncomingMessage; head: Buffer } | undefined;
  server.on('upgrade', (upgrade: IncomingMessage, _, head: Buffer) => {
    found = { request: upgrade, head };
  });
  server.emit('connection', stream);
  stream.push(bytes);
  await turns(2);
  stream.destroy();
  return found;
}

export const fastUpgradeLaws: readonly Law[] = [
  defineLaw(
    'RFC 9112: the fast path reads a request, and leaves the bytes behind it, as Node does',
    1500,
    fc.asyncProperty(upgradeRequest, fc.constantFrom('', 'ab', '\r\n'), async (text, behind) => {
      const fast = readFastUpgradeRequest(text);
      if (fast === undefined) return;
      const byNode = await parseByNode(Buffer.from(text + behind, 'latin1'));
      const { url, method, httpVersion, headers, rawHeaders } = byNode!.request;
      expect({ url, method, httpVersion, behind: byNode!.head.toString('latin1') }).toEqual({
        url: fast.url,
        method: fast.method,
        httpVersion: fast.httpVersion,
        behind,
      });
      const raw = Array.from({ length: rawHeaders.length / 2 }, (_, i) => [
        rawHeaders[2 * i]!.toLowerCase(),
        rawHeaders[2 * i + 1],
      ]);
      expect(Object.entries(fast.headers)).toEqual(raw);
      const { 'set-cookie': cookies, ...single } = headers;
      expect({ ...fast.headers }).toEqual({ ...single, ...(cookies && { 'set-cookie': cookies[0] }) });
    }),
  ),
];
