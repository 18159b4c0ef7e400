import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { readServerMetrics, type ServerMetrics } from '../diagnostics/metrics.ts';
import type { FourDError } from '../errors.ts';
import type { UpgradableServer } from '../http/upgradable-server.ts';
import { UpgradeRouter } from '../http/upgrade-router.ts';
import { CLOSE_GOING_AWAY, CLOSE_NORMAL, CLOSE_SERVICE_RESTART } from '../protocol/constants.ts';
import type { CallbackResult } from '../session/call-handler.ts';
import { CallSite } from '../session/call-site.ts';
import { warnOfCallbacks } from '../session/callback-warnings.ts';
import { toSendError } from '../session/data-type.ts';
import type { DataType, SendableMessage } from '../session/message-types.ts';
import type { ErrorEvent, OpenEvent, ServerTerminateEvent } from '../session/events.ts';
import { defineInspection } from '../session/inspection.ts';
import { OwnHttpServer } from '../web-server/own-http-server.ts';
import { attach, notStarted, WebServer, webServer } from '../web-server/web-server.ts';
import { readGuarded } from '../session/option-checks.ts';
import type { AnySchema, NoSchema, TypedBySchema, UntypedSchema } from '../session/validation.ts';
import type { TopicsStats } from '../topics/topic-stats.ts';
import { generateError } from '../workers/error-handling.ts';
import type { Admission } from './answers.ts';
import type { RefuseEvent } from './refusal-reports.ts';
import type { ConnectionHandlerOf, DataOf, ObjectOptions, OpenOptions, Spelt, TypeOf } from './handler-types.ts';
import type { ConnectionEvent } from './request-info.ts';
import { type BroadcastOptions, readBroadcastOptions } from './broadcast-options.ts';
import { checkArguments, serverError } from './server-arguments.ts';
import { ServerCore } from './server-core.ts';
import type { Readiness } from './server-state.ts';
import { findRootFolder, readServeOptions, type ServeOptions } from './serve-options.ts';
import type { WebSocketServerOptions } from './server-options.ts';
import { urlOf } from './server-url.ts';
import { checkDrainOptions, type DrainOptions, type DrainResult } from './shutdown.ts';
import type { Topics } from './topics.ts';
import { type ConnectionHandler, createConnection, type WebSocketConnection } from './web-socket-connection.ts';

/**
 * Handles a server.
 *
 * @remarks onOpen runs once, onConnection for each client, onError for each upgrade that failed in user code
 * and when the broker of its topics cannot be opened, onRefuse for each client that is refused, onTerminate once and last. Only onConnection is mandatory; it may return a promise, and different clients do not wait
 * for each other. Callbacks of the server and of its connections see the values that an `AsyncLocalStorage` had when the
 * server was created.
 * @see the 4D page of the WebSocketServer class, WSSHandler parameter
 */
export interface ServerHandler<T = string, Data = unknown> {
  onConnection(wss: WebSocketServer<T, Data>, event: ConnectionEvent): Admission<T, Data> | Promise<Admission<T, Data>>;
  onOpen?(wss: WebSocketServer<T, Data>, event: OpenEvent): CallbackResult;
  onError?(wss: WebSocketServer<T, Data>, event: ErrorEvent): CallbackResult;
  /**
   * Hears of each client that is refused, after the answer was written: 100 calls a second at most. A promise that it
   * returns is not waited for. What it throws goes to the error handler.
   */
  onRefuse?(wss: WebSocketServer<T, Data>, event: RefuseEvent): CallbackResult;
  onTerminate?(wss: WebSocketServer<T, Data>, event: ServerTerminateEvent): CallbackResult;
}

/**
 * A WebSocket server. It takes the upgrade requests of a web server, and opens no port of its own unless {@link serve}
 * has made it.
 *
 * @remarks The server stays alive until its onTerminate has run, even if no variable refers to it.
 * @typeParam T - type of `event.data`
 * @typeParam Data - type of the connections' `data`
 * @typeParam Handler - type of {@link WebSocketServer.handler}, which `new` and `serve` find out
 * @see the 4D page of the WebSocketServer class
 */
export class WebSocketServer<T = string, Data = unknown, out Handler = ServerHandler<T, Data>> {
  readonly #core: ServerCore<WebSocketConnection>;
  readonly #path: string | undefined;
  readonly #servers: readonly UpgradableServer[];
  /** The HTTP server that {@link serve} has made, which ends with this server. */
  #own: OwnHttpServer | undefined;
  /** The URL of a server that {@link serve} has made. */
  #servedUrl: string | undefined;

