/**
 * The grammar of HTTP headers that the handshake needs (RFC 9110 section 5.6): tokens, lists, extensions.
 *
 * All of it is linear: each character is looked at once, and no regular expression meets what a peer sent.
 */

/** One offer of a `Sec-WebSocket-Extensions` header: name and parameters in order of arrival. */
export interface ExtensionOffer {
  readonly name: string;
  /** Each parameter with its value, `true` when it has none. A name may occur twice: judging that is the caller's. */
  readonly parameters: readonly (readonly [name: string, value: string | true])[];
}

/** Extension headers longer than this are refused unread. */
const MAX_EXTENSION_HEADER_CHARACTERS = 4096;
/** More offers than this are refused. */
const MAX_EXTENSION_OFFERS = 16;

const TOKEN_PUNCTUATION = "!#$%&'*+-.^_`|~";

/** Characters of a token (RFC 9110 section 5.6.2) by code. */
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

/** Tells whether `text` is a token: what header names and subprotocols must be. */
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

/** Tells whether the comma-separated list `text` holds `token`, compared without case (RFC 9110 section 5.6.1). */
export function listHasToken(text: string, token: string): boolean {
  // As nearly all send it.
  if (text.toLowerCase() === token) return true;
  return listElements(text).some((element) => element.toLowerCase() === token);
}

/** Reads a comma-separated list of tokens. Returns undefined when it is empty or not one, or a token occurs twice. */
export function parseTokenList(text: string): string[] | undefined {
  const tokens = listElements(text);
  if (tokens.length === 0 || !tokens.every(isToken) || new Set(tokens).size < tokens.length) return undefined;
  return tokens;
}

/**
 * Reads a `Sec-WebSocket-Extensions` header (RFC 6455 section 9.1).
 *
 * @returns the offers in order, or undefined when the header breaks the grammar or is too long (4 096 characters,
 *   16 offers)
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
      const parameter = readToken(text, offset + 1);
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
  return offers.length === 0 ? undefined : offers;
}

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

/** A token, or a quoted string whose content is a token (RFC 6455 section 9.1). */
function readValue(text: string, offset: number): Piece | undefined {
  const start = skipBlanks(text, offset);
  if (text[start] !== '"') return readToken(text, start);
  const end = text.indexOf('"', start + 1);
  const content = text.slice(start + 1, end);
  if (end < 0 || !isToken(content)) return undefined;
  return { text: content, end: skipBlanks(text, end + 1) };
}

/** The elements of a comma-separated list. Empty ones do not count (RFC 9110 section 5.6.1.2). */
function listElements(text: string): string[] {
  return text
    .split(',')
    .map(trimBlanks)
    .filter((element) => element !== '');
}

/** Not `trim()`, which takes line breaks and non-breaking spaces for blanks as well. */
function trimBlanks(text: string): string {
  const start = skipBlanks(text, 0);
  let end = text.length;
  while (end > start && isBlank(text[end - 1])) end--;
  return text.slice(start, end);
}

/** The offset behind the token that begins at `offset`: `offset` itself when none does. */
export function endOfToken(text: string, offset: number): number {
  let end = offset;
  while (end < text.length && isTokenCode[text.charCodeAt(end)] === true) end++;
  return end;
}

/** The offset behind the blanks that begin at `offset`. */
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
