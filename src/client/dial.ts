import { toServerName } from './server-name.ts';
import { setImmediate } from '../base/clock.ts';
import { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request as httpRequest } from 'node:http';
import { connect as connectTcp, isIP, type NetConnectOpts, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { type EndPhase, FourDError } from '../errors.ts';
import {
  buildHandshakeHeaders,
  checkUpgradeResponse,
  type HandshakeAgreement,
  type HandshakeOffer,
  MAX_INTERIM_ANSWERS,
  newHandshakeKey,
} from '../handshake/client-handshake.ts';
import { type RequestHeaders, writePlainRequest } from '../handshake/plain-request.ts';
import type { HandshakeHeaders } from '../handshake/server-handshake.ts';
import { StoredAnswer } from '../handshake/stored-answer.ts';
import { hintForError } from './connect-hints.ts';
import { connectOtherwise } from './connector.ts';
import { toNodeError } from './node-error.ts';
import { PlainUpgrade, type PlainUpgradeListener } from './plain-upgrade.ts';
import { openTunnel, type Proxy } from './proxy-tunnel.ts';
import { Refusal } from './refusal.ts';
import { connectReading } from '../transport/shared-read-buffer.ts';
import { ignoreErrors } from '../transport/socket-transport.ts';
import { type Deadline, timers } from '../base/timers.ts';

/** What a handshake that times out was waiting for, by phase. */
const WAITED_FOR: Readonly<Partial<Record<EndPhase, string>>> = {
  resolving: 'the address of the host (DNS)',
  connecting: 'the TCP connection: a firewall may drop the packets',
  proxy: 'the proxy',
  tls: 'the TLS handshake: does the server speak TLS?',
  handshake: 'the HTTP answer of the server',
};

/** Where to connect: the parts of a WebSocket URL. */
export interface DialTarget {
  readonly isSecure: boolean;
  readonly host: string;
  readonly port: number;
  /** Path of a Unix socket, which replaces host and port. */
  readonly socketPath: string | undefined;
  /** Path and query of the request. */
  readonly path: string;
  /** Value of the Host header. */
  readonly hostHeader: string;
  /** Value of the Authorization header for the user and password of the URL. */
  readonly authorization: string | undefined;
}

/** How to connect. */
export interface DialOptions {
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly offer: HandshakeOffer;
  readonly handshakeTimeoutMs: number;
  readonly tls: ConnectionOptions;
  /** The proxy to connect through, undefined for none. */
  readonly proxy?: Proxy | undefined;
  /** The rest of handshakeTimeoutMs after earlier dials. Default: all of it. */
  readonly remainingMs?: number;
}

/** Is notified of the outcome of a dial: one call of the two, in a later turn. */
export interface DialListener {
  /** The handshake is complete. `socket` has an 'error' listener and is not being read. */
  onConnected(socket: Socket, head: Buffer, agreement: HandshakeAgreement, answer: StoredAnswer): void;
  onConnectFailed(error: FourDError): void;
}

/**
 * One opening handshake on the client (RFC 6455 section 4.1), from DNS to the checked 101.
 */
export class Dial implements Deadline, PlainUpgradeListener {
  readonly #listener: DialListener;
  readonly #options: DialOptions;
  readonly #isSecure: boolean;
  readonly #key: string = newHandshakeKey();
  readonly #ticket: number | undefined;
  #socket: Socket | undefined;
  /** Undefined when node:http sends the request. */
  #upgrade: PlainUpgrade | undefined;
  #isOver = false;
  #phase: EndPhase = 'preparing';
  #refusal: Refusal | undefined;

  /** Never throws: an option that node:http or node:tls refuses is reported to the listener like any other failure. */
  constructor(target: DialTarget, options: DialOptions, listener: DialListener) {
    this.#listener = listener;
    this.#options = options;
    this.#isSecure = target.isSecure;
    const { handshakeTimeoutMs, remainingMs = handshakeTimeoutMs } = options;
    this.#ticket = remainingMs === Infinity ? undefined : timers.schedule(this, remainingMs);
    try {
      this.#begin(target);
    } catch (thrown) {
      setImmediate(() => this.#onOptionRefused(toNodeError(thrown)));
    }
  }

  /** The phase that the handshake has reached. */
  get phase(): EndPhase {
    return this.#phase;
  }

  /** Gives up without a call to the listener. Does nothing when the listener has been called. */
  abort(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#socket?.destroy();
  }

  onDeadline(): void {
    const { handshakeTimeoutMs } = this.#options;
    const waitedFor = WAITED_FOR[this.#phase] ?? 'the server';
    this.#fail(
      'ERR_HANDSHAKE_TIMEOUT',
      `handshake timed out after ${handshakeTimeoutMs} ms (handshakeTimeoutMs), waiting for ${waitedFor}`,
    );
  }

  #begin(target: DialTarget): void {
    const { headers, offer } = this.#options;
    const { authorization, hostHeader, path } = target;
    const parts: readonly RequestHeaders[] = [
      authorization === undefined ? {} : { Authorization: authorization },
      headers,
      { Host: hostHeader },
      buildHandshakeHeaders(this.#key, offer),
    ];
    const text = writePlainRequest(path, parts);
    if (text === undefined) {
      this.#sendByNode(
        target,
        Object.fromEntries(parts.flatMap((part) => Object.entries(part))) as OutgoingHttpHeaders,
      );
      return;
    }
    const upgrade = new PlainUpgrade(text, this);
    this.#upgrade = upgrade;
    const socket = this.#open(target, (tunnel) => upgrade.watch(tunnel));
    if (socket !== undefined) upgrade.watch(socket);
  }

  /** Sends a request that node:http may refuse, or writes in a way of its own. */
  #sendByNode(target: DialTarget, headers: OutgoingHttpHeaders): void {
    const request = httpRequest({
      method: 'GET',
      path: target.path,
      setHost: false,
      headers,
      createConnection: (_options, done) => this.#open(target, (socket) => done(null, socket)),
    });
    this.#awaitAnswer(request);
    request.end();
  }

  /**
   * Opens the connection.
   *
   * @param onTunnel - gets the socket when it goes through a proxy
   * @returns the socket when it goes to the server directly
   */
  #open(target: DialTarget, onTunnel: (socket: Socket) => void): Socket | undefined {
    const { tls, proxy } = this.#options;
    if (proxy !== undefined) {
      this.#openTunnel(proxy, target, onTunnel);
      return undefined;
    }
    this.#socket = connect(target, tls, undefined);
    this.#trackPhase(target, this.#socket);
    return this.#socket;
  }

  #openTunnel(proxy: Proxy, target: DialTarget, onTunnel: (socket: Socket) => void): void {
    const { tls } = this.#options;
    this.#phase = 'proxy';
    this.#socket = openTunnel(proxy, target.host, target.port, tls.ca, {
      onTunnel: (tunnel) => {
        if (this.#isOver) return;
        try {
          this.#socket = target.isSecure ? connect(target, tls, tunnel) : tunnel;
        } catch (thrown) {
          // Destroying the tunnel, which is still the socket, is part of reporting the failure.
          this.#onOptionRefused(toNodeError(thrown));
          return;
        }
        onTunnel(this.#socket);
        this.#onConnect(target, this.#socket);
      },
      onTunnelFailed: (error) => this.#reportFailure(error),
    });
  }

  #awaitAnswer(request: ClientRequest): void {
    // By default Node drops the headers of an answer behind the 1 000th in silence. Node's limit in bytes remains.
    request.maxHeadersCount = 0;
    request.on('error', (error) => this.#onError(error));
    let interimAnswers = 0;
    request.on('information', () => {
      if (++interimAnswers > MAX_INTERIM_ANSWERS) {
        this.#fail('ERR_HANDSHAKE_INVALID', `invalid handshake answer: more than ${MAX_INTERIM_ANSWERS} 1xx answers`);
      }
    });
    request.on('upgrade', ({ headers, rawHeaders }, _socket, head) => this.#onUpgrade(headers, head, rawHeaders));
    request.on('response', (response) => this.#onResponse(response));
  }

  /** Tracks the phase of a connection without a proxy. */
  #trackPhase(target: DialTarget, socket: Socket): void {
    const hasName = target.socketPath === undefined && isIP(target.host) === 0;
    this.#phase = hasName ? 'resolving' : 'connecting';
    if (hasName) {
      socket.once('lookup', (error: Error | null) => {
        if (error === null) this.#phase = 'connecting';
      });
    }
    socket.once('connect', () => this.#onConnect(target, socket));
  }

  #onConnect(target: DialTarget, socket: Socket): void {
    this.#phase = target.isSecure ? 'tls' : 'handshake';
    // node:tls keeps the request until the server is trusted.
    this.#upgrade?.send();
    if (!target.isSecure) return;
    socket.once('secureConnect', () => {
      this.#phase = 'handshake';
    });
  }

  // PlainUpgradeListener

  onPlainAnswer(headers: HandshakeHeaders, head: Buffer, text: string): void {
    this.#onUpgrade(headers, head, text);
  }

  onOtherAnswer(chunk: Buffer): void {
    const socket = this.#socket as Socket;
    socket.unshift(chunk);
    // The request is never ended, so node:http sends nothing and only reads the answer.
    const request = httpRequest({ setHost: false, createConnection: () => socket });
    this.#awaitAnswer(request);
    request.once('socket', () => socket.resume());
  }

  onUpgradeFailed(error: Error): void {
    this.#onError(error);
  }

  #onUpgrade(headers: HandshakeHeaders, head: Buffer, answer: string | readonly string[]): void {
    // The first final answer counts. Node 20 reports a 101 behind another answer all the same.
    if (this.#isOver || this.#refusal !== undefined) return;
    const result = checkUpgradeResponse(headers, this.#key, this.#options.offer);
    if ('violation' in result) {
      this.#fail('ERR_HANDSHAKE_INVALID', `invalid handshake answer: ${result.violation}`);
      return;
    }
    this.#finish();
    this.#listener.onConnected(this.#socket as Socket, head, result, new StoredAnswer(answer));
  }

  #onResponse(response: IncomingMessage): void {
    if (response.statusCode === 101) {
      // Node emits 'upgrade' only when both headers announce one.
      this.#fail('ERR_HANDSHAKE_INVALID', 'invalid handshake answer: 101 without an Upgrade or Connection header');
      return;
    }
    const refusal = new Refusal(response, () => this.#reportFailure(refusal.toError()));
    this.#refusal = refusal;
  }

  /** Node cannot use an option of the user: every other attempt would fail in the same way. */
  #onOptionRefused(error: NodeJS.ErrnoException): void {
    const message = `cannot connect: ${messageOf(error)}${hintForError(error, this.#phase)}`;
    const details = { componentSignature: 'HTCL', endCause: 'invalid', phase: this.#phase, cause: error } as const;
    this.#reportFailure(new FourDError('ERR_CONNECT_FAILED', message, details));
  }

  #onError(error: NodeJS.ErrnoException): void {
    // 'close' of the refusal follows, when the part of its body that has arrived was read.
    if (this.#refusal !== undefined) return;
    // Node also reports options in this way. Nothing has been sent yet.
    if (this.#phase === 'preparing') {
      this.#onOptionRefused(error);
      return;
    }
    if (error.code?.startsWith('HPE_') === true) {
      // The error of Node's parser holds the bytes of the peer, so it does not become the cause.
      this.#fail(
        'ERR_HANDSHAKE_INVALID',
        `invalid handshake answer: ${error.message}${hintForError(error, 'handshake')}`,
      );
    } else {
      const hint = hintForError(error, this.#phase, this.#isSecure);
      this.#fail('ERR_CONNECT_FAILED', `cannot connect: ${messageOf(error)}${hint}`, error);
    }
  }

  /** Reports a failure. When a timeout cuts off the body of a refusal, the refusal is reported instead. */
  #fail(
    code: 'ERR_CONNECT_FAILED' | 'ERR_HANDSHAKE_TIMEOUT' | 'ERR_HANDSHAKE_INVALID',
    message: string,
    cause?: Error,
  ): void {
    if (this.#refusal !== undefined) this.#reportFailure(this.#refusal.toError());
    else {
      const details = { componentSignature: 'HTCL', side: 'remote', phase: this.#phase, cause } as const;
      this.#reportFailure(new FourDError(code, message, details));
    }
  }

  #reportFailure(error: FourDError): void {
    if (this.#isOver) return;
    this.#finish();
    // The socket, not the request: a request may already have detached from a socket that the server keeps alive.
    this.#socket?.destroy();
    this.#listener.onConnectFailed(error);
  }

  #finish(): void {
    this.#isOver = true;
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#refusal?.stop();
  }
}

/** @param tunnel - an open tunnel through a proxy, undefined to connect directly */
function connect(target: DialTarget, tls: ConnectionOptions, tunnel: Socket | undefined): Socket {
  const { host, port, socketPath } = target;
  const address: NetConnectOpts = socketPath === undefined ? { host, port } : { path: socketPath };
  const other = tunnel === undefined ? connectOtherwise(target) : undefined;
  const socket =
    other ??
    connectReading((onread) => {
      if (!target.isSecure) return connectTcp({ ...address, onread });
      const options: ConnectionOptions = {
        // In a tunnel, node:tls does not connect to the host, but checks the certificate against it where the host is an
        // address, and so has no server name.
        ...(tunnel ? { socket: tunnel, host } : address),
        servername: toServerName(host),
        ALPNProtocols: ['http/1.1'],
        ...tls,
      };
      // node:tls supports `onread`, but its types do not declare it.
      return connectTls(Object.assign(options, { onread }));
    });
  ignoreErrors(socket);
  return socket;
}

/**
 * Returns the message of an error. An AggregateError (one error per address of a host) has none: its parts are joined.
 */
function messageOf(error: Error): string {
  // Messages of OpenSSL end with a newline.
  if (error.message !== '' || !(error instanceof AggregateError)) return error.message.trimEnd();
  return error.errors.map((part: Error) => part.message).join('; ');
}