  static {
    defineInspection(this, (wss) => ({
      status: wss.#core.state,
      path: wss.#path,
      url: wss.url,
      dataType: wss.dataType,
      connections: wss.connections.length,
    }));
  }

  /**
   * Creates and starts a server. Its onOpen runs in a later turn of the event loop.
   *
   * @param handler - must have onConnection
   * @param options - path, dataType, webServer, limits
   * @returns the server; null when `onErrCall` or `tryExpr` handled the error
   * @throws FourDError `ERR_WEB_SERVER_NOT_STARTED`, `ERR_DUPLICATE_PATH` (errCode -10718), `ERR_INVALID_HANDLER`,
   *   `ERR_INVALID_OPTION` or `ERR_INVALID_DATA_TYPE`
   */
  static new<
    Data = unknown,
    Handler extends ServerHandler<string, Data> = ServerHandler<string, Data>,
    S extends AnySchema = AnySchema,
  >(
    handler: Handler & Spelt<Handler>,
    options?: WebSocketServerOptions & { readonly dataType?: 'text' | undefined } & NoSchema<S>,
  ): WebSocketServer<string, DataOf<Handler, Data>, Handler> | null;
  static new<Data = unknown, Handler extends ServerHandler<Uint8Array, Data> = ServerHandler<Uint8Array, Data>>(
    handler: Handler & Spelt<Handler>,
    options: WebSocketServerOptions & { readonly dataType: 'blob' },
  ): WebSocketServer<Uint8Array, DataOf<Handler, Data>, Handler> | null;
  static new<
    Data = unknown,
    Handler extends ServerHandler<string | Uint8Array, Data> = ServerHandler<string | Uint8Array, Data>,
  >(
    handler: Handler & Spelt<Handler>,
    options: WebSocketServerOptions & { readonly dataType: 'auto' },
  ): WebSocketServer<string | Uint8Array, DataOf<Handler, Data>, Handler> | null;
  static new<T = unknown, Data = unknown, Handler extends ServerHandler<T, Data> = ServerHandler<T, Data>>(
    handler: Handler & Spelt<Handler>,
    options: ObjectOptions<WebSocketServerOptions, WebSocketConnection<T, Data>> & TypedBySchema<T>,
  ): WebSocketServer<TypeOf<Handler, T>, DataOf<Handler, Data>, Handler> | null;
  static new<
    T = unknown,
    Data = unknown,
    Handler extends ServerHandler<T, Data> = ServerHandler<T, Data>,
    S extends AnySchema = AnySchema,
  >(
    handler: Handler & Spelt<Handler>,
    options: ObjectOptions<WebSocketServerOptions, WebSocketConnection<T, Data>> & UntypedSchema<S>,
  ): WebSocketServer<TypeOf<Handler, T>, DataOf<Handler, Data>, Handler> | null;
  static new<
    Handler extends ServerHandler<unknown>,
    D extends DataType | undefined = 'text',
    S extends AnySchema = AnySchema,
  >(
    handler: Handler & Spelt<Handler>,
    options: OpenOptions<WebSocketServerOptions, D, S>,
  ): WebSocketServer<TypeOf<Handler, unknown>, DataOf<Handler, unknown>, Handler> | null;
  static new<
    Handler extends ServerHandler<never>,
    D extends DataType | undefined = 'text',
    S extends AnySchema = AnySchema,
  >(
    handler: Handler & Spelt<Handler>,
    options: OpenOptions<WebSocketServerOptions, D, S>,
  ): WebSocketServer<TypeOf<Handler, unknown>, DataOf<Handler, unknown>, Handler> | null;
  static new<T, Data, Handler>(
    handler: ServerHandler<T, Data>,
    options: WebSocketServerOptions = {},
  ): WebSocketServer<T, Data, Handler> | null {
    try {
      return new WebSocketServer<T, Data, Handler>(handler, options);
    } catch (error) {
      return generateError(error as FourDError, null);
    }
  }

