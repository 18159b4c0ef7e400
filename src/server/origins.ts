import { callbackFailed } from '../errors.ts';
import { ignoreRejection } from '../base/promises.ts';
import { DEFAULT_PORTS, normalizeOrigin, parseAuthority, parseHostHeader } from '../handshake/authority.ts';
import { decodeHeaderValue } from '../handshake/header-grammar.ts';
import type { UpgradeRefusal } from '../http/upgrade-refusal.ts';
import { invalidOption, quoted, readList } from '../session/option-checks.ts';
import { isLoopbackHost } from './loopback.ts';
import type { ClientFacts } from './direct-client.ts';
import type { RequestInfo } from './request-info.ts';

/** Decides whether a page may connect, by its origin: true lets it in. `origin` is `"null"` for an opaque origin. */
export type OriginCheck = (origin: string, request: RequestInfo) => boolean;

/** Which pages may connect: `'*'` all, a list of origins, or a function that decides. */
export type Origins = '*' | readonly string[] | OriginCheck;

const OTHER_HOST =
  'this origin is not allowed: the page does not come from the host that it connects to. ' +
  'To allow it, add it to the server\'s option "origins".';
const NOT_LISTED = 'this origin is not allowed: the server\'s option "origins" does not name it.';

/**
 * Keeps foreign pages out (cross-site WebSocket hijacking): a browser lets any page connect to any server, and sends
 * the user's cookies along. The header Origin, which every browser sends, names the page.
 */
export class OriginRule {
  readonly #origins: '*' | ReadonlySet<string> | OriginCheck | undefined;

  /**
   * @param origins - undefined for pages of the same host only
   * @throws FourDError `ERR_INVALID_OPTION`
   */
  constructor(origins: unknown) {
    const list = readList('origins', origins, 'HTTP');
    if (origins === undefined || origins === '*' || typeof origins === 'function') {
      this.#origins = origins as '*' | OriginCheck | undefined;
    } else if (list !== undefined) {
      this.#origins = new Set(list.map(checkListed));
    } else {
      throw invalidOption(
        'origins must be "*", an array of origins such as "https://example.com", or a function',
        'HTTP',
      );
    }
  }

