/** How a handshake request differs from the plain request. */
export interface RequestOptions {
  /** Path and query. */
  readonly path?: string;
  /** Further header lines. */
  readonly headers?: readonly string[];
  /** Names of headers of the plain request that are left out. */
  readonly without?: readonly string[];
}

/** Builds the handshake request of RFC 6455 section 1.3, as a client sends it. */
export function handshakeRequest({ path = '/', headers = [], without = [] }: RequestOptions = {}): string {
  const usual = [
    'Host: localhost',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
  ].filter((line) => !without.some((name) => line.startsWith(`${name}:`)));
  return `${[`GET ${path} HTTP/1.1`, ...usual, ...headers].join('\r\n')}\r\n\r\n`;
}
