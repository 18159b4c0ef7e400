import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttpsServer, type ServerOptions as TlsServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { type ClientOptions, type ServerOptions, WebSocket, WebSocketServer } from 'ws';
import { createDeferred } from './deferred.ts';
import { Inbox } from './inbox.ts';

/** A message as the peer saw it. */
export interface PeerMessage {
  readonly bytes: Buffer;
  readonly isBinary: boolean;
}

/** Close code and reason that the peer saw at the end of a connection. */
export interface PeerClose {
  readonly code: number;
  readonly reason: string;
}

/** One connection of the `ws` package, the peer that the library is tested against. */
export class Peer {
  readonly socket: WebSocket;
  /** The TCP socket of the connection, once the connection is open. */
  tcp: Socket | undefined;
  readonly messages = new Inbox<PeerMessage>();
  readonly #closed = createDeferred<PeerClose>();
  #hasClosed = false;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer, isBinary) => this.messages.push({ bytes: data, isBinary }));
    socket.on('close', (code, reason) => {
      this.#hasClosed = true;
      this.#closed.resolve({ code, reason: reason.toString('utf8') });
    });
    // Every 'error' is followed by 'close'.
    socket.on('error', () => {});
  }

  /** Resolves when the connection is over. */
  get closed(): Promise<PeerClose> {
    return this.#closed.promise;
  }

  get hasClosed(): boolean {
    return this.#hasClosed;
  }

  /** Resolves to the next message, as text. */
  async nextText(): Promise<string> {
    const { bytes } = await this.messages.next();
    return bytes.toString('utf8');
  }

  send(data: string | Uint8Array): void {
    this.socket.send(data);
  }

  /** Ends the connection without a close frame. */
  cut(): void {
    this.socket.terminate();
  }
}

/** One accepted connection of a {@link PeerServer}. */
export class AcceptedPeer extends Peer {
  readonly request: IncomingMessage;

  constructor(socket: WebSocket, request: IncomingMessage) {
    super(socket);
    this.request = request;
    this.tcp = request.socket;
  }

  /** Returns the values of a request header as the client sent them, one item for each line. */
  headerLines(name: string): string[] {
    const { rawHeaders } = this.request;
    return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === name.toLowerCase());
  }
}

/** A server of the `ws` package. The server ends with the test. */
export class PeerServer {
  readonly url: string;
  readonly port: number;
  /** Connections in the order in which they arrived. */
  readonly peers = new Inbox<AcceptedPeer>();

  constructor(url: string, port: number) {
    this.url = url;
    this.port = port;
  }

  /** Resolves to the next connection that no earlier call has returned. */
  accept(): Promise<AcceptedPeer> {
    return this.peers.next();
  }
}

/** Options of a peer server. */
export interface PeerServerOptions extends ServerOptions {
  /** Certificate and key, for a TLS server. */
  readonly tls?: TlsServerOptions;
  /** Address to listen on, by default 127.0.0.1, or the path of a Unix socket. */
  readonly listenOn?: string;
}

export async function startPeerServer({
  tls,
  listenOn = '127.0.0.1',
  ...options
}: PeerServerOptions = {}): Promise<PeerServer> {
  const http: Server = tls === undefined ? createHttpServer() : createHttpsServer(tls);
  const wss = new WebSocketServer({ server: http, ...options });
  const isPath = listenOn.startsWith('/');
  http.listen(isPath ? { path: listenOn } : { host: listenOn, port: 0 });
  await once(http, 'listening');
  const port = isPath ? 0 : (http.address() as AddressInfo).port;
  const host = listenOn.includes(':') ? `[${listenOn}]` : listenOn;
  const server = new PeerServer(`${tls === undefined ? 'ws' : 'wss'}://${host}:${port}`, port);
  wss.on('connection', (socket, request) => server.peers.push(new AcceptedPeer(socket, request)));
  onTestFinished(async () => {
    for (const client of wss.clients) client.terminate();
    http.closeAllConnections();
    http.close();
    await once(http, 'close');
  });
  return server;
}

/** Connects a client of the `ws` package. The client ends with the test. */
export async function connectPeer(
  url: string,
  options: ClientOptions & { readonly protocols?: string[] } = {},
): Promise<Peer> {
  const { protocols = [], ...rest } = options;
  const socket = new WebSocket(url, protocols, rest);
  const peer = new Peer(socket);
  socket.on('upgrade', (response) => {
    peer.tcp = response.socket;
  });
  onTestFinished(() => socket.terminate());
  await once(socket, 'open');
  return peer;
}
