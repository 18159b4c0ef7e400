import { URLSearchParams } from 'node:url';
import { addValue, collectHeaders, createMultiMap, type MultiMap } from '../handshake/multi-map.ts';
import { type PathParams, type PathPattern, readRequestPath } from '../handshake/path-pattern.ts';
import type { UpgradeRequest } from '../handshake/server-handshake.ts';

const END = '\r\n\r\n';

/** A client's upgrade request, as `event.request` shows it. Its objects are frozen and have no prototype. */
export interface RequestInfo {
  /** The target as it stands in the request line, for example `/status?name=ryan`. */
  readonly url: string;
  /** Decoded parameters of the URL. A key that comes more than once has an array. */
  readonly query: Readonly<Record<string, string | readonly string[]>>;
  /**
   * What the parameters of the server's `path` took from the path of the URL, decoded: `:room` has `params.room`, `*` has
   * `params['*']`. Empty without parameters.
   */
  readonly params: PathParams;
  /** Headers by lower-case name. A header that comes more than once has an array. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /**
   * IP address of the client; an IPv4 address mapped to IPv6 is shown as IPv4. Behind a proxy this is the proxy's
   * address, unless the option `trustedProxies` names the proxy. Empty for a Unix socket.
   */
  readonly remoteAddress: string;
}

/** The event of `onConnection`: a client asks for a connection. */
export interface ConnectionEvent {
  readonly type: 'connection';
  readonly request: RequestInfo;
}

const NO_PARAMS: PathParams = Object.freeze(Object.create(null) as PathParams);

/**
 * Describes an upgrade request for `onConnection`.
 *
 * @param pattern - the path of the server, undefined for all paths
 */
export function toRequestInfo(
  { url = '/', headers, rawHeaders }: UpgradeRequest,
  remoteAddress: string,
  pattern?: PathPattern,
): RequestInfo {
  const allHeaders = rawHeaders === undefined ? (headers as RequestInfo['headers']) : collectHeaders(rawHeaders);
  const params =
    pattern?.isLiteral === false ? (Object.freeze(pattern.match(readRequestPath(url))) ?? NO_PARAMS) : NO_PARAMS;
  const query = Object.freeze(parseQuery(url));
  return Object.freeze({ url, query, params, headers: Object.freeze(allHeaders), remoteAddress });
}

/**
 * The upgrade request of an open connection: kept as one string, and parsed when it is first read, because few programs
 * read it.
 *
 * @remarks The parsed objects of a browser's request take four times as much memory, and connections live for days.
 */
export class StoredRequest {
  #request: string | RequestInfo;
  readonly remoteAddress: string;
  readonly #pattern: PathPattern | undefined;

  constructor(request: UpgradeRequest, remoteAddress: string, pattern?: PathPattern) {
    this.#request = request.text ?? toText(request);
    this.remoteAddress = remoteAddress;
    this.#pattern = pattern;
  }

  read(): RequestInfo {
    if (typeof this.#request === 'string') {
      this.#request = toRequestInfo(fromText(this.#request), this.remoteAddress, this.#pattern);
    }
    return this.#request;
  }
}

/** Writes a request as its client sent it, without the white space around header values. */
function toText({ url = '/', rawHeaders = [] }: UpgradeRequest): string {
  const lines = [`GET ${url} HTTP/1.1`];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  lines.push('', '');
  return lines.join('\r\n');
}

/** Undoes {@link toText}, relying on Node's parser: no target holds a space, and no header a line end. */
function fromText(text: string): UpgradeRequest {
  const [start, ...lines] = text.slice(0, -END.length).split('\r\n') as [string, ...string[]];
  const rawHeaders = lines.flatMap((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + ': '.length)];
  });
  return { url: start.slice('GET '.length, start.lastIndexOf(' ')), headers: {}, rawHeaders };
}

/** Decodes the parameters behind the question mark: percent signs, and `+` as a space. */
function parseQuery(url: string): MultiMap {
  const query = createMultiMap();
  const start = url.indexOf('?');
  if (start < 0) return query;
  const end = url.indexOf('#', start);
  const text = url.slice(start + 1, end < 0 ? undefined : end);
  // URLSearchParams decodes malformed parameters as far as possible, and never throws.
  for (const [key, value] of new URLSearchParams(text)) addValue(query, key, value);
  return query;
}
