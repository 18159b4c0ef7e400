import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect as connectTcp, isIP, type NetConnectOpts, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { FourDError } from '../errors.ts';
import { buildHandshakeHeaders, checkUpgradeResponse, newHandshakeKey } from '../protocol/handshake-client.ts';
import { ignoreErrors } from './socket-transport.ts';
import { type Deadline, timers } from './timers.ts';

/** How much of a refusing answer's body an error keeps. */
const MAX_REFUSAL_BODY_BYTES = 65_536;

/** Where to connect: what a WebSocket URL says. */
export interface DialTarget {
  readonly isSecure: boolean;
  readonly host: string;
  readonly port: number;
  /** A Unix socket, instead of host and port. */
  readonly socketPath: string | undefined;
  /** Path and query as requested. */
  readonly path: string;
  /** Value of the Host header. */
  readonly hostHeader: string;
  /** Value of the Authorization header that the URL asks for. */
  readonly authorization: string | undefined;
}

/** How to connect. */
export interface DialOptions {
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly protocols: readonly string[];
  readonly handshakeTimeoutMs: number;
  readonly tls: ConnectionOptions;
}

/** Hears how it went: one call of the two, in a later turn. */
export interface DialListener {
  /** The handshake is complete. `socket` has an 'error' listener and is not being read. */
  onConnected(socket: Socket, head: Buffer, protocol: string): void;
  onConnectFailed(error: FourDError): void;
}

/**
 * One opening handshake on the client (RFC 6455 section 4.1), from DNS to the checked 101.
 */
export class Dial implements Deadline {
  readonly #listener: DialListener;
  readonly #options: DialOptions;
  readonly #request: ClientRequest;
  readonly #key: string = newHandshakeKey();
  readonly #ticket: number | undefined;
  #isOver = false;

  /** @throws an error of node:http when a header cannot be sent */
  constructor(target: DialTarget, options: DialOptions, listener: DialListener) {
    this.#listener = listener;
    this.#options = options;
    const request = httpRequest({
      method: 'GET',
      path: target.path,
      setHost: false,
      headers: {
        ...(target.authorization !== undefined && { Authorization: target.authorization }),
        ...(options.headers as Record<string, string | string[]>),
        Host: target.hostHeader,
        ...buildHandshakeHeaders(this.#key, options.protocols),
      },
      createConnection: () => connect(target, options.tls),
    });
    request.on('error', (error) => this.#fail('ERR_CONNECT_FAILED', `cannot connect: ${error.message}`, error));
    request.on('upgrade', (response, socket, head) => this.#onUpgrade(response, socket, head));
    request.on('response', (response) => this.#onResponse(response));
    request.end();
    this.#request = request;
    const { handshakeTimeoutMs } = options;
    this.#ticket = handshakeTimeoutMs === Infinity ? undefined : timers.schedule(this, handshakeTimeoutMs);
  }

  /** Gives up. The listener hears nothing any more. */
  abort(): void {
    this.#finish();
    this.#request.destroy();
  }

  onDeadline(): void {
    const { handshakeTimeoutMs } = this.#options;
    this.#fail('ERR_HANDSHAKE_TIMEOUT', `handshake too slow: ${handshakeTimeoutMs} ms (handshakeTimeoutMs)`);
    this.#request.destroy();
  }

  #onUpgrade(response: IncomingMessage, socket: Socket, head: Buffer): void {
    ignoreErrors(socket);
    if (this.#isOver) {
      socket.destroy();
      return;
    }
    const result = checkUpgradeResponse(response.headers, this.#key, this.#options.protocols);
    if ('violation' in result) {
      socket.destroy();
      this.#fail('ERR_HANDSHAKE_INVALID', `invalid handshake answer: ${result.violation}`);
      return;
    }
    this.#finish();
    this.#listener.onConnected(socket, head, result.protocol);
  }

  #onResponse(response: IncomingMessage): void {
    const pieces: Buffer[] = [];
    let bodyBytes = 0;
    const report = (): void => {
      this.#refused(response, Buffer.concat(pieces).subarray(0, MAX_REFUSAL_BODY_BYTES));
      this.#request.destroy();
    };
    response.on('data', (piece: Buffer) => {
      pieces.push(piece);
      bodyBytes += piece.length;
      if (bodyBytes >= MAX_REFUSAL_BODY_BYTES) report();
    });
    // 'close' comes in any case: after the end, after an error, and when the deadline has passed.
    response.on('close', report);
    response.on('error', report);
  }

  #refused(response: IncomingMessage, body: Buffer): void {
    const status = response.statusCode ?? 0;
    this.#report(
      new FourDError(
        'ERR_HANDSHAKE_REFUSED',
        `handshake refused: HTTP ${status} ${response.statusMessage ?? ''}`.trim(),
        {
          componentSignature: 'HTCL',
          side: 'remote',
          httpStatus: status,
          httpHeaders: response.headers,
          httpBody: body,
        },
      ),
    );
  }

  #fail(
    code: 'ERR_CONNECT_FAILED' | 'ERR_HANDSHAKE_TIMEOUT' | 'ERR_HANDSHAKE_INVALID',
    message: string,
    cause?: Error,
  ): void {
    this.#report(new FourDError(code, message, { componentSignature: 'HTCL', side: 'remote', cause }));
  }

  #report(error: FourDError): void {
    if (this.#isOver) return;
    this.#finish();
    this.#listener.onConnectFailed(error);
  }

  #finish(): void {
    this.#isOver = true;
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
  }
}

function connect(target: DialTarget, tls: ConnectionOptions): Socket {
  const { host, port, socketPath } = target;
  const address: NetConnectOpts = socketPath === undefined ? { host, port } : { path: socketPath };
  const socket = target.isSecure
    ? connectTls({ ...address, servername: isIP(host) === 0 ? host : '', ALPNProtocols: ['http/1.1'], ...tls })
    : connectTcp(address);
  ignoreErrors(socket);
  return socket;
}
