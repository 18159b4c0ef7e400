import { createHash, timingSafeEqual } from 'node:crypto';
import { isUint8Array } from 'node:util/types';
import { BEARER_PREFIX, isBearerSubprotocol } from '../handshake/bearer-subprotocol.ts';
import type { RequestInfo } from './request-info.ts';

/**
 * Reads the bearer token of a request: from the header `Authorization: Bearer <token>`, or, for pages in browsers,
 * which cannot set headers, from an offered subprotocol `bearer.<token>`.
 *
 * @remarks A page offers the token beside a subprotocol that the server speaks:
 * `new WebSocket(url, ['chat', 'bearer.' + token])`. The server has `protocols: ['chat']` and answers `chat`: a browser
 * demands that the server selects one of the offers, and the server never selects the token. Unlike a token in the URL,
 * this one does not end up in logs.
 *
 * A token in a subprotocol can have letters, digits and ``!#$%&'*+-.^_`|~``: encode other characters as base64url.
 * Compare tokens with {@link secretsEqual}.
 * @returns the token; undefined when the request has none, or more than one: in the header and in a subprotocol, in
 *   several headers, or in several subprotocols
 */
export function bearerToken(request: RequestInfo): string | undefined {
  const { authorization, 'sec-websocket-protocol': offers } = request.headers;
  const tokens = [...tokensOfHeader(authorization), ...tokensOfOffers(offers)];
  // A request with two tokens is no request of one user: which of the two counts must not depend on who reads it.
  return tokens.length === 1 && tokens[0] !== '' ? tokens[0] : undefined;
}

/**
 * Tells whether two secrets are equal, in a time that does not depend on where they differ: the time that `===` takes
 * would let an attacker find out a secret piece by piece.
 *
 * @remarks Texts are compared as their UTF-8. Texts that differ are never equal, also where UTF-8 writes both alike
 * (lone surrogates).
 * @returns false also when one is undefined, null or empty, so that a secret that was never set lets nobody in
 */
export function secretsEqual(
  a: string | Uint8Array | null | undefined,
  b: string | Uint8Array | null | undefined,
): boolean {
  if (!isSecret(a) || !isSecret(b)) return false;
  // All digests have the same length, so that the time does not reveal the length of the secret either.
  return timingSafeEqual(digest(a), digest(b));
}

/**
 * Reads the tokens of the header Authorization (RFC 6750 section 2.1): the scheme Bearer in any case, spaces, the token.
 *
 * @returns `''` for a token that breaks this form, and for each line of a header that must have one; nothing for other
 *   schemes
 */
function tokensOfHeader(authorization: string | readonly string[] | undefined): string[] {
  if (authorization === undefined) return [];
  if (typeof authorization !== 'string') return authorization.map(() => '');
  const [scheme, token = '', ...others] = authorization.split(' ').filter((part) => part !== '');
  if (scheme?.toLowerCase() !== 'bearer') return [];
  return [others.length === 0 ? token : ''];
}

/** Reads the tokens of offered subprotocols. */
function tokensOfOffers(offers: string | readonly string[] | undefined): string[] {
  if (offers === undefined) return [];
  return (typeof offers === 'string' ? offers : offers.join(','))
    .split(',')
    .map((offer) => offer.trim())
    .filter(isBearerSubprotocol)
    .map((offer) => offer.slice(BEARER_PREFIX.length));
}

function isSecret(value: unknown): value is string | Uint8Array {
  return (typeof value === 'string' || isUint8Array(value)) && value.length > 0;
}

function digest(secret: string | Uint8Array): Buffer {
  return createHash('sha256')
    .update(typeof secret === 'string' ? toBytes(secret) : secret)
    .digest();
}

/**
 * Returns the UTF-8 of a text. UTF-8 has no form for lone surrogates, and Node writes U+FFFD for each of them: the bytes
 * of such a text are those of its UTF-16, behind a byte that no UTF-8 has, so that different texts differ.
 */
function toBytes(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return bytes.toString('utf8') === text ? bytes : Buffer.concat([Buffer.of(0xff), Buffer.from(text, 'utf16le')]);
}
