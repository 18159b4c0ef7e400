import { hash } from 'node:crypto';
import { HANDSHAKE_GUID } from '../protocol/constants.ts';
import {
  type ExtensionOffer,
  isAlphanumericCode,
  listHasToken,
  parseExtensions,
  parseTokenList,
} from './header-grammar.ts';

/** Headers of an HTTP message as Node gives them: names in lower case. */
export type HandshakeHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Characters of base64 by code. */
const isBase64Code: readonly boolean[] = Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return isAlphanumericCode(code) || character === '+' || character === '/';
});

/** An upgrade request, as Node's parser or {@link readFastUpgradeRequest} gives it. */
export interface UpgradeRequest {
  readonly method?: string | undefined;
  readonly httpVersion?: string | undefined;
  /** The target as it stands in the request line. */
  readonly url?: string | undefined;
  readonly headers: HandshakeHeaders;
  /** Names and values in turn, as they came. Absent when `headers` has them all, because none came twice. */
  readonly rawHeaders?: readonly string[] | undefined;
  /** The whole request, where it is known. */
  readonly text?: string | undefined;
}

/** A request that asks for a WebSocket as it should. */
export interface ValidUpgrade {
  readonly isValid: true;
  readonly key: string;
  /** Subprotocols that the client offers, in its order of preference. */
  readonly protocols: readonly string[];
  /** Extensions that the client offers, in its order of preference. */
  readonly extensions: readonly ExtensionOffer[];
}

/** A request that must be refused: the answer to give. */
export interface InvalidUpgrade {
  readonly isValid: false;
  readonly status: number;
  readonly reason: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Checks an opening handshake on the server (RFC 6455 section 4.2.1).
 *
 * @remarks Offered extensions are checked for their grammar only: one that nobody takes is declined by not mentioning it
 * in the answer.
 */
export function checkUpgradeRequest(request: UpgradeRequest): ValidUpgrade | InvalidUpgrade {
  const { headers } = request;
  if (request.method !== 'GET') return refuse(405, 'a WebSocket handshake must be a GET request', { Allow: 'GET' });
  if (request.httpVersion === '1.0') return refuse(505, 'a WebSocket handshake needs HTTP/1.1');
  // Node demands a Host header of plain requests only.
  if (single(headers.host) === undefined) return refuse(400, 'a Host header is needed');
  if (!listHasToken(single(headers.upgrade) ?? '', 'websocket')) {
    return refuse(426, 'this address answers WebSocket handshakes only', { Upgrade: 'websocket' });
  }
  if (!listHasToken(single(headers.connection) ?? '', 'upgrade')) {
    return refuse(400, 'the Connection header must hold "Upgrade"');
  }
  if (single(headers['sec-websocket-version']) !== '13') {
    return refuse(426, 'only version 13 is spoken here', { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' });
  }
  const key = single(headers['sec-websocket-key']);
  if (key === undefined || !isHandshakeKey(key)) {
    return refuse(400, 'Sec-WebSocket-Key must be the base64 of 16 bytes');
  }
  const extensions = readExtensions(headers);
  if (extensions === undefined) return refuse(400, 'Sec-WebSocket-Extensions cannot be read');
  const offered = joined(headers['sec-websocket-protocol']);
  const protocols = offered === undefined ? [] : parseTokenList(offered);
  if (protocols === undefined) return refuse(400, 'Sec-WebSocket-Protocol cannot be read');
  return { isValid: true, key, protocols, extensions };
}

/**
 * Chooses the subprotocol (RFC 6455 section 4.2.2): the first of the server's that the client offers.
 *
 * @returns the choice; `''` when one side has no list; undefined when both have one and none fits
 */
export function chooseProtocol(supported: readonly string[], offered: readonly string[]): string | undefined {
  if (supported.length === 0 || offered.length === 0) return '';
  return supported.find((protocol) => offered.includes(protocol));
}

/** The value of `Sec-WebSocket-Accept` that answers `key` (RFC 6455 section 4.2.2). */
export function acceptValue(key: string): string {
  // Half the time that a Hash object takes.
  return hash('sha1', key + HANDSHAKE_GUID, 'base64');
}

/**
 * Builds the answer that opens the connection, ready to be written.
 *
 * @param protocol - the subprotocol chosen, `''` for none
 * @param extensions - the extensions accepted, `''` for none
 * @param headerLines - further headers, checked, each with its line end
 */
export function buildUpgradeResponse(key: string, protocol: string, extensions: string, headerLines = ''): string {
  const protocolLine = protocol === '' ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  const extensionsLine = extensions === '' ? '' : `Sec-WebSocket-Extensions: ${extensions}\r\n`;
  return (
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${acceptValue(key)}\r\n${protocolLine}${extensionsLine}${headerLines}\r\n`
  );
}

/** The extensions that a message names: none without the header, undefined when it cannot be read. */
export function readExtensions(headers: HandshakeHeaders): readonly ExtensionOffer[] | undefined {
  const text = joined(headers['sec-websocket-extensions']);
  return text === undefined ? [] : parseExtensions(text);
}

/** The value of a header that may come once only, undefined when it is missing or repeated. */
export function single(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The value of a header that may be spread over several lines. */
export function joined(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}

/** Base64 of exactly 16 bytes: 22 characters and two signs of padding. */
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
