import { isUtf8 } from 'node:buffer';

/**
 * The grammar of HTTP headers that the handshake needs (RFC 9110 section 5.6): tokens, lists, extensions.
 *
 * All functions take linear time: they read each character once, and apply no regular expression to the text of a peer.
 */

/** One element of a `Sec-WebSocket-Extensions` header: name and parameters in order of arrival. */
export interface ExtensionOffer {
  readonly name: string;
  /** Each parameter with its value, `true` when it has none. A name may occur twice: the caller decides about that. */
  readonly parameters: readonly (readonly [name: string, value: string | true])[];
}

/** Longest extension header that is parsed. */
const MAX_EXTENSION_HEADER_CHARACTERS = 4096;
/** Most offers of one extension header. */
const MAX_EXTENSION_OFFERS = 16;

const TOKEN_PUNCTUATION = "!#$%&'*+-.^_`|~";

/** Whether a character may occur in a token (RFC 9110 section 5.6.2), by character code. */
const isTokenCode: readonly boolean[] = Array.from(
  { length: 128 },
  (_, code) => isAlphanumericCode(code) || TOKEN_PUNCTUATION.includes(String.fromCharCode(code)),
);

/** Tells whether a character is an ASCII letter or digit. */
export function isAlphanumericCode(code: number): boolean {
  const character = String.fromCharCode(code);
  const isDigit = character >= '0' && character <= '9';
  const isLetter = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
  return isDigit || isLetter;
}

/** Tells whether `text` is a token, as header names and subprotocols must be. */
export function isToken(text: string): boolean {
  return text.length > 0 && endOfToken(text, 0) === text.length;
}

/** Tells whether `text` can be a header value: no control characters but the tab (RFC 9110 section 5.5). */
export function isHeaderValue(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) return false;
  }
  return true;
}

/**
 * Returns the text of a header value. Node reads the bytes of headers as Latin-1, but programs that send characters
 * beyond ASCII mostly send UTF-8: bytes that are valid UTF-8 are read as that.
 */
export function decodeHeaderValue(value: string): string {
  let isAscii = true;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    // A text with such a character was not read from bytes.
    if (code > 0xff) return value;
    if (code > 0x7f) isAscii = false;
  }
  if (isAscii) return value;
  const bytes = Buffer.from(value, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : value;
}

/** Tells whether the comma-separated list `text` contains `token`, ignoring case (RFC 9110 section 5.6.1). */
export function listHasToken(text: string, token: string): boolean {
  // Nearly all peers send the token alone.
  if (text.toLowerCase() === token) return true;
  return listElements(text).some((element) => element.toLowerCase() === token);
}

/** Reads a comma-separated list of tokens, which may be empty. Returns undefined for an invalid token or a repeated one. */
export function parseTokenList(text: string): string[] | undefined {
  const tokens = listElements(text);
  if (!tokens.every(isToken) || new Set(tokens).size < tokens.length) return undefined;
  return tokens;
}

/**
 * Reads a `Sec-WebSocket-Extensions` header (RFC 6455 section 9.1).
 *
 * @returns the offers in order, or undefined when the header breaks the grammar or is too long (more than 4 096
 *   characters or 16 offers)
 */
export function parseExtensions(text: string): ExtensionOffer[] | undefined {
  if (text.length > MAX_EXTENSION_HEADER_CHARACTERS) return undefined;
  const offers: ExtensionOffer[] = [];
  let offset = skipEmptyElements(text, 0);
  while (offset < text.length) {
    const name = readToken(text, offset);
    if (name === undefined || offers.length === MAX_EXTENSION_OFFERS) return undefined;
    offset = name.end;
    const parameters: [string, string | true][] = [];
    while (text[offset] === ';') {
      offset = skipBlanks(text, offset + 1);
      // Some peers end the parameters with a semicolon.
      if (offset === text.length || text[offset] === ';' || text[offset] === ',') continue;
      const parameter = readToken(text, offset);
      if (parameter === undefined) return undefined;
      offset = parameter.end;
      if (text[offset] === '=') {
        const value = readValue(text, offset + 1);
        if (value === undefined) return undefined;
        offset = value.end;
        parameters.push([parameter.text, value.text]);
      } else {
        parameters.push([parameter.text, true]);
      }
    }
    offers.push({ name: name.text, parameters });
    if (offset < text.length && text[offset] !== ',') return undefined;
    offset = skipEmptyElements(text, offset);
  }
  return offers;
}

/** A part of the header text. */
interface Piece {
  readonly text: string;
  /** The offset behind the piece and the blanks that follow it. */
  readonly end: number;
}

function readToken(text: string, offset: number): Piece | undefined {
  const start = skipBlanks(text, offset);
  const end = endOfToken(text, start);
  if (end === start) return undefined;
  return { text: text.slice(start, end), end: skipBlanks(text, end) };
}

/** Reads a token, or a quoted string whose content is a token (RFC 6455 section 9.1). */
function readValue(text: string, offset: number): Piece | undefined {
  const start = skipBlanks(text, offset);
  if (text[start] !== '"') return readToken(text, start);
  const end = text.indexOf('"', start + 1);
  const content = text.slice(start + 1, end);
  if (end < 0 || !isToken(content)) return undefined;
  return { text: content, end: skipBlanks(text, end + 1) };
}

/** Returns the elements of a comma-separated list without empty ones (RFC 9110 section 5.6.1.2). */
function listElements(text: string): string[] {
  return text
    .split(',')
    .map(trimBlanks)
    .filter((element) => element !== '');
}

/** Removes spaces and tabs only: `trim()` would remove line breaks and non-breaking spaces as well. */
function trimBlanks(text: string): string {
  const start = skipBlanks(text, 0);
  let end = text.length;
  while (end > start && isBlank(text[end - 1])) end--;
  return text.slice(start, end);
}

/** Returns the offset behind the token that begins at `offset`: `offset` itself when no token begins there. */
export function endOfToken(text: string, offset: number): number {
  let end = offset;
  while (end < text.length && isTokenCode[text.charCodeAt(end)] === true) end++;
  return end;
}

/** Returns the offset behind the spaces and tabs that begin at `offset`. */
export function skipBlanks(text: string, offset: number): number {
  let next = offset;
  while (isBlank(text[next])) next++;
  return next;
}

function skipEmptyElements(text: string, offset: number): number {
  let next = offset;
  while (text[next] === ',' || isBlank(text[next])) next++;
  return next;
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}
