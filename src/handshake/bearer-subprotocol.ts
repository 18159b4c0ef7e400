/**
 * Prefix of a subprotocol that carries a bearer token, because pages in browsers cannot set an Authorization header.
 */
export const BEARER_PREFIX = 'bearer.';

/** Tells whether an offered subprotocol carries a bearer token, which no answer may repeat. */
export function isBearerSubprotocol(name: string): boolean {
  return name.startsWith(BEARER_PREFIX);
}
