import { callbackFailed } from '../errors.ts';
import { invalidOption } from '../session/option-checks.ts';
import { isThenable } from '../workers/worker.ts';
import type { ClientFacts } from './trusted-proxies.ts';
import { Refusal } from './admission.ts';
import type { RequestInfo } from './request-info.ts';

/** Decides about the origin of a page: true lets it connect. `origin` is `"null"` for a page without one. */
export type OriginCheck = (origin: string, request: RequestInfo) => boolean;

/** Which pages may connect: `'*'` all, a list of origins, or a function that decides. */
export type Origins = '*' | readonly string[] | OriginCheck;

/** The port that an origin without one means. */
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };

const OTHER_HOST =
  'this origin may not connect: the page is not from the host that it connects to. ' +
  'The server\'s option "origins" names the pages that may.';
const NOT_LISTED = 'this origin may not connect: the server\'s option "origins" does not allow it.';

interface Authority {
  readonly host: string;
  /** `''` when there is none. */
  readonly port: string;
}

/**
 * Keeps foreign pages out (cross-site WebSocket hijacking): a browser lets any page connect anywhere, and sends the user's
 * cookies along. What tells the page is the header Origin, which only browsers send.
 */
export class OriginRule {
  readonly #origins: '*' | ReadonlySet<string> | OriginCheck | undefined;

  /**
   * @param origins - undefined for pages of the same host only
   * @throws FourDError `ERR_INVALID_OPTION`
   */
  constructor(origins: unknown) {
    if (origins === undefined || origins === '*' || typeof origins === 'function') {
      this.#origins = origins as '*' | OriginCheck | undefined;
    } else if (Array.isArray(origins)) {
      this.#origins = new Set(origins.map(checkListed));
    } else {
      throw invalidOption(
        'origins must be "*", an array of origins such as "https://example.com", or a function',
        'HTTP',
      );
    }
  }

  /**
   * Judges a request.
   *
   * @returns the refusal, undefined when it may connect
   * @throws FourDError when the user's function fails
   */
  check(request: RequestInfo, client: ClientFacts): Refusal | undefined {
    const { origin } = request.headers;
    // Programs are no browsers: nobody's cookies are at stake.
    if (origin === undefined || this.#origins === '*') return undefined;
    // A repeated header: no browser does that.
    if (typeof origin !== 'string') return new Refusal(403, `${NOT_LISTED}\n`, undefined);
    if (this.#origins === undefined) {
      return isSameHost(origin, client) ? undefined : new Refusal(403, `${OTHER_HOST}\n`, undefined);
    }
    const isAllowed =
      typeof this.#origins === 'function'
        ? ask(this.#origins, origin, request)
        : this.#origins.has(normalizeOrigin(origin) ?? '');
    return isAllowed ? undefined : new Refusal(403, `${NOT_LISTED}\n`, undefined);
  }
}

function ask(check: OriginCheck, origin: string, request: RequestInfo): boolean {
  let answer: unknown;
  try {
    answer = check(origin, request);
  } catch (thrown) {
    throw callbackFailed('origins', thrown);
  }
  if (typeof answer === 'boolean') return answer;
  // A promise would count as yes, and its rejection would end the process.
  if (isThenable(answer)) Promise.resolve(answer).then(undefined, () => {});
  throw invalidOption('origins must return true or false; decide asynchronously in onConnection', 'HTTP');
}

function checkListed(origin: unknown): string {
  const normalized = typeof origin === 'string' ? normalizeOrigin(origin) : undefined;
  if (normalized !== undefined) return normalized;
  throw invalidOption(
    'origins must hold origins such as "https://example.com:8443": without path, without "*"',
    'HTTP',
  );
}

/** An origin as it is compared: in lower case, always with its port. Undefined for what is none, such as `null`. */
function normalizeOrigin(text: string): string | undefined {
  const origin = text.toLowerCase();
  const end = origin.indexOf('://');
  const scheme = origin.slice(0, end);
  const authority = end < 1 ? undefined : parseAuthority(origin.slice(end + '://'.length));
  if (authority === undefined) return undefined;
  return `${scheme}://${authority.host}:${authority.port || (DEFAULT_PORTS[scheme] ?? '')}`;
}

/**
 * Tells whether a page comes from the host that it connects to.
 *
 * @remarks A Host header without a port means that of the page's own scheme, because a proxy may have ended TLS; where TLS
 * is known to be used it means 443, which keeps out pages that came unencrypted.
 */
function isSameHost(origin: string, { host, isSecure }: ClientFacts): boolean {
  const scheme = origin.toLowerCase().startsWith('https:') ? 'https' : 'http';
  const here = parseAuthority(host.toLowerCase());
  if (here === undefined) return false;
  const port = here.port || DEFAULT_PORTS[isSecure ? 'https' : scheme];
  return normalizeOrigin(origin) === `${scheme}://${here.host}:${port}`;
}

/** Reads `host`, `host:port` or `[IPv6]:port`. */
function parseAuthority(text: string): Authority | undefined {
  const bracket = text.startsWith('[') ? text.indexOf(']') : 0;
  const colon = bracket < 0 ? -1 : text.indexOf(':', bracket);
  const host = colon < 0 ? text : text.slice(0, colon);
  const port = colon < 0 ? '' : text.slice(colon + 1);
  const isHost = host !== '' && bracket >= 0 && (bracket === 0 || bracket === host.length - 1);
  if (!isHost || !isHostText(host) || port.length > 5 || (colon >= 0 && port === '') || !isDigits(port))
    return undefined;
  return { host, port };
}

/** No path, no user, no wildcard, no list. */
function isHostText(text: string): boolean {
  for (const character of text) {
    if (character <= ' ' || '/\\?#@*,;"<>'.includes(character)) return false;
  }
  return true;
}

function isDigits(text: string): boolean {
  for (const character of text) {
    if (character < '0' || character > '9') return false;
  }
  return true;
}
