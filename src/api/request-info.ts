import type { IncomingMessage } from 'node:http';

/** A client's upgrade request, as `event.request` shows it. Its objects have no prototype. */
export interface RequestInfo {
  /** The target as it stands in the request line, for example `/status?name=ryan`. */
  readonly url: string;
  /** Decoded parameters of the URL. A key that comes more than once has an array. */
  readonly query: Readonly<Record<string, string | readonly string[]>>;
  /** Headers by lower-case name. A header that comes more than once has an array. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /**
   * IP address of the client; an IPv4 address mapped to IPv6 is shown as IPv4. Behind proxies it is theirs, unless the option
   * `trustedProxies` names them. Empty for a Unix socket.
   */
  readonly remoteAddress: string;
}

/** Describes an upgrade request for `onConnection`. */
export function toRequestInfo(request: IncomingMessage, remoteAddress: string): RequestInfo {
  return describe(request.url ?? '/', request.rawHeaders, remoteAddress);
}

/**
 * The request of an open connection, which few look at: kept as one string, and parsed when it is read first.
 *
 * @remarks Parsed objects of a browser's request take four times as much, and connections live for days.
 */
export class KeptRequest {
  #text: string;
  readonly #remoteAddress: string;
  #info: RequestInfo | undefined;

  constructor(request: IncomingMessage, remoteAddress: string) {
    // No header can hold a line feed.
    this.#text = [request.url ?? '/', ...request.rawHeaders].join('\n');
    this.#remoteAddress = remoteAddress;
  }

  read(): RequestInfo {
    if (this.#info === undefined) {
      const [url, ...rawHeaders] = this.#text.split('\n') as [string, ...string[]];
      this.#info = describe(url, rawHeaders, this.#remoteAddress);
      this.#text = '';
    }
    return this.#info;
  }
}

function describe(url: string, rawHeaders: readonly string[], remoteAddress: string): RequestInfo {
  const headers = createMultiMap();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    add(headers, (rawHeaders[i] as string).toLowerCase(), rawHeaders[i + 1] as string);
  }
  return { url, query: parseQuery(url), headers, remoteAddress };
}

/** Decodes the parameters behind the question mark: percent signs, and `+` as a space. */
function parseQuery(url: string): Record<string, string | string[]> {
  const query = createMultiMap();
  const start = url.indexOf('?');
  if (start < 0) return query;
  const end = url.indexOf('#', start);
  const text = url.slice(start + 1, end < 0 ? undefined : end);
  // URLSearchParams decodes what is malformed as far as it goes, and never throws.
  for (const [key, value] of new URLSearchParams(text)) add(query, key, value);
  return query;
}

/** An object that a peer may fill with any key: it has no prototype to hit. */
function createMultiMap(): Record<string, string | string[]> {
  return Object.create(null) as Record<string, string | string[]>;
}

function add(map: Record<string, string | string[]>, key: string, value: string): void {
  const known = map[key];
  if (known === undefined) map[key] = value;
  else if (typeof known === 'string') map[key] = [known, value];
  else known.push(value);
}
