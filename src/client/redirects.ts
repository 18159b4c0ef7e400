import type { Socket } from 'node:net';
import type { EndPhase, FourDError } from '../errors.ts';
import type { HandshakeAgreement } from '../handshake/client-handshake.ts';
import { Dial, type DialListener, type DialOptions, type DialTarget } from './dial.ts';
import { timers } from '../base/timers.ts';
import { isBearerSubprotocol } from '../handshake/bearer-subprotocol.ts';
import type { ProxyChoice } from './proxy-option.ts';
import { parseWebSocketUrl } from './web-socket-url.ts';

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** TLS options that show who the client is, or whom it expects. The others say what it trusts, and hold everywhere. */
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

/** How to connect, and how far to follow. */
export interface RedirectingDialOptions extends Omit<DialOptions, 'proxy' | 'remainingMs'> {
  readonly followRedirects: number;
  readonly chooseProxy: ProxyChoice;
}

/** Where a server sends a client. */
export interface Redirect {
  readonly url: string;
  readonly isSameOrigin: boolean;
}

/** An opening handshake that follows a server elsewhere, as often as it may. All of it has one deadline. */
export class RedirectingDial implements DialListener {
  readonly #listener: DialListener;
  readonly #startMs: number = timers.nowMs;
  #options: RedirectingDialOptions;
  #left: number;
  #url: string;
  #target: DialTarget;
  #dial: Dial;

  /** @throws FourDError `ERR_INVALID_URL`, or `ERR_INVALID_OPTION` for the proxy of the environment */
  constructor(url: string, options: RedirectingDialOptions, listener: DialListener) {
    this.#listener = listener;
    this.#options = options;
    this.#left = options.followRedirects;
    this.#url = url;
    this.#target = parseWebSocketUrl(url);
    this.#dial = this.#open();
  }

  /** How far it has come. */
  get phase(): EndPhase {
    return this.#dial.phase;
  }

  /** Gives up. The listener hears nothing any more. */
  abort(): void {
    this.#dial.abort();
  }

  // DialListener

  onConnected(socket: Socket, head: Buffer, agreement: HandshakeAgreement): void {
    this.#listener.onConnected(socket, head, agreement);
  }

  onConnectFailed(error: FourDError): void {
    const redirect = this.#left > 0 ? readRedirect(error, this.#url) : undefined;
    if (redirect === undefined) {
      this.#listener.onConnectFailed(error);
      return;
    }
    this.#left--;
    try {
      this.#follow(redirect);
    } catch (thrown) {
      this.#listener.onConnectFailed(thrown as FourDError);
    }
  }

  #follow({ url, isSameOrigin }: Redirect): void {
    this.#url = url;
    // What was meant for one origin stays there.
    const { authorization } = this.#target;
    this.#target = { ...parseWebSocketUrl(url), authorization: isSameOrigin ? authorization : undefined };
    if (!isSameOrigin) this.#options = withoutSecrets(this.#options);
    this.#dial = this.#open();
  }

  #open(): Dial {
    const { chooseProxy, handshakeTimeoutMs } = this.#options;
    const remainingMs = Math.max(0, handshakeTimeoutMs - (timers.nowMs - this.#startMs));
    return new Dial(this.#target, { ...this.#options, remainingMs, proxy: chooseProxy(this.#target) }, this);
  }
}

/** What another origin than the first one may get. */
function withoutSecrets(options: RedirectingDialOptions): RedirectingDialOptions {
  const { offer, tls } = options;
  return {
    ...options,
    headers: {},
    offer: { ...offer, protocols: offer.protocols.filter((name) => !isBearerSubprotocol(name)) },
    tls: Object.fromEntries(Object.entries(tls).filter(([name]) => !ORIGIN_TLS_OPTIONS.has(name))),
  };
}

/**
 * Reads where a refusal sends the client (RFC 9110 section 15.4).
 *
 * @param from - the URL that was refused
 * @returns undefined when it sends it nowhere, or where it must not go: from TLS to none, or to what is no web address
 */
export function readRedirect(error: FourDError, from: string): Redirect | undefined {
  const location = error.httpHeaders?.location;
  if (error.code !== 'ERR_HANDSHAKE_REFUSED' || !REDIRECTS.has(error.httpStatus ?? 0)) return undefined;
  if (typeof location !== 'string' || !URL.canParse(location, from)) return undefined;
  const origin = new URL(from);
  const url = new URL(location, from);
  if (url.protocol === 'http:') url.protocol = 'ws:';
  if (url.protocol === 'https:') url.protocol = 'wss:';
  if (url.protocol !== 'wss:' && !(url.protocol === 'ws:' && origin.protocol === 'ws:')) return undefined;
  // A password that a server names is none of the user's.
  url.username = '';
  url.password = '';
  url.hash = '';
  return { url: url.href, isSameOrigin: url.protocol === origin.protocol && url.host === origin.host };
}
