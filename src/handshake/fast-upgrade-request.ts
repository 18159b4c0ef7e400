import { readPlainHeaders, upgradesToWebSocket } from './plain-headers.ts';

const REQUEST_START = 'GET /';
const VERSION = ' HTTP/1.1\r\n';

const SPACE = 0x20;
const HASH = 0x23;
const LAST_PRINTABLE = 0x7e;

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
 * requests to Node's parser. Node's parser accepts every request that this function accepts, with the same result.
 * @param text - the bytes of the request as Latin-1, up to and including the first empty line
 * @returns undefined when the request does not have this form: Node's parser must read it
 */
export function readFastUpgradeRequest(text: string): FastUpgradeRequest | undefined {
  if (!text.startsWith(REQUEST_START)) return undefined;
  const urlEnd = endOfTarget(text, 'GET '.length);
  if (!text.startsWith(VERSION, urlEnd)) return undefined;
  const headers = readPlainHeaders(text, urlEnd + VERSION.length);
  if (headers?.['host'] === undefined || !upgradesToWebSocket(headers)) return undefined;
  return { method: 'GET', httpVersion: '1.1', url: text.slice('GET '.length, urlEnd), headers, text };
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
