import { EventEmitter } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server as HttpServer,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { acceptOffer } from '../handshake/permessage-deflate.ts';
import {
  buildUpgradeResponse,
  checkUpgradeRequest,
  type UpgradeRequest,
  type ValidUpgrade,
} from '../handshake/server-handshake.ts';
import { directClientOf } from '../server/direct-client.ts';
import { OriginRule } from '../server/origins.ts';
import type { RequestInfo } from '../server/request-info.ts';
import { ignoreErrors } from '../transport/socket-transport.ts';
import { readSharedOptions, type SharedSettings } from './options.ts';
import { checkServerOptions, type ServerOptions, type VerifyClientCallbackSync } from './server-options.ts';
import { coreOf, WebSocket } from './web-socket.ts';

/** What listeners of a server get, by the name of the event. */
export interface WebSocketServerEvents {
  connection: [webSocket: WebSocket, request: IncomingMessage];
  headers: [headers: string[], request: IncomingMessage];
  listening: [];
  error: [error: Error];
  close: [];
  wsClientError: [error: Error, socket: Duplex, request: IncomingMessage];
}

type UpgradeCallback = (webSocket: WebSocket, request: IncomingMessage) => void;

/** Sockets that have become WebSockets. */
const takenSockets = new WeakSet<Duplex>();

/**
 * The class `WebSocketServer` of the package `ws`, on the connections of this library.
 *
 * @remarks Emits 'connection' (webSocket, request), 'headers' (headers, request), 'listening', 'error' (error), 'close',
 * 'wsClientError' (error, socket, request).
 */
export class WebSocketServer extends EventEmitter<WebSocketServerEvents> {
  readonly options: ServerOptions;
  /** The path of the options, `''` for all. NestJS writes it; `shouldHandle` reads that of the options. */
  path: string;
  /** The open WebSockets; undefined with `clientTracking: false`. */
  readonly clients: Set<WebSocket>;
  readonly #settings: SharedSettings;
  readonly #origins: OriginRule | undefined;
  readonly #ownsServer: boolean;
  #server: HttpServer | undefined;
  #removeListeners: (() => void) | undefined;
  #state: 'running' | 'closing' | 'closed' = 'running';

