import { hash } from 'node:crypto';
import { authorityOf, isHostValue } from './authority.ts';
import {
  type ExtensionOffer,
  isAlphanumericCode,
  listHasToken,
  parseExtensions,
  parseTokenList,
} from './header-grammar.ts';

/** The GUID that is appended to Sec-WebSocket-Key before hashing (RFC 6455 section 1.3). */
const HANDSHAKE_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Headers of an HTTP message as Node gives them: names in lower case. */
export type HandshakeHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Whether a character belongs to base64, by character code. */
const isBase64Code: readonly boolean[] = Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return isAlphanumericCode(code) || character === '+' || character === '/';
});

/** An upgrade request, as Node's parser or {@link readFastUpgradeRequest} gives it. */
export interface UpgradeRequest {
  readonly method?: string | undefined;
  readonly httpVersion?: string | undefined;
  /** The request target, as in the request line. */
  readonly url?: string | undefined;
  readonly headers: HandshakeHeaders;
  /** Header names and values in turn, as they came. Absent when no header came twice: then `headers` holds them all. */
  readonly rawHeaders?: readonly string[] | undefined;
  /** The whole request as text, when {@link readFastUpgradeRequest} has read it. */
  readonly text?: string | undefined;
}

/** A valid opening handshake. */
export interface ValidUpgrade {
  readonly isValid: true;
  readonly key: string;
  /** Subprotocols that the client offers, in its order of preference. */
  readonly protocols: readonly string[];
  /** Extensions that the client offers, in its order of preference. */
  readonly extensions: readonly ExtensionOffer[];
}

