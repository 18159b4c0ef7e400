import fc from 'fast-check';
import type { IncomingMessage } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { expect } from 'vitest';
import { bearerToken } from '../../../src/server/bearer-token.ts';
import { OriginRule } from '../../../src/server/origins.ts';
import { checkProxy } from '../../../src/client/proxy-option.ts';
import { parseRetryAfterMs } from '../../../src/client/reconnect-policy.ts';
import { StoredRequest, type RequestInfo, toRequestInfo } from '../../../src/server/request-info.ts';
import { TrustedProxies } from '../../../src/server/trusted-proxies.ts';
import { parseWebSocketUrl } from '../../../src/client/web-socket-url.ts';
import { FourDError } from '../../../src/errors.ts';
import { parseForwarded } from '../../../src/handshake/forwarded.ts';
import { keyOfRequestPath, PathPattern, readRequestPath } from '../../../src/handshake/path-pattern.ts';
import { defineLaw, type Law } from '../law.ts';

/** Generates texts of these pieces, and sometimes any other text. */
function textOf(...pieces: string[]): fc.Arbitrary<string> {
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join('')),
    },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }) },
  );
}

/** The grammar of RFC 7239 section 4 as a regular expression. The library itself applies none to bytes of peers. */
const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const QUOTED = String.raw`"(?:[\t\x20-\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"`;
const PAIR = `(${TOKEN})=(${TOKEN}|${QUOTED})`;
const BLANKS = '[ \\t]*';
const FORWARDED = new RegExp(`^${BLANKS}(?:${PAIR})?${BLANKS}(?:;${BLANKS}(?:${PAIR})?${BLANKS})*$`);

function referenceForwarded(text: string): [string, string][][] | undefined {
  const elements: [string, string][][] = [];
  // Commas within quotes do not separate elements.
  const parts = text.match(new RegExp(`(?:${QUOTED}|[^",])+|(?<=,|^)(?=,|$)|"`, 'g')) ?? [''];
  if (parts.join(',') !== text || parts.includes('"')) return undefined;
  for (const part of parts) {
    if (!FORWARDED.test(part)) return undefined;
    const pairs = Array.from(part.matchAll(new RegExp(PAIR, 'g')), ([, name = '', value = '']): [string, string] => [
      name.toLowerCase(),
      value.startsWith('"') ? value.slice(1, -1).replaceAll(/\\(.)/gs, '$1') : value,
    ]);
    if (new Set(pairs.map(([name]) => name)).size < pairs.length) return undefined;
    if (pairs.length > 0) elements.push(pairs);
  }
  return elements;
}

const forwardedText = textOf(
  'for=1.2.3.4',
  'For="[::1]:80"',
  'by=_x',
  'host=a',
  'proto=https',
  'a="b\\"c"',
  ',',
  ',',
  ';',
  ';',
  ' ',
  '\t',
  '"',
  '\\',
  '=',
);

const addressText = textOf(
  '1.2.3.4',
  '10.0.0.1',
  '::1',
  '[::1]',
  '[fe80::1%a]',
  ':80',
  ',',
  ' ',
  '::ffff:1.2.3.4',
  '.',
  ']',
);

/** Runs a call that must return, or throw a FourDError with this code. */
function settled<T>(code: string, call: () => T): T | FourDError {
  try {
    return call();
  } catch (error) {
    expect(error).toBeInstanceOf(FourDError);
    expect((error as FourDError).code).toBe(code);
    return error as FourDError;
  }
}

const SECRET = 'Pa55word';

const urlText = textOf(
  'ws://',
  'wss://',
  'ws+unix:',
  'http://',
  `u:${SECRET}@`,
  `u:1/${SECRET}@`,
  `u:1#${SECRET}@`,
  `?${SECRET}`,
  'example.com',
  '[::1]',
  ':8080',
  ':99999',
  '/',
  'a b',
  '?x=1',
  '#f',
  '%41',
  '%zz',
  '\n',
  'é',
  '..',
);