  /**
   * Listens on a port of its own and starts a server there, for programs that do not come from 4D. Resolves in the turn
   * in which the server was created; its onOpen runs in a later one. With a broker of the option `topics` it waits for the
   * first attempt to open that, 3 s at most; onOpen may have run then.
   *
   * @remarks A failure rejects, whatever `onErrCall` and `tryExpr` are set to, and `lastErrors` does not show it; nothing
   * stays open then. When the server has ended and its onTerminate has run, it stops listening: {@link drain} and
   * `await using` resolve after that.
   * @param handler - must have onConnection
   * @param options - port, host, tls, rootFolder, and all options of a server but `webServer`
   * @returns the server, never null; its {@link url} tells where it listens
   * @throws FourDError (as a rejection) `ERR_WEB_SERVER_LISTEN`, `ERR_WEB_SERVER_CERTIFICATE`, `ERR_INVALID_HANDLER`,
   *   `ERR_INVALID_OPTION`, `ERR_INVALID_DATA_TYPE` or `ERR_BROKER_MISCONFIGURED`
   */
  static serve<
    Data = unknown,
    Handler extends ServerHandler<string, Data> = ServerHandler<string, Data>,
    S extends AnySchema = AnySchema,
  >(
    handler: Handler & Spelt<Handler>,
    options?: ServeOptions & { readonly dataType?: 'text' | undefined } & NoSchema<S>,
  ): Promise<WebSocketServer<string, DataOf<Handler, Data>, Handler> & { readonly url: string }>;
  static serve<Data = unknown, Handler extends ServerHandler<Uint8Array, Data> = ServerHandler<Uint8Array, Data>>(
    handler: Handler & Spelt<Handler>,
    options: ServeOptions & { readonly dataType: 'blob' },
  ): Promise<WebSocketServer<Uint8Array, DataOf<Handler, Data>, Handler> & { readonly url: string }>;
  static serve<
    Data = unknown,
    Handler extends ServerHandler<string | Uint8Array, Data> = ServerHandler<string | Uint8Array, Data>,
  >(
    handler: Handler & Spelt<Handler>,
    options: ServeOptions & { readonly dataType: 'auto' },
  ): Promise<WebSocketServer<string | Uint8Array, DataOf<Handler, Data>, Handler> & { readonly url: string }>;
  static serve<T = unknown, Data = unknown, Handler extends ServerHandler<T, Data> = ServerHandler<T, Data>>(
    handler: Handler & Spelt<Handler>,
    options: ObjectOptions<ServeOptions, WebSocketConnection<T, Data>> & TypedBySchema<T>,
  ): Promise<WebSocketServer<TypeOf<Handler, T>, DataOf<Handler, Data>, Handler> & { readonly url: string }>;
  static serve<
    T = unknown,
    Data = unknown,
    Handler extends ServerHandler<T, Data> = ServerHandler<T, Data>,
    S extends AnySchema = AnySchema,
  >(
    handler: Handler & Spelt<Handler>,
    options: ObjectOptions<ServeOptions, WebSocketConnection<T, Data>> & UntypedSchema<S>,
  ): Promise<WebSocketServer<TypeOf<Handler, T>, DataOf<Handler, Data>, Handler> & { readonly url: string }>;
  static serve<
    Handler extends ServerHandler<unknown>,
    D extends DataType | undefined = 'text',
    S extends AnySchema = AnySchema,
  >(
    handler: Handler & Spelt<Handler>,
    options: OpenOptions<ServeOptions, D, S>,
  ): Promise<WebSocketServer<TypeOf<Handler, unknown>, DataOf<Handler, unknown>, Handler> & { readonly url: string }>;
  static serve<
    Handler extends ServerHandler<never>,
    D extends DataType | undefined = 'text',
    S extends AnySchema = AnySchema,
  >(
    handler: Handler & Spelt<Handler>,
    options: OpenOptions<ServeOptions, D, S>,
  ): Promise<WebSocketServer<TypeOf<Handler, unknown>, DataOf<Handler, unknown>, Handler> & { readonly url: string }>;
  static async serve<T, Data, Handler>(
    handler: ServerHandler<T, Data>,
    options: ServeOptions = {},
  ): Promise<WebSocketServer<T, Data, Handler> & { readonly url: string }> {
    // The function may have been taken off its class, as in `const { serve } = WebSocketServer`.
    const Class = typeof this === 'function' ? this : WebSocketServer;
    // oxlint-disable-next-line typescript/unbound-method -- it is looked for in the stack, and not called
    const callSite = new CallSite(WebSocketServer.serve);
    const { http, server } = readServeOptions(options);
    // Mistakes are told before a port is opened.
    const { limits } = checkArguments(handler, server);
    await findRootFolder(http);
    const own = await OwnHttpServer.start(http).catch((error: FourDError) => {
      callSite.giveTo(error);
      throw error;
    });
    own.setHandshakeTimeout(limits.handshakeTimeoutMs);
    try {
      const wss = new Class<T, Data, Handler>(handler, { ...server, webServer: own.server });
      wss.#own = own;
      wss.#servedUrl = wss.url;
      wss.#core.onceEnded(() => void own.stop());
      const mistake = await wss.#core.topics?.findMistake();
      if (mistake !== undefined) {
        wss.terminate();
        throw mistake;
      }
      return wss as typeof wss & { readonly url: string };
    } catch (error) {
      await own.stop();
      throw error;
    }
  }

