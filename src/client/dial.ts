import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect as connectTcp, isIP, type NetConnectOpts, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { type EndPhase, FourDError } from '../errors.ts';
import {
  buildHandshakeHeaders,
  checkUpgradeResponse,
  type HandshakeAgreement,
  type HandshakeOffer,
  newHandshakeKey,
} from '../handshake/client-handshake.ts';
import { hintForError, hintForStatus } from './connect-hints.ts';
import { openTunnel, type Proxy } from './proxy-tunnel.ts';
import { connectReading } from '../transport/shared-read-buffer.ts';
import { ignoreErrors } from '../transport/socket-transport.ts';
import { type Deadline, timers } from '../base/timers.ts';

/** How much of a refusing answer's body an error keeps. */
const MAX_REFUSAL_BODY_BYTES = 65_536;

/** What a handshake waits for, by phase. */
const WAITED_FOR: Readonly<Partial<Record<EndPhase, string>>> = {
  resolving: 'the address of the host (DNS)',
  connecting: 'TCP: a firewall may drop the packets',
  proxy: 'the proxy',
  tls: 'the TLS handshake: does the server speak TLS?',
  handshake: 'the HTTP answer of the server',
};

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
  readonly offer: HandshakeOffer;
  readonly handshakeTimeoutMs: number;
  readonly tls: ConnectionOptions;
  /** The proxy to go through. */
  readonly proxy?: Proxy | undefined;
  /** What is left of handshakeTimeoutMs, by default all. */
  readonly remainingMs?: number;
}

/** Hears how it went: one call of the two, in a later turn. */
export interface DialListener {
  /** The handshake is complete. `socket` has an 'error' listener and is not being read. */
  onConnected(socket: Socket, head: Buffer, agreement: HandshakeAgreement): void;
  onConnectFailed(error: FourDError): void;
}

/**
 * One opening handshake on the client (RFC 6455 section 4.1), from DNS to the checked 101.
 */
export class Dial implements Deadline {
  readonly #listener: DialListener;
  readonly #options: DialOptions;
  readonly #key: string = newHandshakeKey();
  readonly #ticket: number | undefined;
  #socket: Socket | undefined;
  #isOver = false;
  #phase: EndPhase = 'preparing';
  /** A server's answer that is not 101, and what there is of its body. */
  #refusal: IncomingMessage | undefined;
  #body: Buffer[] = [];
  #bodyBytes = 0;

  /** Never throws: what node:http or node:tls cannot send or use is reported like all else. */
  constructor(target: DialTarget, options: DialOptions, listener: DialListener) {
    this.#listener = listener;
    this.#options = options;
    const { handshakeTimeoutMs, remainingMs = handshakeTimeoutMs } = options;
    this.#ticket = remainingMs === Infinity ? undefined : timers.schedule(this, remainingMs);
    try {
      this.#request(target);
    } catch (error) {
      setImmediate(() => this.#onError(error as Error));
    }
  }

  /** How far it has come. */
  get phase(): EndPhase {
    return this.#phase;
  }

  /** Gives up. The listener hears nothing any more. Does nothing when it has been called. */
  abort(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#socket?.destroy();
  }

  onDeadline(): void {
    const { handshakeTimeoutMs } = this.#options;
    const waiting = `waiting for ${WAITED_FOR[this.#phase] ?? 'the server'}`;
    this.#fail(
      'ERR_HANDSHAKE_TIMEOUT',
      `handshake too slow: ${handshakeTimeoutMs} ms (handshakeTimeoutMs), ${waiting}`,
    );
  }

