import { createHash, timingSafeEqual } from 'node:crypto';
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
 * @returns the token; undefined when the request has none, or more than one
 */
export function bearerToken(request: RequestInfo): string | undefined {
  const { authorization } = request.headers;
  if (authorization !== undefined)
    return typeof authorization === 'string' ? readCredentials(authorization) : undefined;
  const offers = request.headers['sec-websocket-protocol'];
  if (offers === undefined) return undefined;
  const tokens = (typeof offers === 'string' ? offers : offers.join(','))
    .split(',')
    .map((offer) => offer.trim())
    .filter(isBearerSubprotocol);
  const token = tokens[0]?.slice(BEARER_PREFIX.length);
  return tokens.length === 1 && token !== '' ? token : undefined;
}

/**
 * Tells whether two secrets are equal, in a time that does not depend on where they differ: the time that `===` takes
 * would let an attacker find out a secret piece by piece.
 *
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

/** Reads credentials of the scheme Bearer (RFC 6750 section 2.1): the scheme in any case, spaces, the token. */
function readCredentials(text: string): string | undefined {
  const scheme = 'bearer ';
  if (text.slice(0, scheme.length).toLowerCase() !== scheme) return undefined;
  const token = text.slice(scheme.length).trim();
  return token === '' || token.includes(' ') ? undefined : token;
}

function isSecret(value: unknown): value is string | Uint8Array {
  return (typeof value === 'string' || value instanceof Uint8Array) && value.length > 0;
}

function digest(secret: string | Uint8Array): Buffer {
  return createHash('sha256').update(secret).digest();
}
