/**
 * Prefix of a subprotocol that carries a bearer token, because pages in browsers cannot set an Authorization header.
 */
export const BEARER_PREFIX = 'bearer.';

/** Tells whether an offered subprotocol carries a bearer token, which no answer may repeat. */
export function isBearerSubprotocol(name: string): boolean {
  return name.startsWith(BEARER_PREFIX);
}

/**
 * Returns a subprotocol as logs may show it, without the token: some servers select the first offer, whatever it is, and
 * make it the subprotocol of the client.
 */
export function toPublicProtocol(name: string): string {
  return isBearerSubprotocol(name) ? `${BEARER_PREFIX}…` : name;
}
