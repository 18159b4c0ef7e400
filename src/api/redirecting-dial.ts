import type { Socket } from 'node:net';
import type { FourDError } from '../errors.ts';
import type { HandshakeAgreement } from '../protocol/handshake-client.ts';
import { Dial, type DialListener, type DialOptions, type DialTarget } from '../transport/dial.ts';
import { timers } from '../transport/timers.ts';
import type { ProxyChoice } from './proxy-option.ts';
import { parseWebSocketUrl } from './web-socket-url.ts';

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

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
    // What was meant for one origin stays there: headers, password of the URL, certificate of the client.
    const { authorization } = this.#target;
    this.#target = { ...parseWebSocketUrl(url), authorization: isSameOrigin ? authorization : undefined };
    if (!isSameOrigin) {
      const {
        key: _key,
        cert: _cert,
        pfx: _pfx,
        passphrase: _passphrase,
        servername: _name,
        ...tls
      } = this.#options.tls;
      this.#options = { ...this.#options, headers: {}, tls };
    }
    this.#dial = this.#open();
  }

  #open(): Dial {
    const { chooseProxy, handshakeTimeoutMs } = this.#options;
    const remainingMs = Math.max(0, handshakeTimeoutMs - (timers.nowMs - this.#startMs));
    return new Dial(this.#target, { ...this.#options, remainingMs, proxy: chooseProxy(this.#target) }, this);
  }
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
