/** What a handshake request differs in from the plainest one. */
export interface RequestOptions {
  /** Path and query. */
  readonly path?: string;
  /** Further header lines. */
  readonly headers?: readonly string[];
  /** Names of the usual headers that are left out. */
  readonly without?: readonly string[];
}

/** The opening handshake of RFC 6455 section 1.3, as a client sends it. */
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
