import { isAlphanumericCode } from './header-grammar.ts';

/** Longer requests are left to Node: a browser's, with some cookies, has 500 to 2 000 bytes. */
export const MAX_FAST_UPGRADE_BYTES = 8192;
const MAX_HEADERS = 64;

const REQUEST_START = 'GET /';
const VERSION = ' HTTP/1.1\r\n';

const CR = 0x0d;
const SPACE = 0x20;
const HASH = 0x23;
const HYPHEN = 0x2d;
const COLON = 0x3a;
const LAST_VISIBLE = 0x7e;

/** Header names that decide how a request is to be read, or where it ends: Node knows them better. */
const LEFT_TO_NODE: ReadonlySet<string> = new Set([
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
]);

/** What the header Connection says in upgrade requests of browsers and of nearly all libraries, in lower case. */
const CONNECTIONS: ReadonlySet<string> = new Set(['upgrade', 'keep-alive, upgrade']);

/** Letters, digits and the hyphen by code: all that names of ordinary headers have. */
const isNameCode: readonly boolean[] = Array.from(
  { length: 128 },
  (_, code) => isAlphanumericCode(code) || code === HYPHEN,
);

/** An upgrade request as an HTTP parser would give it. */
export interface FastUpgradeRequest {
  readonly method: 'GET';
  readonly httpVersion: '1.1';
  readonly url: string;
  /** By name in lower case, each of which came once. The object has no prototype. */
  readonly headers: Readonly<Record<string, string>>;
  /** The whole request as it came. */
  readonly text: string;
}

/**
 * Reads a WebSocket upgrade request in the plain form in which browsers and libraries send it.
 *
 * @remarks This is no HTTP parser: it knows one form of one request, in which nothing can be read in two ways, and leaves
 * all else to the parser of Node. What it takes, that parser takes too, with the same result. It looks at each character
 * once or twice.
 * @param text - the bytes as Latin-1, up to the first empty line and with it
 * @returns undefined for all that is not surely such a request
 */
export function readFastUpgradeRequest(text: string): FastUpgradeRequest | undefined {
  if (!text.startsWith(REQUEST_START) || text.length > MAX_FAST_UPGRADE_BYTES) return undefined;
  const urlEnd = endOfVisible(text, 'GET '.length);
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
    if (headers[name] !== undefined || LEFT_TO_NODE.has(name)) return undefined;
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
    CONNECTIONS.has(connection.toLowerCase())
  );
}

/** The offset of the first character that has no place in a target, among them the space behind it. */
function endOfVisible(text: string, start: number): number {
  let end = start;
  for (;;) {
    const code = text.charCodeAt(end);
    // The end of the text is NaN, which is no more than anything either.
    if (!(code > SPACE && code <= LAST_VISIBLE) || code === HASH) return end;
    end++;
  }
}

function endOfName(text: string, start: number): number {
  let end = start;
  while (isNameCode[text.charCodeAt(end)] === true) end++;
  return end;
}

/** The offset of the line end behind a value of visible characters, with blanks within it only; -1 when it is none. */
function endOfValue(text: string, start: number): number {
  let end = start;
  for (;;) {
    const code = text.charCodeAt(end);
    if (!(code >= SPACE && code <= LAST_VISIBLE)) break;
    end++;
  }
  const isTrimmed = end > start && text.charCodeAt(start) !== SPACE && text.charCodeAt(end - 1) !== SPACE;
  return isTrimmed && text.startsWith('\r\n', end) ? end : -1;
}
