import { type ClientRequest, type IncomingMessage, request as requestOverTcp, type RequestOptions } from 'node:http';
import { request as requestOverTls } from 'node:https';
import { connect as connectTcp, isIP, type NetConnectOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls';
import { type Deadline, timers } from '../base/timers.ts';
import {
  buildHandshakeHeaders,
  checkUpgradeResponse,
  type HandshakeAgreement,
  newHandshakeKey,
} from '../handshake/client-handshake.ts';
import type { DeflateParameters } from '../handshake/permessage-deflate.ts';
import { connectReading } from '../transport/shared-read-buffer.ts';
import { ignoreErrors } from '../transport/socket-transport.ts';
import { type CheckedClientOptions, type ClientOptions, parseTarget, type Target } from './client-options.ts';

/** The WebSocket that a handshake is for. */
export interface HandshakeHost {
  /** Whether the WebSocket still waits for the handshake. */
  readonly isConnecting: boolean;
  /** Emits an event of the handshake. Returns whether it has a listener. */
  tell(event: 'upgrade' | 'redirect' | 'unexpected-response', ...args: readonly unknown[]): boolean;
  hasListener(event: string): boolean;
  onTarget(url: string): void;
  onAgreed(socket: Duplex, head: Buffer, agreed: HandshakeAgreement): void;
  onHandshakeFailed(error: Error): void;
  /** Calls the option `finishRequest`. */
  finish(finishRequest: NonNullable<ClientOptions['finishRequest']>, request: ClientRequest): void;
}

/** Headers that are for the first server only. */
const PRIVATE_HEADERS: ReadonlySet<string> = new Set(['authorization', 'cookie']);

/** The opening handshake of a client, over requests of Node, which the user can change: with all redirects. */
export class ClientHandshake implements Deadline {
  readonly #host: HandshakeHost;
  readonly #options: CheckedClientOptions;
  readonly #protocols: readonly string[];
  readonly #deflate: DeflateParameters | undefined;
  readonly #first: Target;
  #target: Target;
  #request: ClientRequest | undefined;
  #redirects = 0;
  #ticket: number | undefined;
  #isOver = false;

  /** @throws SyntaxError when a WebSocket cannot connect to the address */
  constructor(
    host: HandshakeHost,
    address: unknown,
    protocols: readonly string[],
    options: CheckedClientOptions,
    deflate: DeflateParameters | undefined,
  ) {
    this.#host = host;
    this.#options = options;
    this.#protocols = protocols;
    this.#deflate = deflate;
    this.#first = parseTarget(address);
    this.#target = this.#first;
  }

  /** Sends the first request. @throws what `finishRequest` throws, or `http.request` */
  start(): void {
    const { handshakeTimeoutMs } = this.#options;
    if (handshakeTimeoutMs !== Infinity) this.#ticket = timers.schedule(this, handshakeTimeoutMs);
    this.#ask();
  }

  /** Gives up. `onHandshakeFailed` follows in a later turn. */
  abort(message: string): void {
    if (this.#isOver) return;
    this.#end();
    process.nextTick(() => this.#host.onHandshakeFailed(new Error(message)));
  }

  onDeadline(): void {
    this.#ticket = undefined;
    this.abort('Opening handshake has timed out');
  }

  #end(): void {
    this.#isOver = true;
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#ticket = undefined;
    const { socket } = this.#request ?? {};
    this.#request?.destroy();
    socket?.destroy();
  }

  #ask(): void {
    const { given } = this.#options;
    const target = this.#target;
    const key = newHandshakeKey();
    const headers = {
      ...this.#userHeaders(),
      ...buildHandshakeHeaders(key, { protocols: this.#protocols, deflate: this.#deflate }),
      ...(given.origin !== undefined && given.origin !== '' && { Origin: given.origin }),
    };
    this.#host.onTarget(target.url.href);
    const request = (target.isSecure ? requestOverTls : requestOverTcp)({
      ...(given as RequestOptions),
      method: 'GET',
      protocol: undefined,
      hostname: undefined,
      timeout: undefined,
      host: target.host,
      port: target.port,
      path: target.path,
      socketPath: target.socketPath,
      defaultPort: target.isSecure ? 443 : 80,
      auth: target.auth ?? (this.#isFirstHost ? given.auth : undefined),
      createConnection: given.createConnection ?? (target.isSecure ? createTls : createTcp),
      headers,
    } as RequestOptions);
    this.#request = request;
    // Somebody who destroys the request, or the network, ends the attempt; our own end has been told already.
    request.on('error', (error) => {
      if (this.#isOver || request !== this.#request) return;
      this.#end();
      this.#host.onHandshakeFailed(error);
    });
    request.on('response', (response) => this.#onResponse(request, response));
    request.on('upgrade', (response, socket, head) => this.#onUpgrade(response, socket, head, key));
    if (this.#redirects > 0) this.#host.tell('redirect', target.url.href, request);
    if (this.#isOver) return;
    if (given.finishRequest === undefined) request.end();
    else this.#finishByUser(given.finishRequest, request);
  }

  #finishByUser(finishRequest: NonNullable<ClientOptions['finishRequest']>, request: ClientRequest): void {
    try {
      this.#host.finish(finishRequest, request);
    } catch (thrown) {
      this.#end();
      throw thrown;
    }
  }

  /** The headers of the user. Behind a redirect to another host, or out of TLS, those that are secrets are left out. */
  #userHeaders(): Record<string, string | readonly string[] | number> {
    const headers: Record<string, string | readonly string[] | number> = {};
    const isTrusted = this.#isFirstHost && (this.#target.isSecure || !this.#first.isSecure);
    for (const [name, value] of Object.entries(this.#options.given.headers ?? {})) {
      const lowerName = name.toLowerCase();
      if (!isTrusted && PRIVATE_HEADERS.has(lowerName)) continue;
      if (value !== undefined && (this.#isFirstHost || lowerName !== 'host')) headers[name] = value;
    }
    return headers;
  }

  get #isFirstHost(): boolean {
    const { url, socketPath } = this.#target;
    return socketPath === this.#first.socketPath && url.host === this.#first.url.host;
  }

  #onResponse(request: ClientRequest, response: IncomingMessage): void {
    if (this.#isOver) return;
    const { statusCode = 0, headers } = response;
    const isRedirect = statusCode >= 300 && statusCode < 400 && headers.location !== undefined;
    if (isRedirect && this.#options.given.followRedirects === true) {
      this.#follow(request, headers.location as string);
    } else if (this.#host.hasListener('unexpected-response')) {
      this.#host.tell('unexpected-response', request, response);
    } else this.abort(`Unexpected server response: ${statusCode}`);
  }

  #follow(request: ClientRequest, location: string): void {
    if (++this.#redirects > this.#options.maxRedirects) {
      this.abort('Maximum redirects exceeded');
      return;
    }
    this.#request = undefined;
    request.destroy();
    try {
      this.#target = parseTarget(location, this.#target.url);
      this.#ask();
    } catch (error) {
      // The server, or a listener of 'redirect', has named something that cannot be asked.
      this.#end();
      this.#host.onHandshakeFailed(error as Error);
    }
  }

  #onUpgrade(response: IncomingMessage, socket: Duplex, head: Buffer, key: string): void {
    ignoreErrors(socket);
    if (this.#isOver) {
      socket.destroy();
      return;
    }
    this.#host.tell('upgrade', response);
    if (!this.#host.isConnecting) {
      socket.destroy();
      return;
    }
    const result = checkUpgradeResponse(response.headers, key, { protocols: this.#protocols, deflate: this.#deflate });
    const violation = 'violation' in result ? result.violation : this.#missingProtocol(result);
    if (violation !== undefined) {
      this.#end();
      socket.destroy();
      this.#host.onHandshakeFailed(new Error(`Invalid answer to the opening handshake: ${violation}`));
      return;
    }
    this.#request = undefined;
    this.#end();
    this.#host.onAgreed(socket, head, result as HandshakeAgreement);
  }

  #missingProtocol({ protocol }: HandshakeAgreement): string | undefined {
    return this.#protocols.length > 0 && protocol === '' ? 'Server sent no subprotocol' : undefined;
  }
}

function createTcp(options: NetConnectOpts & { readonly socketPath?: string }): Duplex {
  // `path` is that of the request.
  return connectReading((onread) => connectTcp({ ...options, path: options.socketPath, onread } as NetConnectOpts));
}

function createTls(options: TlsOptions): Duplex {
  const { servername, host = '' } = options;
  const name = servername ?? (isIP(host) === 0 ? host : '');
  return connectReading((onread) =>
    connectTls({ ...options, path: undefined, servername: name, onread } as TlsOptions),
  );
}
