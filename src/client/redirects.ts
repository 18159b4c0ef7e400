import type { Socket } from 'node:net';
import { URL } from 'node:url';
import type { EndPhase, FourDError } from '../errors.ts';
import type { HandshakeAgreement } from '../handshake/client-handshake.ts';
import { decodeHeaderValue } from '../handshake/header-grammar.ts';
import type { StoredAnswer } from '../handshake/stored-answer.ts';
import { Dial, type DialListener, type DialOptions, type DialTarget } from './dial.ts';
import { timers } from '../base/timers.ts';
import type { CallScope } from '../workers/call-scope.ts';
import { isSecretSubprotocol } from '../handshake/bearer-subprotocol.ts';
import type { ProxyChoice } from './proxy-option.ts';
import { parseWebSocketUrl } from './web-socket-url.ts';

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * TLS options that identify the client, or one server. All others say what the client trusts, and hold for every
 * origin.
 */
const ORIGIN_TLS_OPTIONS: ReadonlySet<string> = new Set([
  'cert',
  'clientCertEngine',
  'key',
  'passphrase',
  'pfx',
  'privateKeyEngine',
  'privateKeyIdentifier',
  'pskCallback',
  'secureContext',
  'servername',
  'session',
]);

/** How to connect, and how many redirects to follow. */
export interface RedirectingDialOptions extends Omit<DialOptions, 'proxy' | 'remainingMs'> {
  readonly followRedirects: number;
  /** Where functions of the user run, such as `tls.lookup`. Node calls them where the dial was made. */
  readonly scope: CallScope;
  readonly chooseProxy: ProxyChoice;
}

/** The target of a redirect. */
export interface Redirect {
  readonly url: string;
  readonly isSameOrigin: boolean;
}

/** An opening handshake that follows up to `followRedirects` redirects. One deadline holds for all of them. */
export class RedirectingDial implements DialListener {
  readonly #listener: DialListener;
  readonly #startMs: number = timers.nowMs;
  #options: RedirectingDialOptions;
  #redirectsLeft: number;
  #url: string;
  #target: DialTarget;
  #dial: Dial;
  #isAborted = false;

  /**
   * @param target - what the URL means, when it has been read already
   * @throws FourDError `ERR_INVALID_URL`, or `ERR_INVALID_OPTION` for the proxy of the environment
   */
  constructor(
    url: string,
    options: RedirectingDialOptions,
    listener: DialListener,
    target: DialTarget = parseWebSocketUrl(url),
  ) {
    this.#listener = listener;
    this.#options = options;
    this.#redirectsLeft = options.followRedirects;
    this.#url = url;
    this.#target = target;
    this.#dial = this.#open();
  }

  /** The phase that the present handshake has reached. */
  get phase(): EndPhase {
    return this.#dial.phase;
  }

  /** Gives up without a call to the listener. */
  abort(): void {
    this.#isAborted = true;
    this.#dial.abort();
  }

  // DialListener

  onConnected(socket: Socket, head: Buffer, agreement: HandshakeAgreement, answer: StoredAnswer): void {
    this.#listener.onConnected(socket, head, agreement, answer);
  }

  onConnectFailed(error: FourDError): void {
    const redirect = this.#redirectsLeft > 0 ? readRedirect(error, this.#url) : undefined;
    if (redirect === undefined) {
      this.#listener.onConnectFailed(error);
      return;
    }
    this.#redirectsLeft--;
    try {
      this.#follow(redirect);
    } catch (thrown) {
      this.#listener.onConnectFailed(thrown as FourDError);
    }
  }

  #follow({ url, isSameOrigin }: Redirect): void {
    this.#url = url;
    // Credentials for one origin are not sent to another.
    const { authorization } = this.#target;
    this.#target = { ...parseWebSocketUrl(url), authorization: isSameOrigin ? authorization : undefined };
    if (!isSameOrigin) this.#options = withoutSecrets(this.#options);
    this.#dial = this.#open();
    // A function of the user, such as `tls.lookup`, may have called abort() while the dial began.
    if (this.#isAborted) this.#dial.abort();
  }

  #open(): Dial {
    const { headers, offer, handshakeTimeoutMs, tls, chooseProxy, scope } = this.#options;
    const remainingMs = Math.max(0, handshakeTimeoutMs - (timers.nowMs - this.#startMs));
    const proxy = chooseProxy(this.#target);
    const options = { headers, offer, handshakeTimeoutMs, tls, proxy, remainingMs };
    return scope.run(() => new Dial(this.#target, options, this));
  }
}

/** Removes the secrets that only the first origin may get. */
function withoutSecrets(options: RedirectingDialOptions): RedirectingDialOptions {
  const { offer, tls } = options;
  return {
    ...options,
    headers: {},
    offer: { ...offer, protocols: offer.protocols.filter((name) => !isSecretSubprotocol(name)) },
    tls: Object.fromEntries(Object.entries(tls).filter(([name]) => !ORIGIN_TLS_OPTIONS.has(name))),
  };
}

/**
 * Reads the redirect in a refusal (RFC 9110 section 15.4).
 *
 * @param fromUrl - the URL that was refused
 * @returns undefined for no redirect, and for one that must not be followed: from TLS to plain TCP, or to a URL other
 *   than http, https, ws or wss
 */
export function readRedirect(error: FourDError, fromUrl: string): Redirect | undefined {
  const location = readLocation(error.httpHeaders?.location);
  if (error.code !== 'ERR_HANDSHAKE_REFUSED' || !REDIRECTS.has(error.httpStatus ?? 0)) return undefined;
  if (typeof location !== 'string' || !URL.canParse(location, fromUrl)) return undefined;
  const from = new URL(fromUrl);
  const url = new URL(location, fromUrl);
  if (url.protocol === 'http:') url.protocol = 'ws:';
  if (url.protocol === 'https:') url.protocol = 'wss:';
  if (url.protocol !== 'wss:' && !(url.protocol === 'ws:' && from.protocol === 'ws:')) return undefined;
  // Credentials that the server puts into the URL are not the user's.
  url.username = '';
  url.password = '';
  url.hash = '';
  return { url: url.href, isSameOrigin: url.protocol === from.protocol && url.host === from.host };
}

/** Servers send characters beyond ASCII as UTF-8, which Node gives as Latin-1. */
function readLocation(value: unknown): string | undefined {
  return typeof value === 'string' ? decodeHeaderValue(value) : undefined;
}
