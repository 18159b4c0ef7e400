import { AssertionError } from 'node:assert';
import { createServer } from 'node:http';
import { realClock } from '../base/clock.ts';
import type { WebSocketOptions } from '../client/client-options.ts';
import { WebSocket, type WebSocketHandler } from '../client/web-socket.ts';
import { parseWebSocketUrl } from '../client/web-socket-url.ts';
import type { ConnectionHandlerOf } from '../server/handler-types.ts';
import type { WebSocketServerOptions } from '../server/server-options.ts';
import type { ConnectionHandler, WebSocketConnection } from '../server/web-socket-connection.ts';
import { type ServerHandler, WebSocketServer } from '../server/web-socket-server.ts';
import type { ErrorEvent } from '../session/events.ts';
import type { DataType } from '../session/message-types.ts';
import { isArray } from '../session/handler-check.ts';
import { readOptions } from '../session/option-checks.ts';
import { lastErrors } from '../workers/error-handling.ts';
import { checkAmount, describeKind, invalidArgument } from './arguments.ts';
import { type Line, MemoryLine } from './line.ts';
import { addHost, createOnLine, removeHost } from './memory-network.ts';
import { getDefaultWaitMs, Recording } from './recording.ts';
import { isInstalled, realPause, settle, type TestClock } from './test-clock.ts';
import { type TestEnd, TestSocket } from './test-end.ts';
import { record, recordConnectionsOf, startWatching, stopWatching } from './watched.ts';

/** The type of messages of a data type. */
export type DataOfType<D> = D extends 'blob'
  ? Uint8Array
  : D extends 'object'
    ? unknown
    : D extends 'auto'
      ? string | Uint8Array
      : string;

/** Options of a server in memory. */
export interface ServerInMemoryOptions<D extends DataType = DataType> {
  /** Options of the server: all but `webServer`. */
  readonly server?: (Omit<WebSocketServerOptions, 'webServer' | 'dataType'> & { readonly dataType?: D }) | undefined;
  /**
   * Where clients reach the server, and no port is opened: `ws:` or `wss:`, with any host, which the rules of `hosts` and
   * `origins` see. Default `ws://pair-1.test/…`, another number each time, with the path of the server. With `wss:` the
   * server takes the connection for a secure one, although no TLS is spoken.
   */
  readonly url?: string | undefined;
  /** The address of clients, as the server sees it. Default `'127.0.0.1'`. */
  readonly remoteAddress?: string | undefined;
  /** Longest real time in milliseconds that `nextMessage`, `ended` and the like wait. Default 2 000. */
  readonly waitMs?: number | undefined;
  /** A clock of `createClock()`, which goes back to the real time when the server ends. */
  readonly clock?: TestClock | undefined;
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof ServerInMemoryOptions>([
  'server',
  'url',
  'remoteAddress',
  'waitMs',
  'clock',
]);

/** Options of a client in memory: those of `new WebSocket` but `proxy` and `tls`, which need a network. */
export interface ClientInMemoryOptions extends Omit<WebSocketOptions, 'proxy' | 'tls'> {
  /** Path and query that the client asks for, such as `'/chat?name=Ann'`. Default: those of the server's `url`. */
  readonly path?: string | undefined;
}

/** A client that is connected in memory, with what its handler got. */
export interface TestClient<T, Connection> extends TestEnd<T, WebSocket<T>> {
  /** The line to the server, and what is wrong with it. */
  readonly line: Line;
  /**
   * The newest connection of this client at the server's end.
   *
   * @throws FourDError `ERR_INVALID_ARGUMENT` when the server has let none of them in
   */
  readonly connection: Connection;
}

/** A connection at the end of a server whose handler is `Handler`. */
export type ServerEnd<T, Data, Handler> = TestEnd<
  T,
  WebSocketConnection<T, Data, ConnectionHandlerOf<Handler, ConnectionHandler<T, Data>>, Handler>
>;

/** A server that clients of this process reach without a port. */
export interface ServerInMemory<T, Data, Handler> {
  readonly wss: WebSocketServer<T, Data, Handler>;
  /** For clients that the test or the program creates itself: `new WebSocket(server.url)`. */
  readonly url: string;
  /**
   * The one line of all clients that {@link connect} has not created: those that the program itself creates, with
   * {@link url}. `cut` breaks the connections of all of them. A client of {@link connect} has a line of its own.
   */
  readonly line: Line;
  /** All connections that were let in, in order, those that have ended included. */
  readonly connections: readonly ServerEnd<T, Data, Handler>[];
  /**
   * Connects a client, and resolves when its onOpen has begun and the server has its connection.
   *
   * @param handler - may be left out: all events are recorded anyway
   * @throws FourDError (as a rejection) the error of connecting, after onError and onTerminate of the handler
   */
  connect<D extends DataType = 'text', CT = DataOfType<D>>(
    handler?: (WebSocketHandler<CT> & { readonly dataType?: D }) | null,
    options?: ClientInMemoryOptions,
  ): Promise<TestClient<CT, ServerEnd<T, Data, Handler>>>;
  /** Ends the server and its clients at once, whatever clock is installed, and restores the clock of the options. */
  end(): Promise<void>;
  /** Ends all: for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

let lastNumber = 0;

/** Longest real time for the end of a server, whose callbacks may hang. */
const MAX_END_MS = 500;

type Opened = TestSocket<unknown, WebSocketConnection>;

/** Implements {@link ServerInMemory}. Types of messages and handlers are a matter of its users. */
export class MemoryServer {
  readonly wss: WebSocketServer;
  readonly url: string;
  line: Line;
  readonly connections: Opened[] = [];
  readonly #where: string;
  readonly #remoteAddress: string;
  readonly #waitMs: number;
  readonly #clock: TestClock | undefined;
  /** The events of the server itself. */
  readonly #events = new Recording('the server');
  readonly #clients = new Set<WebSocket<unknown>>();
  /** Connections by the key of their handshake. */
  readonly #byKey = new Map<string, Opened>();
  /** Resolves when all has ended; undefined before {@link end}. */
  #end: Promise<void> | undefined;

