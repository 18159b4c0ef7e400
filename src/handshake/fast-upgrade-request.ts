import { isAlphanumericCode } from './header-grammar.ts';

/** Longest request of the fast path. A browser's request with some cookies has 500 to 2 000 bytes. */
export const MAX_FAST_UPGRADE_BYTES = 8192;
const MAX_HEADERS = 64;

const REQUEST_START = 'GET /';
const VERSION = ' HTTP/1.1\r\n';

const CR = 0x0d;
const SPACE = 0x20;
const HASH = 0x23;
const HYPHEN = 0x2d;
const COLON = 0x3a;
const LAST_PRINTABLE = 0x7e;

/** Headers that decide how a request is read, or where it ends: Node's parser takes requests with such headers. */
const HEADERS_LEFT_TO_NODE: ReadonlySet<string> = new Set([
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
]);

/** Values of the header Connection, in lower case, as browsers and nearly all libraries send them with an upgrade. */
const CONNECTION_VALUES: ReadonlySet<string> = new Set(['upgrade', 'keep-alive, upgrade']);

/**
 * Whether a character is a letter, a digit or the hyphen, by character code: names of ordinary headers have no other.
 */
const isNameCode: readonly boolean[] = Array.from(
  { length: 128 },
  (_, code) => isAlphanumericCode(code) || code === HYPHEN,
);

/** An upgrade request as an HTTP parser would give it. */
export interface FastUpgradeRequest {
  readonly method: 'GET';
  readonly httpVersion: '1.1';
  readonly url: string;
  /** Values by header name in lower case. Each header came once. The object has no prototype. */
  readonly headers: Readonly<Record<string, string>>;
  /** The text of the whole request. */
  readonly text: string;
}

/**
 * Reads a WebSocket upgrade request in the plain form in which browsers and libraries send it.
 *
 * @remarks This function is no HTTP parser: it accepts one unambiguous form of one request, and leaves all other
 * requests to Node's parser. Node's parser accepts every request that this function accepts, with the same result. Each
 * character is read once or twice.
 * @param text - the bytes of the request as Latin-1, up to and including the first empty line
 * @returns undefined when the request does not have this form: Node's parser must read it
 */
export function readFastUpgradeRequest(text: string): FastUpgradeRequest | undefined {
  if (!text.startsWith(REQUEST_START) || text.length > MAX_FAST_UPGRADE_BYTES) return undefined;
  const urlEnd = endOfTarget(text, 'GET '.length);
  if (!text.startsWith(VERSION, urlEnd)) return undefined;
  const headers = Object.create(null) as Record<string, string>;
  let offset = urlEnd + VERSION.length;
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
  if (offset + 2 !== text.length || !text.endsWith('\r\n') || !asksForWebSocket(headers)) return undefined;
  return { method: 'GET', httpVersion: '1.1', url: text.slice('GET '.length, urlEnd), headers, text };
}

function asksForWebSocket({ host, upgrade, connection }: Readonly<Record<string, string>>): boolean {
  return (
    host !== undefined &&
    upgrade?.toLowerCase() === 'websocket' &&
    connection !== undefined &&
    CONNECTION_VALUES.has(connection.toLowerCase())
  );
}

/** Returns the offset of the first character that a request target cannot contain, such as the space behind it. */
function endOfTarget(text: string, start: number): number {
  let end = start;
  for (;;) {
    const code = text.charCodeAt(end);
    // At the end of the text `code` is NaN, so the comparison is false and the loop ends.
    if (!(code > SPACE && code <= LAST_PRINTABLE) || code === HASH) return end;
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
  let end = start;
  for (;;) {
    const code = text.charCodeAt(end);
    if (!(code >= SPACE && code <= LAST_PRINTABLE)) break;
    end++;
  }
  const isTrimmed = end > start && text.charCodeAt(start) !== SPACE && text.charCodeAt(end - 1) !== SPACE;
  return isTrimmed && text.startsWith('\r\n', end) ? end : -1;
}