  /**
   * Checks the origin of a request.
   *
   * @returns the refusal, undefined when the client may connect
   * @throws FourDError when the user's function fails
   */
  check(request: RequestInfo, client: ClientFacts): UpgradeRefusal | undefined {
    const { origin } = request.headers;
    // A request without Origin comes from a program: no browser adds a user's cookies to it.
    if (origin === undefined || this.#origins === '*') return undefined;
    // No browser repeats the header.
    if (typeof origin !== 'string') return refusalOfOrigin(NOT_LISTED, REPEATED);
    const readable = readOrigin(origin);
    if (this.#origins === undefined) {
      const isAllowed = isSameHost(readable, client) || isLocalPage(readable, client);
      return isAllowed ? undefined : refusalOfOrigin(OTHER_HOST, adviceOnOtherHost(readable));
    }
    if (typeof this.#origins === 'function') {
      return askCheck(this.#origins, origin, request) ? undefined : refusalOfOrigin(NOT_LISTED, DENIED);
    }
    const isAllowed = this.#origins.has(normalizeOrigin(readable) ?? '');
    return isAllowed ? undefined : refusalOfOrigin(NOT_LISTED, `${adviceOnOrigin(readable)}.`);
  }
}

const REPEATED =
  'The request has two Origin headers, as no browser sends it: correct the client, or the proxy in between.';
const DENIED = 'The function origins returned false for this origin: let it return true to let the page in.';

function refusalOfOrigin(reason: string, advice: string): UpgradeRefusal {
  return { status: 403, cause: 'origin', reason, advice };
}

function adviceOnOtherHost(origin: string): string {
  const advice = adviceOnOrigin(origin);
  if (normalizeOrigin(origin) === undefined) return `${advice}.`;
  return (
    `${advice}; a list must name the own host too. If the page does come from this host, a proxy has changed ` +
    'Host: let it pass on the Host of the client, or send X-Forwarded-Host and be named in trustedProxies.'
  );
}

/** Says how to let a page in, in words that can be copied into the options. */
function adviceOnOrigin(origin: string): string {
  const normalized = normalizeOrigin(origin);
  if (normalized !== undefined) return `To let this page in, pass origins: [${quote(withoutDefaultPort(normalized))}]`;
  return 'The page has no origin of a host (a file, or a frame in a sandbox): only origins: "*" or a function lets it in';
}

function quote(text: string): string {
  return `'${text.replaceAll("'", '%27')}'`;
}

/** Undoes what {@link normalizeOrigin} adds, so that the origin looks as browsers write it. */
function withoutDefaultPort(origin: string): string {
  const end = origin.lastIndexOf(':');
  const scheme = origin.slice(0, origin.indexOf('://'));
  const port = origin.slice(end + 1);
  return port === '' || port === DEFAULT_PORTS[scheme] ? origin.slice(0, end) : origin;
}

/**
 * Reads the header kindly: programs that imitate a browser send the URL of the WebSocket (`ws:`, `wss:`), or a slash behind
 * the host.
 */
function readOrigin(header: string): string {
  const origin = decodeHeaderValue(header);
  const text = origin.endsWith('/') ? origin.slice(0, -1) : origin;
  const scheme = text.slice(0, text.indexOf(':')).toLowerCase();
  if (scheme === 'ws') return `http${text.slice('ws'.length)}`;
  return scheme === 'wss' ? `https${text.slice('wss'.length)}` : text;
}

function askCheck(check: OriginCheck, origin: string, request: RequestInfo): boolean {
  let answer: unknown;
  try {
    answer = check(origin, request);
  } catch (thrown) {
    throw callbackFailed('origins', thrown);
  }
  if (typeof answer === 'boolean') return answer;
  // A promise is truthy and must not let the page in; its rejection must not end the process.
  ignoreRejection(answer);
  throw invalidOption('origins must return true or false; decide asynchronously in onConnection', 'HTTP');
}

function checkListed(origin: unknown): string {
  const normalized = typeof origin === 'string' ? normalizeOrigin(origin) : undefined;
  if (normalized !== undefined) return normalized;
  const advice = origin === '*' ? `: write origins: '*' without brackets` : `; received ${quoted(origin)}`;
  throw invalidOption(
    `origins must hold origins such as "https://example.com:8443", without path and without "*"${advice}`,
    'HTTP',
  );
}

/**
 * Tells whether a page comes from the host that it connects to.
 *
 * @remarks When the client is known to use TLS, the page must have been loaded with TLS too: whoever controls the network
 * can serve any page at `http://` and this host and port. When it is not known, both schemes count, because a proxy may
 * have ended TLS. Where the Host header has no port, the default port of the page's scheme counts.
 */
function isSameHost(origin: string, { host, isSecure }: ClientFacts): boolean {
  const scheme = origin.toLowerCase().startsWith('https:') ? 'https' : 'http';
  if (isSecure && scheme !== 'https') return false;
  const target = parseHostHeader(host);
  if (target === undefined) return false;
  const port = target.port || DEFAULT_PORTS[scheme];
  return normalizeOrigin(origin) === `${scheme}://${target.host}:${port}`;
}

/**
 * Tells whether a page of this machine connects to this machine, on any port: the dev server on :5173 may talk to :8080.
 *
 * @remarks The client must run on this machine too. Whoever can serve a page on a port of this machine may then connect.
 */
function isLocalPage(origin: string, { host, isLocal }: ClientFacts): boolean {
  if (!isLocal) return false;
  const end = origin.indexOf('://');
  const page = end < 1 ? undefined : parseAuthority(origin.slice(end + '://'.length));
  const target = parseHostHeader(host);
  return page !== undefined && target !== undefined && isLoopbackHost(page.host) && isLoopbackHost(target.host);
}