  #request(target: DialTarget): void {
    const { headers, offer, tls, proxy } = this.#options;
    const request = httpRequest({
      method: 'GET',
      path: target.path,
      setHost: false,
      headers: {
        ...(target.authorization !== undefined && { Authorization: target.authorization }),
        ...(headers as Record<string, string | string[]>),
        Host: target.hostHeader,
        ...buildHandshakeHeaders(this.#key, offer),
      },
      createConnection: (_options, done) => {
        if (proxy === undefined) {
          this.#socket = connect(target, tls, undefined);
          this.#follow(target, this.#socket);
          return this.#socket;
        }
        this.#phase = 'proxy';
        this.#socket = openTunnel(proxy, target.host, target.port, tls.ca, {
          onTunnel: (tunnel) => {
            if (this.#isOver) return;
            this.#socket = target.isSecure ? connect(target, tls, tunnel) : tunnel;
            this.#onConnection(target, this.#socket);
            done(null, this.#socket);
          },
          onTunnelFailed: (error) => this.#report(error),
        });
        return undefined;
      },
    });
    request.on('error', (error) => this.#onError(error));
    request.on('upgrade', (response, socket, head) => this.#onUpgrade(response, socket, head));
    request.on('response', (response) => this.#onResponse(response));
    request.end();
  }

  /** Notes how far a connection without a proxy has come. */
  #follow(target: DialTarget, socket: Socket): void {
    const hasName = target.socketPath === undefined && isIP(target.host) === 0;
    this.#phase = hasName ? 'resolving' : 'connecting';
    if (hasName) {
      socket.once('lookup', (error: Error | null) => {
        if (error === null) this.#phase = 'connecting';
      });
    }
    socket.once('connect', () => this.#onConnection(target, socket));
  }

  #onConnection(target: DialTarget, socket: Socket): void {
    this.#phase = target.isSecure ? 'tls' : 'handshake';
    if (!target.isSecure) return;
    socket.once('secureConnect', () => {
      this.#phase = 'handshake';
    });
  }

  #onUpgrade(response: IncomingMessage, socket: Socket, head: Buffer): void {
    if (this.#isOver) return;
    const result = checkUpgradeResponse(response.headers, this.#key, this.#options.offer);
    if ('violation' in result) {
      this.#fail('ERR_HANDSHAKE_INVALID', `invalid handshake answer: ${result.violation}`);
      return;
    }
    this.#finish();
    this.#listener.onConnected(socket, head, result);
  }

  #onResponse(response: IncomingMessage): void {
    if (response.statusCode === 101) {
      // Node sees an upgrade only when both headers say so.
      this.#fail('ERR_HANDSHAKE_INVALID', 'invalid handshake answer: 101 without Upgrade or Connection');
      return;
    }
    this.#refusal = response;
    response.on('data', (piece: Buffer) => {
      this.#body.push(piece);
      this.#bodyBytes += piece.length;
      if (this.#bodyBytes >= MAX_REFUSAL_BODY_BYTES) this.#report(this.#toError(response));
    });
    ignoreErrors(response);
    // Comes in any case, after the end and after an error.
    response.on('close', () => this.#report(this.#toError(response)));
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (error.code?.startsWith('HPE_') === true) {
      // Without the cause, which holds the bytes that came.
      this.#fail(
        'ERR_HANDSHAKE_INVALID',
        `invalid handshake answer: ${error.message}${hintForError(error, 'handshake')}`,
      );
    } else {
      this.#fail('ERR_CONNECT_FAILED', `cannot connect: ${textOf(error)}${hintForError(error, this.#phase)}`, error);
    }
  }

  /** What a refusal says, with what there is of its body. */
  #toError(refusal: IncomingMessage): FourDError {
    const status = refusal.statusCode ?? 0;
    const message = `${`handshake refused: HTTP ${status} ${refusal.statusMessage ?? ''}`.trim()}${hintForStatus(status)}`;
    return new FourDError('ERR_HANDSHAKE_REFUSED', message, {
      componentSignature: 'HTCL',
      phase: 'handshake',
      side: 'remote',
      httpStatus: status,
      // Without a prototype, as all that a peer can name.
      httpHeaders: Object.assign(Object.create(null), refusal.headers) as IncomingMessage['headers'],
      httpBody: Buffer.concat(this.#body, Math.min(this.#bodyBytes, MAX_REFUSAL_BODY_BYTES)),
    });
  }

  /** Whatever stops a refusal in the middle, it is one. */
  #fail(
    code: 'ERR_CONNECT_FAILED' | 'ERR_HANDSHAKE_TIMEOUT' | 'ERR_HANDSHAKE_INVALID',
    message: string,
    cause?: Error,
  ): void {
    if (this.#refusal !== undefined) this.#report(this.#toError(this.#refusal));
    else {
      const details = { componentSignature: 'HTCL', side: 'remote', phase: this.#phase, cause } as const;
      this.#report(new FourDError(code, message, details));
    }
  }

  #report(error: FourDError): void {
    if (this.#isOver) return;
    this.#finish();
    // Not through the request, which lets go of a socket that the server would keep open.
    this.#socket?.destroy();
    this.#listener.onConnectFailed(error);
  }

  #finish(): void {
    this.#isOver = true;
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
  }
}

/** @param tunnel - to go through, undefined for a connection of its own */
function connect(target: DialTarget, tls: ConnectionOptions, tunnel: Socket | undefined): Socket {
  const { host, port, socketPath } = target;
  const address: NetConnectOpts = socketPath === undefined ? { host, port } : { path: socketPath };
  const socket = connectReading((onread) => {
    if (!target.isSecure) return connectTcp({ ...address, onread });
    const options: ConnectionOptions = {
      ...(tunnel ? { socket: tunnel } : address),
      servername: isIP(host) === 0 ? host : '',
      ALPNProtocols: ['http/1.1'],
      ...tls,
    };
    // The types do not know it.
    return connectTls(Object.assign(options, { onread }));
  });
  ignoreErrors(socket);
  return socket;
}

/** What an error says. One that stands for several, one per address of a host, says nothing itself. */
function textOf(error: Error): string {
  // What OpenSSL says ends with a line end.
  if (error.message !== '' || !(error instanceof AggregateError)) return error.message.trimEnd();
  return error.errors.map((each: Error) => each.message).join('; ');
}
