/**
 * Prefix of a subprotocol that carries a bearer token, because pages in browsers cannot set an Authorization header.
 */
export const BEARER_PREFIX = 'bearer.';

/** Tells whether an offered subprotocol carries a bearer token, which no answer may repeat. */
export function isBearerSubprotocol(name: string): boolean {
  return name.startsWith(BEARER_PREFIX);
}

/** A subprotocol with the secret of a session of topics. */
const SESSION = /^session\.[\w-]{16,}$/;

/** Tells whether a subprotocol carries a secret of the client: a bearer token, or that of a session of topics. */
export function isSecretSubprotocol(name: string): boolean {
  return isBearerSubprotocol(name) || SESSION.test(name);
}

/**
 * Returns a subprotocol as logs may show it, without its secret: some servers select the first offer, whatever it is, and
 * make it the subprotocol of the client.
 */
export function toPublicProtocol(name: string): string {
  return isSecretSubprotocol(name) ? name.replace(/\..*/s, '.…') : name;
}