  /** @throws nothing but FourDErrors */
  private constructor(handler: ServerHandler<T, Data>, options: WebSocketServerOptions) {
    const settings = checkArguments(handler, options);
    if (settings.limits.warnings) warnOfCallbacks(handler, 'server');
    const host = settings.webServer === undefined ? webServer() : settings.webServer;
    const web = host instanceof WebServer ? host : undefined;
    // A Proxy of a web server has no private members.
    const readServers = (): readonly UpgradableServer[] => web?.httpServers ?? [host as UpgradableServer];
    const servers = host === null ? [] : readGuarded('webServer', readServers, 'HTTP');
    if (web !== undefined && servers.length === 0) throw notStarted(web, settings.webServer !== undefined);
    const routers = servers.map((server) => UpgradeRouter.of(server));
    if (routers.some((router) => router.has(settings.path))) {
      throw serverError(
        'ERR_DUPLICATE_PATH',
        settings.path === undefined
          ? 'cannot create a WebSocket server: another one already takes all paths, pass a path'
          : `cannot create a WebSocket server: another one has the path ${settings.path.text}, pass a different path`,
      );
    }
    this.#path = settings.givenPath;
    this.#servers = servers;
    this.#core = new ServerCore({
      subject: this,
      handler,
      settings,
      routers,
      createConnection: (session, { protocol, request, data }) =>
        createConnection(session, this as unknown as WebSocketServer, protocol, request, data),
    });
    if (web !== undefined) this.#core.onceEnded(attach(web, this.#core));
  }

  /** The open connections in order of arrival. The array is frozen: read the property again to see later changes. */
  get connections(): readonly WebSocketConnection<
    T,
    Data,
    ConnectionHandlerOf<Handler, ConnectionHandler<T, Data>>,
    Handler
  >[] {
    return this.#core.connections as readonly unknown[] as never;
  }

  /** `"text"`, `"blob"`, `"object"` or `"auto"`. */
  get dataType(): DataType {
    return this.#core.settings.dataType;
  }

  /** The handler as it was passed. */
  get handler(): Handler {
    return this.#core.handler as Handler;
  }

  /** The path as it was passed; undefined for a server that answers on all paths. */
  get path(): string | undefined {
    return this.#path;
  }

  /**
   * The URL that clients on this machine connect to, such as `ws://localhost:8080/chat`: `wss:` with TLS, `localhost`
   * where the server listens on all addresses, and up to the first parameter of a path that is a pattern. Of a web server
   * with HTTP and HTTPS, that of HTTPS. Undefined on a Unix socket, and while an HTTP server that {@link serve} has not made
   * does not listen.
   */
  get url(): string | undefined {
    return this.#servedUrl ?? urlOf(this.#servers, this.#core.settings.path);
  }

  /**
   * The topics of this server.
   *
   * @throws FourDError (or what `onErrCall` makes of it) `ERR_TOPICS_OFF` without the option `topics`
   */
  get topics(): Topics {
    const { topics } = this.#core;
    if (topics !== undefined) return topics;
    const message = 'topics are off: create the server with the option topics: true';
    return generateError(serverError('ERR_TOPICS_OFF', message), undefined as never);
  }

  /** True when the server has ended: in its onTerminate and after, or when the time of {@link terminate} is up. */
  get terminated(): boolean {
    return this.#core.state === 'over';
  }

  /**
   * Whether a load balancer should send clients here: `'ready'`, or why not. `'starting'` until onOpen is over;
   * `'broker-down'` while the topics have no broker: clients are let in, and hear nothing new; `'ending'` from
   * {@link drain} or {@link terminate} on: clients are refused with 503; `'ended'`.
   */
  get readiness(): Readiness {
    return this.#core.readiness;
  }

  /**
   * Returns the figures of this server: what is open now, and what was counted since it was created, also after its end;
   * with the option `topics`, also `wss.topics.stats`.
   *
   * @remarks The time that it takes grows with the number of open connections. {@link metricsText} gives the figures of
   * all servers and clients as text for Prometheus.
   */
  metrics(): ServerMetrics & { readonly topics?: TopicsStats } {
    const { topics } = this.#core;
    return { ...readServerMetrics(this.#core), ...(topics && { topics: topics.stats }) };
  }

  /**
   * Sends a message to all connections, as {@link WebSocketConnection.send} does to one. The message is converted,
   * framed and compressed only once.
   *
   * @param message - bytes are copied at the call
   * @param options - `except`: one or several connections that do not get the message; `compress`: see
   *   {@link SendOptions}
   * @returns the number of connections that the message was sent to
   * @throws FourDError (or what `onErrCall` makes of it) `ERR_INVALID_MESSAGE` or `ERR_INVALID_OPTION`: no connection
   *   gets the message
   */
  broadcast(message: SendableMessage, options: BroadcastOptions = {}): number {
    try {
      const { except, send } = readBroadcastOptions(options);
      return this.#core.broadcast(message, except, send);
    } catch (thrown) {
      return generateError(toSendError(thrown, 'HTTP'), 0);
    }
  }

  /**
   * Takes an upgrade request that the program has received itself, as from an 'upgrade' listener of its own. For servers
   * with `webServer: null`, and for others too.
   *
   * @remarks All checks are made as usual: handshake, host, origin, limits. The path is the caller's business; only with
   * the option `path` a request for another path is refused with 404. `handshakeTimeoutMs` begins with the call. When the
   * client has gone meanwhile, nothing happens. A server that has ended refuses with 503.
   *
   * From the 'upgrade' event to this call the socket must have an 'error' listener, and nothing may read from it; if it is
   * not given on, the caller must end it.
   * @param request - of `node:http`, HTTP/1.1
   * @param socket - belongs to the server from now on
   * @param head - the bytes behind the request
   * @throws FourDError (or what `onErrCall` makes of it) `ERR_INVALID_ARGUMENT`, also for a socket that a server has
   *   taken already: nothing has happened to the socket then
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    try {
      this.#core.handleUpgrade(request, socket, head);
    } catch (error) {
      generateError(error as FourDError, undefined);
    }
  }

  /**
   * Ends the server without cutting anyone off, for a deployment: new clients are refused with 503, and the connections
   * are closed in waves, each one after all that was sent to it, and after the messages of its topics that it has missed.
   * With a broker that others share it then waits until what was published is stored, and until members have had their
   * grace. `deadlineMs` bounds the whole end as the timeout of {@link terminate} does: what waits for the broker then fails.
   *
   * @remarks Clients should reconnect after a random time; the code 1012 (service restart) tells them to. A second call
   * has no waves of its own: it waits for the same end, and can hasten it.
   * @returns resolves when the server has ended, with the number of connections that closed or were dropped
   * @throws FourDError (as a rejection) `ERR_INVALID_OPTION`
   */
  async drain(options: DrainOptions = {}): Promise<DrainResult> {
    const code = this.#core.topics === undefined ? CLOSE_GOING_AWAY : CLOSE_SERVICE_RESTART;
    const result = await this.#core.drain(checkDrainOptions(options, code));
    await this.#own?.stop();
    return result;
  }

  /** Ends the server as {@link drain} does: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
  }

  /**
   * Ends the server. New clients are refused with 503, each connection gets a close frame with 1000 and its
   * onTerminate, then the server's onTerminate runs.
   *
   * @remarks With a timeout the server ends in time even when callbacks never do. When the time is up, connections whose
   * peer has not answered are cut off: onTerminate with 1006 and the cause `'shutdown'`, without onError. A tenth of a
   * second later the server's onTerminate runs, {@link terminated} is true and the path is free, whatever callbacks still
   * run; onTerminate of their connections comes when they are over, once. A further call with a timeout hastens an end
   * that takes too long.
   * @param timeout - **seconds** (4D's unit) for the whole end; 0 cuts off all connections at once, without a close frame;
   *   by default peers and callbacks may take as long as they want
   * @throws FourDError (or what `onErrCall` makes of it) `ERR_INVALID_CLOSE_ARGUMENT`
   */
  terminate(timeout?: number): void {
    if (timeout !== undefined && !(typeof timeout === 'number' && timeout >= 0)) {
      const message = 'cannot terminate: the timeout must be a number of seconds, 0 or more';
      generateError(serverError('ERR_INVALID_CLOSE_ARGUMENT', message), undefined);
      return;
    }
    this.#core.shutdown(CLOSE_NORMAL, timeout === undefined ? Infinity : timeout * 1000);
  }
}
