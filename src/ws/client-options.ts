import type { Agent, ClientRequest, ClientRequestArgs } from 'node:http';
import type { createConnection } from 'node:net';
import type { PeerCertificate, SecureContextOptions } from 'node:tls';
import { isToken } from '../handshake/header-grammar.ts';
import { checkNumber, invalidOption } from '../session/option-checks.ts';
import { refuseOptions, type SharedOptions } from './options.ts';

/**
 * Options of a client: those of ws, of `http.request` and `https.request`, and limits of this library.
 *
 * @typeParam Client - the class of the WebSocket, which `finishRequest` gets
 */
export interface ClientOptions<Client = unknown> extends SharedOptions, SecureContextOptions {
  /** The subprotocol, or several in order of preference, where the second argument names none. */
  readonly protocols?: string | readonly string[] | undefined;
  /** Whether redirects are followed. Default false. */
  readonly followRedirects?: boolean | undefined;
  /** Most redirects. Default 10. */
  readonly maxRedirects?: number | undefined;
  /** Time in milliseconds until the connection must be open; 0 sets no limit. Default 10 000 (ws: no limit). */
  readonly handshakeTimeout?: number | undefined;
  /** Only 13 is spoken. */
  readonly protocolVersion?: number | undefined;
  readonly headers?: { readonly [key: string]: string | readonly string[] | number | undefined } | undefined;
  /** The header Origin. Default none. */
  readonly origin?: string | undefined;
  readonly agent?: Agent | false | undefined;
  readonly auth?: string | null | undefined;
  readonly family?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly rejectUnauthorized?: boolean | undefined;
  readonly servername?: string | undefined;
  /** As that of `tls.connect`: returns an error for a certificate that is not that of the server. */
  checkServerIdentity?(servername: string, cert: PeerCertificate): unknown;
  /** Connects instead of `net.connect` and `tls.connect`. */
  readonly createConnection?: ClientRequestArgs['createConnection'] | undefined;
  /** Ends the request, after it has changed it: nothing is sent before `request.end()`. */
  readonly finishRequest?: ((request: ClientRequest, webSocket: Client) => void) | undefined;
}

/** The same, with functions as @types/ws has them. */
export interface TypedClientOptions<Client = unknown> extends Omit<
  ClientOptions<Client>,
  'checkServerIdentity' | 'createConnection'
> {
  readonly createConnection?: typeof createConnection | undefined;
  checkServerIdentity?(servername: string, cert: string | string[] | Buffer | Buffer[]): boolean;
}

const REFUSED: Readonly<Record<string, string>> = {
  generateMask: 'masking keys are always random, as RFC 6455 section 5.3 demands; leave it out',
};

const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;
const DEFAULT_MAX_REDIRECTS = 10;

/** The options that the handshake itself reads. */
export interface CheckedClientOptions {
  readonly given: ClientOptions;
  readonly handshakeTimeoutMs: number;
  readonly maxRedirects: number;
}

/** @throws FourDError `ERR_INVALID_OPTION`; RangeError for a version of the protocol that is not spoken */
export function checkClientOptions(options: ClientOptions): CheckedClientOptions {
  refuseOptions(options, REFUSED, 'client');
  const { handshakeTimeout = DEFAULT_HANDSHAKE_TIMEOUT_MS, maxRedirects = DEFAULT_MAX_REDIRECTS } = options;
  if (options.protocolVersion !== undefined && options.protocolVersion !== 13) {
    throw new RangeError(
      `protocolVersion ${options.protocolVersion} is not supported by 4d-websocket/ws: leave it out, 13 is that of RFC 6455`,
    );
  }
  const range = { min: 0, max: Infinity };
  const timeoutMs = checkNumber('handshakeTimeout', handshakeTimeout, range, 'HTCL');
  return {
    given: options,
    handshakeTimeoutMs: timeoutMs === 0 ? Infinity : timeoutMs,
    maxRedirects: checkNumber('maxRedirects', maxRedirects, range, 'HTCL'),
  };
}

/**
 * Returns the subprotocols that a client offers.
 *
 * @param given - the second argument of the constructor, or the option
 * @throws SyntaxError when one is no token, or is there twice
 */
export function checkProtocols(given: unknown): readonly string[] {
  const protocols: readonly unknown[] = given === undefined ? [] : Array.isArray(given) ? given : [given];
  const isValid = protocols.every((protocol) => typeof protocol === 'string' && isToken(protocol));
  if (!isValid || new Set(protocols).size < protocols.length) {
    throw new SyntaxError('An invalid or duplicated subprotocol was specified');
  }
  return protocols as readonly string[];
}

/** The address of a server, as `http.request` needs it. */
export interface Target {
  readonly url: URL;
  readonly isSecure: boolean;
  /** The path of the Unix socket, undefined for TCP. */
  readonly socketPath: string | undefined;
  readonly host: string;
  readonly port: string | number;
  readonly path: string;
  /** Of the user info of the URL, undefined without. */
  readonly auth: string | undefined;
}

/** @throws SyntaxError when a WebSocket cannot connect there */
export function parseTarget(address: unknown, base?: URL): Target {
  let url: URL;
  try {
    url = new URL(String(address), base);
  } catch {
    throw new SyntaxError(`Invalid URL: ${String(address)}`);
  }
  if (url.protocol === 'http:') url.protocol = 'ws:';
  if (url.protocol === 'https:') url.protocol = 'wss:';
  const isUnix = url.protocol === 'ws+unix:';
  const isSecure = url.protocol === 'wss:';
  if (url.protocol !== 'ws:' && !isSecure && !isUnix) {
    throw new SyntaxError('The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"');
  }
  if (isUnix && url.pathname === '') throw new SyntaxError("The URL's pathname is empty");
  if (url.hash !== '') throw new SyntaxError('The URL contains a fragment identifier');
  const whole = `${url.pathname}${url.search}`;
  const colon = isUnix ? whole.indexOf(':') : -1;
  return {
    url,
    isSecure,
    socketPath: isUnix ? (colon < 0 ? whole : whole.slice(0, colon)) : undefined,
    host: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
    port: url.port === '' ? (isSecure ? 443 : 80) : url.port,
    path: isUnix ? (colon < 0 ? '' : whole.slice(colon + 1)) : whole,
    auth: url.username === '' && url.password === '' ? undefined : authOf(url),
  };
}

function authOf({ username, password }: URL): string {
  try {
    return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  } catch {
    throw invalidOption('the user info of the URL is not valid percent-encoding', 'HTCL');
  }
}
