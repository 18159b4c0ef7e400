/** What a subprotocol begins with that carries a token: pages in browsers cannot set headers. */
export const BEARER_PREFIX = 'bearer.';

/** Tells whether an offered subprotocol carries a token, which no answer may repeat. */
export function isBearerSubprotocol(name: string): boolean {
  return name.startsWith(BEARER_PREFIX);
}