  /** @throws FourDError */
  constructor(caller: string, handler: object, given: ServerInMemoryOptions) {
    const options = readOptions(given, OPTION_KEYS, 'HTTP');
    const server = options.server ?? {};
    if ('webServer' in server) {
      throw invalidArgument(caller, 'the option webServer needs a port: leave it out, or use WebSocketServer.serve()');
    }
    this.#remoteAddress = readText(caller, 'remoteAddress', options.remoteAddress, '127.0.0.1');
    this.#waitMs = checkAmount('waitMs', options.waitMs ?? getDefaultWaitMs(), 1);
    if (options.clock !== undefined && !isInstalled(options.clock)) {
      throw invalidArgument('clock', 'it takes what createClock() has returned, before its restore()');
    }
    this.#clock = options.clock;
    this.url = readText(caller, 'url', options.url, `ws://pair-${++lastNumber}.test${literalPath(server.path)}`);
    const { host, port, socketPath } = parseWebSocketUrl(this.url);
    if (socketPath !== undefined) throw invalidArgument('url', 'a Unix socket is no memory: write ws://name.test/path');
    this.#where = `${host}:${port}`;
    const line = new MemoryLine(this.#remoteAddress);
    this.line = line;
    const http = createServer();
    this.wss = createWebSocketServer(caller, handler, { ...server, webServer: http });
    try {
      addHost(this.#where, http, line);
    } catch (error) {
      this.wss.terminate(0);
      throw error;
    }
    startWatching();
    record(this.wss, this.#events);
    recordConnectionsOf(this.wss, this.#waitMs, (connection, recording) => this.#add(connection, recording));
  }

  async connect(
    handler: WebSocketHandler<unknown> | null | undefined,
    { path, ...options }: ClientInMemoryOptions = {},
  ): Promise<TestClient<unknown, Opened>> {
    for (const name of ['proxy', 'tls']) {
      if (!Object.hasOwn(options, name)) continue;
      throw invalidArgument('connect', `the option ${name} needs a network: test it with WebSocketServer.serve()`);
    }
    if (this.#end !== undefined) throw invalidArgument('connect', 'the server in memory has ended: create another one');
    checkClientHandler(handler);
    const line = new MemoryLine(this.#remoteAddress);
    const ws = createOnLine(this.#where, line, () => new WebSocket<unknown>(this.#urlOf(path), handler ?? {}, options));
    const recording = new Recording('the client', this.#waitMs);
    record(ws, recording);
    this.#clients.add(ws);
    const findConnection = (): Opened | undefined => this.#byKey.get(keyOf(line.requestHead));
    const client = new MemoryClient(ws, recording, line, findConnection);
    client.joinPeer(findConnection);
    if ((await this.#readyOf(ws)) === null) {
      await recording.ended();
      const { error } = recording.errors[0] as ErrorEvent;
      // The client is told no more than 500: the test is told why.
      if (error.httpStatus === 500) error.cause ??= this.#events.errors.at(-1)?.error;
      throw error;
    }
    // In a worker onOpen of the server may have to wait for its turn.
    await settle(0);
    return client;
  }

  /** Resolves to what `ready` does. @throws AssertionError (as a rejection) */
  #readyOf(ws: WebSocket<unknown>): Promise<WebSocket<unknown> | null> {
    const hint = 'has its onConnection, or what it waits for, not decided?';
    const message = `the server has not answered the client within ${this.#waitMs} ms: ${hint}`;
    let timeout: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timeout = realClock.setTimeout(() => reject(new AssertionError({ message })), this.#waitMs);
    });
    return Promise.race([ws.ready, late]).finally(() => realClock.clearTimeout(timeout));
  }

  end(): Promise<void> {
    this.#end ??= this.#endAll();
    return this.#end;
  }

  async #endAll(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    this.wss.terminate(0);
    await settle(1);
    for (let passedMs = 0; !this.wss.terminated && passedMs < MAX_END_MS; passedMs += 10) await realPause(10);
    await settle(1);
    removeHost(this.#where);
    stopWatching();
    this.#clock?.restore();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }

  #urlOf(path: unknown): string {
    if (path === undefined) return this.url;
    if (typeof path === 'string' && path.startsWith('/'))
      return this.url.replace(/^(wss?:\/\/[^/?]*).*/, (_, host: string) => host + path);
    throw invalidArgument('connect', "the option path begins with a slash: '/chat?name=Ann'");
  }

  #add(connection: WebSocketConnection, recording: Recording): void {
    const opened = new TestSocket<unknown, WebSocketConnection>(connection, recording);
    this.connections.push(opened);
    this.#byKey.set(String(connection.request.headers['sec-websocket-key']), opened);
  }
}

/** Implements {@link TestClient}. */
class MemoryClient extends TestSocket<unknown, WebSocket<unknown>> implements TestClient<unknown, Opened> {
  readonly line: Line;
  readonly #findConnection: () => Opened | undefined;

  constructor(ws: WebSocket<unknown>, recording: Recording, line: Line, findConnection: () => Opened | undefined) {
    super(ws, recording);
    this.line = line;
    this.#findConnection = findConnection;
  }

  get connection(): Opened {
    const connection = this.#findConnection();
    if (connection === undefined) throw invalidArgument('connection', 'the server has not let this client in');
    return connection;
  }
}

/** Creates a server. Where that fails, the clock of its options goes back to the real time, as with the end of a server. */
export function restoringClock<Server>(clock: TestClock | undefined, create: () => Server): Server {
  try {
    return create();
  } catch (error) {
    if (isInstalled(clock)) clock.restore();
    throw error;
  }
}

function createWebSocketServer(caller: string, handler: object, options: WebSocketServerOptions): WebSocketServer {
  const wss = WebSocketServer.new(handler as ServerHandler, options as WebSocketServerOptions & { dataType?: 'text' });
  if (wss !== null) return wss;
  const why = lastErrors()?.[0]?.message ?? 'an error handler has taken the error';
  throw invalidArgument(caller, `the server was not created: ${why}`);
}

/** A client tells its handler of a wrong one, in a later turn: here the caller is told. */
function checkClientHandler(handler: unknown): void {
  if (handler === null || handler === undefined || (typeof handler === 'object' && !isArray(handler))) return;
  const received = isArray(handler) ? 'an array' : describeKind(handler);
  throw invalidArgument(
    'connect',
    `the handler of a client is an object with callbacks, or null; received ${received}`,
  );
}

function literalPath(path: unknown): string {
  const isLiteral = typeof path === 'string' && path.startsWith('/') && !/[:*]/.test(path);
  return isLiteral ? path : '/';
}

function readText(caller: string, name: string, value: unknown, byDefault: string): string {
  if (value === undefined) return byDefault;
  if (typeof value === 'string') return value;
  throw invalidArgument(caller, `the option ${name} must be a string, received ${describeKind(value)}`);
}

function keyOf(requestHead: string): string {
  return /^sec-websocket-key: *(\S*)/im.exec(requestHead)?.[1] ?? '';
}
