import { acceptValue, type HandshakeHeaders, readExtensions, single } from './server-handshake.ts';
import { listHasToken } from './header-grammar.ts';
import { nextMaskingKey } from '../protocol/mask.ts';
import { buildOffer, checkAnswer, type DeflateParameters } from './permessage-deflate.ts';

/**
 * Most 1xx answers that may come before the final one (RFC 9110 section 15.2). Servers send one or two; without a limit, a
 * peer could send them as long as the client waits.
 */
export const MAX_INTERIM_ANSWERS = 100;

/** Returns a new random value of `Sec-WebSocket-Key`: 16 bytes in base64 (RFC 6455 section 4.1). */
export function newHandshakeKey(): string {
  const key = Buffer.allocUnsafe(16);
  for (let offset = 0; offset < 16; offset += 4) key.writeInt32BE(nextMaskingKey(), offset);
  return key.toString('base64');
}

/** The offer of a client to the server. */
export interface HandshakeOffer {
  /** Subprotocols in order of preference. */
  readonly protocols: readonly string[];
  /** Parameters of permessage-deflate, undefined to offer no compression. */
  readonly deflate: DeflateParameters | undefined;
}

/** What both sides agreed on. */
export interface HandshakeAgreement {
  /** The subprotocol that the server chose, `''` for none. */
  readonly protocol: string;
  /** Parameters of permessage-deflate, undefined for no compression. */
  readonly deflate: DeflateParameters | undefined;
}

/** Builds the headers that make a GET request an opening handshake (RFC 6455 section 4.1). */
export function buildHandshakeHeaders(key: string, offer: HandshakeOffer): Record<string, string> {
  const { protocols, deflate } = offer;
  return {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Version': '13',
    ...(protocols.length > 0 && { 'Sec-WebSocket-Protocol': protocols.join(', ') }),
    ...(deflate !== undefined && { 'Sec-WebSocket-Extensions': buildOffer(deflate) }),
  };
}

/** What both sides agreed on, or the rule that the server's answer breaks. */
export type HandshakeResult = HandshakeAgreement | { readonly violation: string };

/**
 * Checks a server's 101 answer (RFC 6455 section 4.1).
 *
 * @param key - the key that was sent
 * @param offer - what was offered
 */
export function checkUpgradeResponse(headers: HandshakeHeaders, key: string, offer: HandshakeOffer): HandshakeResult {
  if (single(headers.upgrade)?.toLowerCase() !== 'websocket') return { violation: 'Upgrade is not "websocket"' };
  if (!listHasToken(single(headers.connection) ?? '', 'upgrade')) {
    return { violation: 'Connection does not contain "Upgrade"' };
  }
  if (single(headers['sec-websocket-accept']) !== acceptValue(key)) {
    return { violation: 'Sec-WebSocket-Accept does not match the Sec-WebSocket-Key that was sent' };
  }
  const extensions = readExtensions(headers);
  if (extensions === undefined) return { violation: 'Sec-WebSocket-Extensions is malformed or too long' };
  const deflate = checkAnswer(extensions, offer.deflate);
  if (typeof deflate === 'string') return { violation: deflate };
  const protocol = headers['sec-websocket-protocol'];
  // Some servers answer with an empty header instead of none.
  if (protocol === undefined || protocol === '') return { protocol: '', deflate };
  if (typeof protocol !== 'string' || !offer.protocols.includes(protocol)) {
    return { violation: 'Sec-WebSocket-Protocol names a subprotocol that was not offered' };
  }
  return { protocol, deflate };
}
