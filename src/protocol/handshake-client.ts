import { randomBytes } from 'node:crypto';
import { acceptValue, type HandshakeHeaders, joined, single } from './handshake-server.ts';
import { listHasToken } from './header-grammar.ts';

/** A key that was never used before (RFC 6455 section 4.1): the base64 of 16 random bytes. */
export function newHandshakeKey(): string {
  return randomBytes(16).toString('base64');
}

/** The headers that make a GET request an opening handshake (RFC 6455 section 4.1). */
export function buildHandshakeHeaders(key: string, protocols: readonly string[]): Record<string, string> {
  return {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Version': '13',
    ...(protocols.length > 0 && { 'Sec-WebSocket-Protocol': protocols.join(', ') }),
  };
}

/** A server's answer: the subprotocol it chose (`''` for none), or what is wrong with it. */
export type HandshakeResult = { readonly protocol: string } | { readonly violation: string };

/**
 * Checks a server's 101 answer (RFC 6455 section 4.1).
 *
 * @param key - the key that was sent
 * @param offered - the subprotocols that were offered
 */
export function checkUpgradeResponse(
  headers: HandshakeHeaders,
  key: string,
  offered: readonly string[],
): HandshakeResult {
  if (single(headers.upgrade)?.toLowerCase() !== 'websocket') return { violation: 'Upgrade is not "websocket"' };
  if (!listHasToken(single(headers.connection) ?? '', 'upgrade')) {
    return { violation: 'Connection does not hold "Upgrade"' };
  }
  if (single(headers['sec-websocket-accept']) !== acceptValue(key)) {
    return { violation: 'Sec-WebSocket-Accept does not answer the key that was sent' };
  }
  const extensions = joined(headers['sec-websocket-extensions']);
  if (extensions !== undefined) return { violation: 'Sec-WebSocket-Extensions names what was not offered' };
  const protocol = headers['sec-websocket-protocol'];
  if (protocol === undefined) return { protocol: '' };
  if (typeof protocol !== 'string' || !offered.includes(protocol)) {
    return { violation: 'Sec-WebSocket-Protocol names what was not offered' };
  }
  return { protocol };
}