  /**
   * Listens on a port, on a server of Node, or on nothing.
   *
   * @param callback - a listener of 'listening', with `port`
   * @throws TypeError when not exactly one of `port`, `server` and `noServer` is given; FourDError `ERR_INVALID_OPTION`
   */
  constructor(options: ServerOptions = {}, callback?: () => void) {
    super();
    checkServerOptions(options);
    this.options = { WebSocket, clientTracking: true, ...options };
    this.path = options.path ?? '';
    this.#settings = readSharedOptions(options, 'server', false);
    const decidesItself = Boolean(options.verifyClient) || options.noServer === true;
    const origins = options.origins ?? (decidesItself ? '*' : undefined);
    this.#origins = origins === '*' ? undefined : new OriginRule(origins);
    // Without tracking there is no such property, as in ws.
    this.clients = (options.clientTracking === false ? undefined : new Set()) as Set<WebSocket>;
    this.#ownsServer = typeof options.port === 'number';
    this.#server = this.#ownsServer ? createServer(answerPlainRequest) : ((options.server as HttpServer) ?? undefined);
    if (this.#server !== undefined) this.#listenTo(this.#server);
    if (this.#ownsServer) {
      const { port, host, backlog } = options;
      this.#server?.listen(port as number, host ?? undefined, backlog ?? undefined, callback);
    }
  }

  /** @throws Error with `noServer` */
  address(): AddressInfo | string | null {
    if (this.options.noServer === true) throw new Error('The server is operating in "noServer" mode');
    return this.#server?.address() ?? null;
  }

  /**
   * Stops to let clients in. 'close' follows when all WebSockets are closed, which this method does not do.
   *
   * @param callback - a listener of 'close'; it gets an error when the server was closed before
   */
  close(callback?: (error?: Error) => void): void {
    if (this.#state === 'closed') {
      if (callback !== undefined) this.once('close', () => callback(new Error('The server is not running')));
      process.nextTick(() => this.emit('close'));
      return;
    }
    if (callback !== undefined) this.once('close', () => callback());
    if (this.#state === 'closing') return;
    this.#state = 'closing';
    const server = this.#server;
    this.#removeListeners?.();
    this.#server = undefined;
    if (this.#ownsServer) server?.close(() => this.#emitClose());
    else this.#closeIfEmpty();
  }

  /** Whether a request is for this server: whether its path is that of the options. */
  shouldHandle(request: IncomingMessage): boolean | Promise<boolean> {
    const { path } = this.options;
    return path === undefined || path === null || path === '' || request.url?.split('?', 1)[0] === path;
  }

  /**
   * Answers an upgrade request: with a WebSocket, or with a refusal.
   *
   * @param head - the bytes behind the request
   * @param callback - gets the WebSocket. Nothing of the peer is read before a later turn of the event loop
   * @throws Error when the socket has become a WebSocket before
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, callback: UpgradeCallback): void {
    ignoreErrors(socket);
    const upgrade = checkUpgradeRequest(withVersion13(request));
    if (!upgrade.isValid) {
      this.#refuseInvalid(request, socket, upgrade.status, upgrade.reason, upgrade.headers);
      return;
    }
    // A promise, which the types of ws allow, lets nobody in: ws takes it for true.
    if (this.shouldHandle(request) !== true) {
      refuse(socket, 400);
      return;
    }
    const client = directClientOf(request, socket);
    // Only the headers are read: there is no function among the origins.
    const refusal = this.#origins?.check({ headers: { origin: originOf(request) } } as unknown as RequestInfo, client);
    if (refusal !== undefined) {
      refuse(socket, refusal.status, refusal.reason);
      return;
    }
    const complete = (): void => this.#complete(upgrade, request, socket, head, callback);
    const { verifyClient } = this.options;
    if (verifyClient === undefined || verifyClient === null) {
      complete();
      return;
    }
    const { authorized, encrypted } = request.socket as TLSSocket;
    const info = { origin: originOf(request) as string, secure: authorized || encrypted, req: request };
    if (verifyClient.length === 2) {
      verifyClient(info, (isVerified, code = 401, message, headers) => {
        if (isVerified) complete();
        else refuse(socket, code, message, headers);
      });
    } else if ((verifyClient as VerifyClientCallbackSync)(info)) complete();
    else refuse(socket, 401);
  }

  #listenTo(server: HttpServer): void {
    const onConnection: UpgradeCallback = (webSocket, request) => {
      coreOf(webSocket).call(() => this.emit('connection', webSocket, request));
    };
    const listeners = {
      listening: () => this.emit('listening'),
      error: (error: Error) => this.emit('error', error),
      upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) =>
        this.handleUpgrade(request, socket, head, onConnection),
    };
    for (const [event, listener] of Object.entries(listeners)) server.on(event, listener);
    this.#removeListeners = () => {
      for (const [event, listener] of Object.entries(listeners)) server.off(event, listener);
    };
  }

  #complete(
    { key, protocols, extensions }: ValidUpgrade,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    callback: UpgradeCallback,
  ): void {
    // The client has gone meanwhile.
    if (!socket.readable || !socket.writable) {
      socket.destroy();
      return;
    }
    if (takenSockets.has(socket)) {
      throw new Error(
        'server.handleUpgrade() was called more than once with the same socket, possibly due to a misconfiguration',
      );
    }
    if (this.#state !== 'running') {
      refuse(socket, 503);
      return;
    }
    takenSockets.add(socket);
    const settings = this.#settings;
    const offer = settings.deflate && acceptOffer(extensions, settings.deflate);
    const Class = this.options.WebSocket ?? WebSocket;
    const webSocket = new Class(null, undefined, this.options);
    const protocol = this.#chooseProtocol(protocols, request);
    const answer = this.#writeAnswer(request, buildUpgradeResponse(key, protocol, offer?.answer ?? ''));
    coreOf(webSocket).open({
      socket,
      head,
      settings,
      answer,
      protocol,
      deflate: offer?.parameters,
      mayDisobey: offer?.clientOfferedNoContext === false,
    });
    if (this.options.clientTracking !== false) {
      this.clients.add(webSocket);
      webSocket.on('close', () => {
        this.clients.delete(webSocket);
        if (this.#state === 'closing' && !this.#ownsServer) this.#closeIfEmpty();
      });
    }
    callback(webSocket, request);
  }

  #chooseProtocol(offered: readonly string[], request: IncomingMessage): string {
    if (offered.length === 0) return '';
    const { handleProtocols } = this.options;
    if (handleProtocols === undefined || handleProtocols === null) return offered[0] as string;
    const chosen = handleProtocols(new Set(offered), request);
    return chosen === false ? '' : (chosen ?? '');
  }

  /** Lets listeners change the lines of the answer. */
  #writeAnswer(request: IncomingMessage, answer: string): string {
    if (this.listenerCount('headers') === 0) return answer;
    const lines = answer.trimEnd().split('\r\n');
    this.emit('headers', lines, request);
    return `${lines.join('\r\n')}\r\n\r\n`;
  }

  #refuseInvalid(
    request: IncomingMessage,
    socket: Duplex,
    status: number,
    reason: string,
    headers: OutgoingHttpHeaders | undefined,
  ): void {
    if (this.listenerCount('wsClientError') > 0) this.emit('wsClientError', new Error(reason), socket, request);
    else refuse(socket, status, reason, headers);
  }

  #closeIfEmpty(): void {
    if (this.options.clientTracking === false || this.clients.size === 0) process.nextTick(() => this.#emitClose());
  }

  #emitClose(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.emit('close');
  }
}

function answerPlainRequest(_: IncomingMessage, response: ServerResponse): void {
  const body = STATUS_CODES[426] as string;
  response.writeHead(426, { 'Content-Length': body.length, 'Content-Type': 'text/plain' });
  response.end(body);
}

/** The page that asks; undefined for a program. Version 8 has a header of its own for it. */
function originOf({ headers }: IncomingMessage): string | string[] | undefined {
  return headers.origin ?? headers['sec-websocket-origin'];
}

/** Lets version 8, the last draft before RFC 6455, pass for 13, as ws does: the frames are the same. */
function withVersion13(request: IncomingMessage): UpgradeRequest {
  if (request.headers['sec-websocket-version'] !== '8') return request;
  const { method, httpVersion, url, rawHeaders } = request;
  return { method, httpVersion, url, rawHeaders, headers: { ...request.headers, 'sec-websocket-version': '13' } };
}

/** Answers a client that does not get in. */
function refuse(socket: Duplex, status: number, message?: string, headers: OutgoingHttpHeaders = {}): void {
  const title = STATUS_CODES[status] ?? '';
  const body = message === undefined || message === '' ? title : message;
  const fields: OutgoingHttpHeaders = {
    Connection: 'close',
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  };
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one) => `${name}: ${one}\r\n`),
  );
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${title}\r\n${lines.join('')}\r\n${body}`);
}
