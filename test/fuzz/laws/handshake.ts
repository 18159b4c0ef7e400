import fc from 'fast-check';
import { expect } from 'vitest';
import { checkUpgradeResponse } from '../../../src/handshake/client-handshake.ts';
import { acceptValue, checkUpgradeRequest, type HandshakeHeaders } from '../../../src/handshake/server-handshake.ts';
import { isToken, listHasToken, parseExtensions, parseTokenList } from '../../../src/handshake/header-grammar.ts';
import { defineLaw, type Law } from '../law.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** The grammar as regular expressions. The library itself applies none to bytes of peers. */
const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const BLANKS = '[ \\t]*';
const PARAMETER = `${BLANKS};${BLANKS}(${TOKEN})(?:${BLANKS}=${BLANKS}(?:(${TOKEN})|"(${TOKEN})"))?`;
const EXTENSION = new RegExp(`^${BLANKS}(${TOKEN})((?:${PARAMETER}|${BLANKS};)*)${BLANKS}$`);

/** Generates texts of the pieces that matter to the grammar. */
function grammarText(maxLength: number): fc.Arbitrary<string> {
  const piece = fc.constantFrom(
    'a',
    'b1',
    'x-y',
    ',',
    ',',
    ';',
    ';',
    '=',
    '"',
    ' ',
    '\t',
    '\\',
    '\n',
    'é',
    '\u00a0',
    '__proto__',
  );
  return fc.array(piece, { maxLength }).map((pieces) => pieces.join(''));
}

const headerText = fc.oneof(grammarText(12), fc.string({ unit: 'binary', maxLength: 30 }));

function elementsOf(text: string): string[] {
  return text.split(',').filter((element) => !/^[ \t]*$/.test(element));
}

function referenceTokenList(text: string): string[] | undefined {
  const tokens = elementsOf(text).map((element) => element.replaceAll(/^[ \t]+|[ \t]+$/g, ''));
  const isFine = tokens.every((token) => new RegExp(`^${TOKEN}$`).test(token));
  return isFine && new Set(tokens).size === tokens.length ? tokens : undefined;
}

function referenceExtensions(text: string): unknown {
  const matches = elementsOf(text).map((element) => EXTENSION.exec(element));
  if (matches.length > 16 || matches.includes(null)) return undefined;
  return matches.map((match) => ({
    name: match![1],
    parameters: Array.from(match![2]!.matchAll(new RegExp(PARAMETER, 'g')), (parameter) => [
      parameter[1],
      parameter[2] ?? parameter[3] ?? true,
    ]),
  }));
}

const offer = fc.tuple(
  fc.constantFrom('a', 'b1'),
  fc.constantFrom('', ';x', '; x=1', ' ;x = "y1" ;z', ';x="', ';', '=1'),
);
const almostOffers = fc
  .array(offer, { maxLength: 18 })
  .map((offers) => offers.map((pair) => pair.join('')).join(' , '));

const names = fc.constantFrom(
  'host',
  'upgrade',
  'connection',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-extensions',
  'sec-websocket-protocol',
  'sec-websocket-accept',
  'content-length',
  'transfer-encoding',
  'constructor',
  'toString',
  '__proto__',
);
const values = fc.oneof(
  headerText,
  fc.constantFrom('websocket', 'Upgrade', '13', KEY, acceptValue(KEY), 'permessage-deflate', '0', undefined),
  fc.array(headerText, { maxLength: 3 }),
);
/** Generates right headers of a handshake, some of them replaced by anything. */
function almost(right: HandshakeHeaders): fc.Arbitrary<HandshakeHeaders> {
  return fc.array(fc.tuple(names, values), { maxLength: 4 }).map((changes) => {
    const headers: HandshakeHeaders = Object.assign({}, right);
    for (const [name, value] of changes)
      Object.defineProperty(headers, name, { value, enumerable: true, configurable: true });
    return headers;
  });
}

const rightRequest = {
  host: 'localhost',
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-key': KEY,
  'sec-websocket-version': '13',
};

/** Names and values of headers in turn, in which no Host, one or several occur. */
const hostLines = fc
  .array(fc.constantFrom('Host', 'host', 'X-Host', 'Hos', 'Upgrade'), { maxLength: 3 })
  .map((lines) => lines.flatMap((name) => [name, 'a']));

/** Generates mostly the right value, and sometimes another one. */
function mostly<T>(right: T, ...others: T[]): fc.Arbitrary<T> {
  return fc.oneof({ weight: 9, arbitrary: fc.constant(right) }, { weight: 1, arbitrary: fc.constantFrom(...others) });
}

const rightAnswer = { upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-accept': acceptValue(KEY) };

export const handshakeLaws: readonly Law[] = [
  defineLaw(
    'RFC 9110 5.6.2: any text is a token exactly when the grammar says so',
    500,
    fc.property(headerText, (text) => {
      expect(isToken(text)).toBe(new RegExp(`^${TOKEN}$`).test(text));
    }),
  ),
  defineLaw(
    'RFC 6455 4.1: any token list is parsed as the grammar says',
    1000,
    fc.property(headerText, (text) => {
      const tokens = parseTokenList(text);
      expect(tokens).toEqual(referenceTokenList(text));
      for (const token of tokens ?? []) expect(listHasToken(text, token.toLowerCase())).toBe(true);
    }),
  ),
  defineLaw(
    'RFC 6455 9.1: any extensions are parsed as the grammar says',
    1000,
    fc.property(fc.oneof(headerText, almostOffers), (text) => {
      expect(parseExtensions(text)).toEqual(referenceExtensions(text));
    }),
  ),
  defineLaw(
    'RFC 6455 4.2.1: any request is accepted, or refused with a status, and never throws',
    1000,
    fc.property(
      almost(rightRequest),
      mostly('GET', 'POST', undefined),
      mostly('1.1', '1.0', '2.0', undefined),
      hostLines,
      (headers, method, httpVersion, rawHeaders) => {
        const result = checkUpgradeRequest({ method, httpVersion, headers, rawHeaders });
        if (result.isValid) {
          expect(headers['sec-websocket-key']).toBe(result.key);
          expect(result.protocols.every(isToken)).toBe(true);
          expect([method, httpVersion]).toEqual(['GET', '1.1']);
          expect(rawHeaders.filter((text) => /^host$/i.test(text)).length).toBeLessThan(2);
          expect(headers.host).toMatch(/^[^ \t\n/@]*$/);
          expect(['0', undefined]).toContain(headers['content-length']);
          expect(headers['transfer-encoding']).toBeUndefined();
        } else {
          expect([400, 405, 426, 505]).toContain(result.status);
        }
      },
    ),
  ),
  defineLaw(
    'RFC 6455 4.1: any answer is accepted, or refused with a reason, and never throws',
    1000,
    fc.property(almost(rightAnswer), fc.array(fc.constantFrom('a', 'b1', '__proto__')), (headers, offered) => {
      const result = checkUpgradeResponse(headers, KEY, { protocols: offered, deflate: undefined });
      if ('protocol' in result) expect(['', ...offered]).toContain(result.protocol);
      else expect(result.violation).not.toBe('');
    }),
  ),
];
