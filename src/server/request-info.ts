import type { UpgradeRequest } from '../handshake/server-handshake.ts';

const END = '\r\n\r\n';

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

/** A client asks for a connection. */
export interface ConnectionEvent {
  readonly type: 'connection';
  readonly request: RequestInfo;
}

/** Describes an upgrade request for `onConnection`. */
export function toRequestInfo({ url = '/', headers, rawHeaders }: UpgradeRequest, remoteAddress: string): RequestInfo {
  const all = rawHeaders === undefined ? (headers as RequestInfo['headers']) : collect(rawHeaders);
  return { url, query: parseQuery(url), headers: all, remoteAddress };
}

/**
 * The request of an open connection, which few look at: kept as one string, and parsed when it is read first.
 *
 * @remarks Parsed objects of a browser's request take four times as much, and connections live for days.
 */
export class StoredRequest {
  #request: string | RequestInfo;
  readonly #remoteAddress: string;

  constructor(request: UpgradeRequest, remoteAddress: string) {
    this.#request = request.text ?? toText(request);
    this.#remoteAddress = remoteAddress;
  }

  read(): RequestInfo {
    if (typeof this.#request === 'string') {
      this.#request = toRequestInfo(fromText(this.#request), this.#remoteAddress);
    }
    return this.#request;
  }
}

/** A request as its client sent it, but for what stands around the values of headers. */
function toText({ url = '/', rawHeaders = [] }: UpgradeRequest): string {
  const lines = [`GET ${url} HTTP/1.1`];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  lines.push('', '');
  return lines.join('\r\n');
}

/** The counterpart of {@link toText}. No target holds a space, no header a line end. */
function fromText(text: string): UpgradeRequest {
  const [start, ...lines] = text.slice(0, -END.length).split('\r\n') as [string, ...string[]];
  const rawHeaders = lines.flatMap((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + ': '.length)];
  });
  return { url: start.slice('GET '.length, start.lastIndexOf(' ')), headers: {}, rawHeaders };
}

function collect(rawHeaders: readonly string[]): Record<string, string | string[]> {
  const headers = createMultiMap();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    add(headers, (rawHeaders[i] as string).toLowerCase(), rawHeaders[i + 1] as string);
  }
  return headers;
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