const dateText = fc.oneof(
  textOf('1', '0', '9', ' ', '-', '.', 'e', 'Wed, 21 Oct 2099 07:28:00 GMT', 'Thu', '2099', 'NaN'),
  fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
);

const originText = textOf(
  'http://',
  'https://',
  'HTTPS://',
  'null',
  'example.com',
  'other.com',
  ':443',
  ':80',
  ':',
  '[::1]',
  '/',
  '@',
  'é',
);
const hostText = textOf('example.com', 'other.com', '[::1]', ':443', ':80', ':8080', ':', '@', ' ', ',');

function requestOf(origin: string): RequestInfo {
  return { url: '/', query: {}, params: {}, headers: { origin }, remoteAddress: '' };
}

const headerValue = fc.oneof(textOf('Bearer ', 'bearer.', 'abc', ',', ' ', 'x'), fc.constant(undefined));

export const addressLaws: readonly Law[] = [
  defineLaw(
    'RFC 7239 4: any Forwarded header is parsed as the grammar says',
    1500,
    fc.property(forwardedText, (text) => {
      const elements = parseForwarded(text)?.map((element) => Array.from(element));
      expect(elements).toEqual(referenceForwarded(text));
    }),
  ),
  defineLaw(
    'any headers of proxies give an IP address and a host, or a refusal',
    1000,
    fc.property(
      fc.record(
        {
          forwarded: forwardedText,
          'x-forwarded-for': addressText,
          'x-forwarded-host': hostText,
          'x-forwarded-proto': textOf('https', 'http', 'WSS', ','),
          host: hostText,
        },
        { requiredKeys: [] },
      ),
      fc.constantFrom('10.0.0.1', '1.2.3.4', '::1', undefined),
      (headers, remoteAddress) => {
        const proxies = new TrustedProxies(['10.0.0.0/8', '::1']);
        const client = proxies.clientOf({ headers }, { remoteAddress } as Socket);
        if (client === undefined) return;
        expect(client.address === '' || isIP(client.address) !== 0).toBe(true);
        // Headers of a peer that is no trusted proxy have no effect.
        if (remoteAddress === '1.2.3.4') {
          expect(client).toEqual({ address: '1.2.3.4', host: headers.host ?? '', isSecure: false, isLocal: false });
        }
      },
    ),
  ),
  defineLaw(
    'any origin is accepted by a list only if it is on the list',
    1000,
    fc.property(originText, (origin) => {
      const rule = new OriginRule(['https://example.com']);
      const isIn =
        rule.check(requestOf(origin), { address: '', host: '', isSecure: true, isLocal: false }) === undefined;
      expect(isIn).toBe(/^(?:https|wss):\/\/example\.com(?::443)?\/?$/i.test(origin));
    }),
  ),
  defineLaw(
    'any origin is accepted without a list only if its host and port are the requested ones',
    1000,
    fc.property(originText, hostText, fc.boolean(), (origin, host, isSecure) => {
      const rule = new OriginRule(undefined);
      if (rule.check(requestOf(origin), { address: '', host, isSecure, isLocal: false }) !== undefined) return;
      const [, scheme = '', name = '', port] = /^(https?|wss?):\/\/(.*?)(?::(\d+))?\/?$/is.exec(origin) ?? [];
      // The port of Host may be empty: RFC 9110 section 4.2.3.
      const [, askedName, askedPort] = /^(.*?)(?::(\d*))?$/s.exec(host) ?? [];
      const usualPort = ['https', 'wss'].includes(scheme.toLowerCase()) ? '443' : '80';
      expect(name.toLowerCase()).toBe(askedName!.toLowerCase());
      expect(name).not.toBe('');
      expect(port ?? usualPort).toBe(askedPort || (isSecure ? '443' : usualPort));
    }),
  ),
  defineLaw(
    'RFC 6455 3: any URL gives a target that is valid in a request, or ERR_INVALID_URL',
    1000,
    fc.property(urlText, (text) => {
      const target = settled('ERR_INVALID_URL', () => parseWebSocketUrl(text));
      if (target instanceof FourDError) {
        expect(target.message).not.toContain(SECRET);
        return;
      }
      expect(target.path).toMatch(/^\/[\x21-\x7e]*$/);
      expect(target.hostHeader).toMatch(/^[\x21-\x7e]+$/);
      expect(target.port).toBeGreaterThanOrEqual(0);
      expect(target.port).toBeLessThan(65_536);
      expect(target.authorization ?? 'Basic a').toMatch(/^Basic [A-Za-z0-9+/=]+$/);
    }),
  ),
  defineLaw(
    'any URL of a proxy is accepted, or refused without its password in the message',
    500,
    fc.property(textOf('http://', 'socks5://', 'socks5h://', `u:${SECRET}@`, 'proxy', ':80', '/', '%zz'), (text) => {
      const choice = settled('ERR_INVALID_OPTION', () => checkProxy(text, {}));
      if (choice instanceof FourDError) expect(choice.message).not.toContain(SECRET);
    }),
  ),
  defineLaw(
    'RFC 9110 10.2.3: any Retry-After gives a wait from 0 to ten minutes',
    1000,
    fc.property(dateText, fc.nat(), (text, nowMs) => {
      const waitMs = parseRetryAfterMs(text, nowMs);
      expect(waitMs >= 0 && waitMs <= 600_000).toBe(true);
      if (/^\d{1,3}$/.test(text)) expect(waitMs).toBe(Math.min(Number(text), 600) * 1000);
    }),
  ),
  defineLaw(
    'any target and headers of a request are in objects without a prototype',
    500,
    fc.property(
      textOf('/', '?', '&', '=', 'a', '__proto__', 'constructor', '%41', '%zz', '+', '#', 'é'),
      fc.array(fc.tuple(fc.constantFrom('Host', 'X-A', '__proto__', 'constructor'), fc.string()), { maxLength: 4 }),
      (url, headers) => {
        const request = { url, rawHeaders: headers.flat() } as unknown as IncomingMessage;
        const info = toRequestInfo(request, '::1');
        for (const object of [info.query, info.headers]) expect(Object.getPrototypeOf(object)).toBe(null);
        expect(Object.keys(info.headers).length).toBeLessThanOrEqual(headers.length);
        // Node delivers no header or URL with a line feed.
        if (!request.rawHeaders.some((text) => text.includes('\n')) && !url.includes('\n')) {
          expect(new StoredRequest(request, '::1').read()).toEqual(info);
        }
      },
    ),
  ),
  defineLaw(
    'any headers give a bearer token that they contain, if they contain one alone',
    500,
    fc.property(headerValue, headerValue, (authorization, protocols) => {
      const headers = {
        ...(authorization !== undefined && { authorization }),
        ...(protocols !== undefined && { 'sec-websocket-protocol': protocols }),
      };
      const token = bearerToken({ ...requestOf(''), headers });
      if (token === undefined) return;
      const offered = (protocols ?? '').split(',').filter((offer) => offer.trim().startsWith('bearer.'));
      expect(offered.length + (/^ *bearer /i.test(authorization ?? '') ? 1 : 0)).toBe(1);
      expect(`${authorization}${protocols}`).toContain(token);
    }),
  ),
  defineLaw(
    'any path matches a request for itself, as written and percent-encoded, and no request for another path',
    500,
    fc.property(textOf('/', 'a', '.', 'é', '%2f', '%', '~'), textOf('/', 'a', 'é', '%2F', '~1'), (path, other) => {
      const pattern = new PathPattern(path);
      const written = Buffer.from(`/${path.replace(/^\//, '')}`, 'utf8').toString('latin1');
      for (const target of [written, `${written}?a=/b`, `ws://host${written}`]) {
        expect(pattern.match(readRequestPath(target))).toBeDefined();
        expect(keyOfRequestPath(readRequestPath(target))).toBe(pattern.key);
      }
      const segments = readRequestPath(Buffer.from(`/${other}`, 'utf8').toString('latin1'));
      expect(pattern.match(segments) !== undefined).toBe(keyOfRequestPath(segments) === pattern.key);
    }),
  ),
];
