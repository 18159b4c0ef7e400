import { isAlphanumericCode } from './header-grammar.ts';

/**
 * The plain form of HTTP headers, in which no byte can mean two things: `Name: value` and CRLF, each name once, of letters,
 * digits and hyphens, each value of printable ASCII without outer spaces.
 */

/**
 * Longest head of a request or answer that is read in its plain form. A browser's request with some cookies has 500 to
 * 2 000 bytes.
 */
export const MAX_PLAIN_HEAD_BYTES = 8192;
const MAX_HEADERS = 64;

const CR = 0x0d;
const SPACE = 0x20;
const HYPHEN = 0x2d;
const COLON = 0x3a;
const LAST_PRINTABLE = 0x7e;

/** Headers that decide how a message is read, or where it ends: node:http takes messages with such headers. */
const HEADERS_LEFT_TO_NODE: ReadonlySet<string> = new Set([
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
]);

/** Values of the header Connection, in lower case, as nearly all browsers, servers and libraries send them. */
const CONNECTION_VALUES: ReadonlySet<string> = new Set(['upgrade', 'keep-alive, upgrade']);

/**
 * Whether a character is a letter, a digit or the hyphen, by character code: names of ordinary headers have no other.
 */
const isNameCode: readonly boolean[] = Array.from(
  { length: 128 },
  (_, code) => isAlphanumericCode(code) || code === HYPHEN,
);

/**
 * Reads plain headers up to the empty line, which must be the end of the text.
 *
 * @remarks Each character is read once or twice.
 * @param text - the head of a request or answer as Latin-1
 * @param start - the offset of the first header
 * @returns values by header name in lower case, without a prototype; undefined when a header is not plain, or the head is
 *   too long
 */
export function readPlainHeaders(text: string, start: number): Readonly<Record<string, string>> | undefined {
  if (text.length > MAX_PLAIN_HEAD_BYTES) return undefined;
  const headers = Object.create(null) as Record<string, string>;
  let offset = start;
  for (let count = 0; text.charCodeAt(offset) !== CR; count++) {
    const nameEnd = endOfName(text, offset);
    const valueStart = nameEnd + 2;
    if (nameEnd === offset || text.charCodeAt(nameEnd) !== COLON || text.charCodeAt(nameEnd + 1) !== SPACE) {
      return undefined;
    }
    const valueEnd = endOfValue(text, valueStart);
    if (valueEnd < 0 || count === MAX_HEADERS) return undefined;
    const name = text.slice(offset, nameEnd).toLowerCase();
    if (headers[name] !== undefined || HEADERS_LEFT_TO_NODE.has(name)) return undefined;
    headers[name] = text.slice(valueStart, valueEnd);
    offset = valueEnd + 2;
  }
  return offset + 2 === text.length && text.endsWith('\r\n') ? headers : undefined;
}

/** Tells whether headers say, in the usual words, that the connection becomes a WebSocket (RFC 9110 section 7.8). */
export function upgradesToWebSocket({ upgrade, connection }: Readonly<Record<string, string>>): boolean {
  return (
    upgrade?.toLowerCase() === 'websocket' &&
    connection !== undefined &&
    CONNECTION_VALUES.has(connection.toLowerCase())
  );
}

/** Tells whether node:http writes a header with this name as it is, and without a thought of its own. */
export function isPlainName(name: string): boolean {
  return name !== '' && endOfName(name, 0) === name.length && !HEADERS_LEFT_TO_NODE.has(name.toLowerCase());
}

/** Returns the offset of the first character that is not printable ASCII. */
export function endOfPrintable(text: string, start: number): number {
  let end = start;
  for (;;) {
    const code = text.charCodeAt(end);
    // At the end of the text `code` is NaN, so the comparison is false and the loop ends.
    if (!(code >= SPACE && code <= LAST_PRINTABLE)) return end;
    end++;
  }
}

function endOfName(text: string, start: number): number {
  let end = start;
  while (isNameCode[text.charCodeAt(end)] === true) end++;
  return end;
}

/**
 * Returns the offset of the CRLF behind a header value; -1 unless the value is printable ASCII without outer spaces.
 */
function endOfValue(text: string, start: number): number {
  const end = endOfPrintable(text, start);
  const isTrimmed = end > start && text.charCodeAt(start) !== SPACE && text.charCodeAt(end - 1) !== SPACE;
  return isTrimmed && text.startsWith('\r\n', end) ? end : -1;
}