/** The answer to a request that must be refused. */
export interface InvalidUpgrade {
  readonly isValid: false;
  readonly status: number;
  readonly reason: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Checks an opening handshake on the server (RFC 6455 section 4.2.1).
 *
 * @remarks Offered extensions are checked for their grammar only: an answer declines an extension by not naming it.
 */
export function checkUpgradeRequest(request: UpgradeRequest): ValidUpgrade | InvalidUpgrade {
  const { headers } = request;
  if (request.method !== 'GET') return refuse(405, 'a WebSocket handshake must be a GET request', { Allow: 'GET' });
  if (request.httpVersion === '1.0') return refuse(505, 'a WebSocket handshake needs HTTP/1.1');
  // Node also accepts HTTP/2.0 in a request line, and a request line without a version, which is HTTP/0.9.
  if (request.httpVersion !== '1.1') return refuse(400, 'a WebSocket handshake needs HTTP/1.1');
  const hostProblem = describeHostProblem(request);
  if (hostProblem !== undefined) return refuse(400, hostProblem);
  // Node accepts `*` in front of anything. A proxy may take `*/admin` for another path than a server does.
  if (request.url?.startsWith('*') === true) return refuse(400, 'the request target must be a path or a URL');
  if (hasBody(headers)) {
    return refuse(400, 'a WebSocket handshake has no body: leave out Content-Length and Transfer-Encoding');
  }
  if (!listHasToken(single(headers.upgrade) ?? '', 'websocket')) {
    return refuse(426, 'this address accepts WebSocket handshakes only', { Upgrade: 'websocket' });
  }
  if (!listHasToken(single(headers.connection) ?? '', 'upgrade')) {
    return refuse(400, 'the Connection header must contain "Upgrade"');
  }
  if (single(headers['sec-websocket-version']) !== '13') {
    return refuse(426, 'unsupported WebSocket version: send "Sec-WebSocket-Version: 13"', {
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
    });
  }
  const key = single(headers['sec-websocket-key']);
  if (key === undefined || !isHandshakeKey(key)) {
    return refuse(400, 'Sec-WebSocket-Key must be the base64 of 16 bytes');
  }
  const extensions = readExtensions(headers);
  if (extensions === undefined) return refuse(400, 'Sec-WebSocket-Extensions is malformed or too long');
  const offered = joined(headers['sec-websocket-protocol']);
  const protocols = offered === undefined ? [] : parseTokenList(offered);
  if (protocols === undefined) return refuse(400, 'Sec-WebSocket-Protocol must be a list of distinct tokens');
  return { isValid: true, key, protocols, extensions };
}

/**
 * Finds out what is wrong with the host that a request asks for: a proxy in front of the server may understand another
 * one (RFC 9112 section 3.2).
 *
 * @remarks Node demands the Host header of plain requests only, and shows the first of several.
 * @returns the text of a refusal with 400; undefined when nothing is wrong
 */
export function describeHostProblem(request: UpgradeRequest): string | undefined {
  const host = single(request.headers.host);
  if (host === undefined) return request.httpVersion === '1.1' ? 'a request needs a Host header' : undefined;
  if (isRepeated(request, 'host') || !isHostValue(host)) return 'a request needs one Host header with one host';
  const targetHost = authorityOf(request.url ?? '/') ?? host;
  if (targetHost.toLowerCase() === host.toLowerCase()) return undefined;
  return 'the Host header contradicts the host in the request target';
}

/**
 * Chooses the subprotocol (RFC 6455 section 4.2.2): the first one of `supported` that the client offers.
 *
 * @returns the chosen subprotocol; `''` when one of the lists is empty; undefined when the lists have none in common
 */
export function chooseProtocol(supported: readonly string[], offered: readonly string[]): string | undefined {
  if (supported.length === 0 || offered.length === 0) return '';
  return supported.find((protocol) => offered.includes(protocol));
}

/** Returns the value of `Sec-WebSocket-Accept` that answers `key` (RFC 6455 section 4.2.2). */
export function acceptValue(key: string): string {
  // crypto.hash takes half the time of a Hash object.
  return hash('sha1', key + HANDSHAKE_GUID, 'base64');
}

/**
 * Builds the answer that opens the connection, ready to be written.
 *
 * @param protocol - the subprotocol chosen, `''` for none
 * @param extensions - the extensions accepted, `''` for none
 * @param headerLines - further header lines, already checked, each with its CRLF
 */
export function buildUpgradeResponse(key: string, protocol: string, extensions: string, headerLines = ''): string {
  const protocolLine = protocol === '' ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  const extensionsLine = extensions === '' ? '' : `Sec-WebSocket-Extensions: ${extensions}\r\n`;
  return (
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${acceptValue(key)}\r\n${protocolLine}${extensionsLine}${headerLines}\r\n`
  );
}

/** Reads `Sec-WebSocket-Extensions`: empty without the header, undefined when the header is malformed or too long. */
export function readExtensions(headers: HandshakeHeaders): readonly ExtensionOffer[] | undefined {
  const text = joined(headers['sec-websocket-extensions']);
  return text === undefined ? [] : parseExtensions(text);
}

/** Returns the value of a header that must not be repeated, undefined when the header is missing or repeated. */
export function single(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Returns the value of a header whose list may be spread over several lines (RFC 9110 section 5.3). */
export function joined(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}

/** Tells whether a header came in several lines: of some, such as Host, Node keeps the first line and drops the others. */
function isRepeated({ rawHeaders = [] }: UpgradeRequest, name: string): boolean {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if ((rawHeaders[i] as string).toLowerCase() === name) count++;
  }
  return count > 1;
}

/**
 * Tells whether a request announces a body. The bytes behind an upgrade request belong to the WebSocket connection
 * (RFC 9110 section 7.8), so a proxy that passes on a body would be understood differently here.
 */
function hasBody(headers: HandshakeHeaders): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && !isZero(length));
}

function isZero(length: string | string[]): boolean {
  if (typeof length !== 'string' || length === '') return false;
  for (const digit of length) {
    if (digit !== '0') return false;
  }
  return true;
}

/** Tells whether `key` is the base64 of exactly 16 bytes: 22 characters and two padding characters. */
function isHandshakeKey(key: string): boolean {
  if (key.length !== 24 || !key.endsWith('==')) return false;
  for (let i = 0; i < 22; i++) {
    if (isBase64Code[key.charCodeAt(i)] !== true) return false;
  }
  return true;
}

function refuse(status: number, reason: string, headers?: Readonly<Record<string, string>>): InvalidUpgrade {
  return { isValid: false, status, reason, ...(headers !== undefined && { headers }) };
}
