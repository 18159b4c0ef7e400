import { FourDError } from '../errors.ts';
import { generateError } from '../workers/error-handling.ts';
import { CLOSE_NORMAL } from '../protocol/constants.ts';
import { normalizePath, UpgradeRouter } from '../http/upgrade-router.ts';
import { checkDataType, type DataType, type SendableMessage } from '../session/data-type.ts';
import { checkDrainOptions, type DrainOptions, type DrainResult } from './graceful-shutdown.ts';
import { hasCallback, type ServerHandler } from '../session/call-handler.ts';
import { checkServerOptions, type WebSocketServerOptions } from './server-options.ts';
import { OriginRule } from './origins.ts';
import { type BroadcastOptions, ServerCore } from './server-core.ts';
import { TrustedProxies } from './trusted-proxies.ts';
import { attach, WebServer, webServer } from '../web-server/web-server.ts';
import type { WebSocketConnection } from './web-socket-connection.ts';

/**
 * A WebSocket server. It hangs on a web server and opens no port of its own.
 *
 * @remarks It stays alive until its onTerminate has run, also when no variable holds it.
 * @typeParam T - type of `event.data`
 * @typeParam Data - type of the connections' `data`
 * @see the 4D page of the WebSocketServer class
 */
export class WebSocketServer<T = string, Data = unknown> {
  readonly #core: ServerCore;
  readonly #path: string | undefined;

  /**
   * Creates and starts a server. Its onOpen runs in a later turn of the event loop.
   *
   * @param handler - must have onConnection
   * @param options - path, dataType, webServer, limits
   * @returns the server; null when an error handler or `tryExpr` took the error
   * @throws FourDError `ERR_WEB_SERVER_NOT_STARTED`, `ERR_DUPLICATE_PATH` (errCode -10718), `ERR_INVALID_HANDLER`,
   *   `ERR_INVALID_OPTION` or `ERR_INVALID_DATA_TYPE`
   */
  static new<Data = unknown>(
    handler: ServerHandler<string, Data>,
    options?: WebSocketServerOptions & { readonly dataType?: 'text' | undefined },
  ): WebSocketServer<string, Data> | null;
  static new<Data = unknown>(
    handler: ServerHandler<Uint8Array, Data>,
    options: WebSocketServerOptions & { readonly dataType: 'blob' },
  ): WebSocketServer<Uint8Array, Data> | null;
  static new<T = unknown, Data = unknown>(
    handler: ServerHandler<T, Data>,
    options: WebSocketServerOptions & { readonly dataType: 'object' },
  ): WebSocketServer<T, Data> | null;
  static new<T, Data>(
    handler: ServerHandler<T, Data>,
    options: WebSocketServerOptions = {},
  ): WebSocketServer<T, Data> | null {
    try {
      return new WebSocketServer<T, Data>(handler, options);
    } catch (error) {
      if (error instanceof FourDError) return generateError(error, null);
      throw error;
    }
  }

  private constructor(handler: ServerHandler<T, Data>, options: WebSocketServerOptions) {
    if (typeof handler !== 'object' || handler === null || !hasCallback(handler, 'onConnection')) {
      throw serverError(
        'ERR_INVALID_HANDLER',
        'invalid server handler: it must be an object with a method onConnection',
      );
    }
    const limits = checkServerOptions(options);
    const { path } = options;
    const normalizedPath = path === undefined ? undefined : normalizePath(path);
    const host = options.webServer ?? webServer();
    const servers = host instanceof WebServer ? host.httpServers : [host];
    if (servers.length === 0) {
      throw serverError(
        'ERR_WEB_SERVER_NOT_STARTED',
        'cannot create a WebSocket server: the web server is not running',
      );
    }
    const routers = servers.map((server) => UpgradeRouter.of(server));
    if (routers.some((router) => router.has(normalizedPath))) {
      throw serverError(
        'ERR_DUPLICATE_PATH',
        `cannot create a WebSocket server: another one has the path ${normalizedPath ?? '(any)'}`,
      );
    }
    this.#path = path;
    const dataType = checkDataType(options.dataType, 'HTTP');
    this.#core = new ServerCore(this, {
      handler,
      dataType,
      path: normalizedPath,
      limits,
      origins: new OriginRule(options.origins),
      proxies: new TrustedProxies(options.trustedProxies),
      routers,
    });
    if (host instanceof WebServer) this.#core.onceEnded(attach(host, this.#core));
  }

  /** Open connections in order of arrival. The array does not change: read it again after a coming or going. */
  get connections(): readonly WebSocketConnection<T, Data>[] {
    return this.#core.connections as readonly unknown[] as readonly WebSocketConnection<T, Data>[];
  }

  /** `"text"`, `"blob"` or `"object"`. */
  get dataType(): DataType {
    return this.#core.dataType;
  }

  /** The handler as it was passed. */
  get handler(): ServerHandler<T, Data> {
    return this.#core.handler as ServerHandler<T, Data>;
  }

  /** The path as it was passed, undefined for a server that answers on all paths. */
  get path(): string | undefined {
    return this.#path;
  }

  /** True when the server is over: in its onTerminate and after. */
  get terminated(): boolean {
    return this.#core.isTerminated;
  }

  /**
   * Sends a message to all connections, as {@link WebSocketConnection.send} does to one. It is converted and framed, and
   * where it is compressed also compressed, only once.
   *
   * @param message - bytes must not change before they have left
   * @param options - `except`: a connection, or several, that do not get it; `compress`: see {@link SendOptions}
   * @returns to how many connections it was sent
   * @throws FourDError (or what `onErrCall` makes of it) `ERR_INVALID_MESSAGE`: nobody gets it
   */
  broadcast(message: SendableMessage, options: BroadcastOptions = {}): number {
    try {
      return this.#core.broadcast(message, options);
    } catch (error) {
      return generateError(error as FourDError, 0);
    }
  }

  /**
   * Ends the server without cutting anyone off, for a deployment: new clients are refused with 503, the connections are
   * closed in waves, each after all that was sent to it, and what is left at the deadline is destroyed.
   *
   * @remarks Clients that connect again elsewhere should do so after a random time; 1012 tells them why.
   * @returns resolves when the server's onTerminate has run, to what became of the connections
   * @throws FourDError (as a rejection) `ERR_INVALID_OPTION`
   */
  async drain(options: DrainOptions = {}): Promise<DrainResult> {
    return this.#core.drain(checkDrainOptions(options));
  }

  /** Ends the server as {@link drain} does: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
  }

  /**
   * Ends the server. New clients are refused with 503, each connection gets a close frame with 1000 and its
   * onTerminate, then the server's onTerminate runs.
   *
   * @remarks A further call with a timeout hastens an end that takes too long.
   * @param timeout - **seconds** (4D's unit) until connections whose peer has not answered are destroyed; 0 destroys all
   *   at once without close frame; by default the peers may take as long as they want
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

function serverError(
  code: 'ERR_INVALID_HANDLER' | 'ERR_WEB_SERVER_NOT_STARTED' | 'ERR_DUPLICATE_PATH' | 'ERR_INVALID_CLOSE_ARGUMENT',
  message: string,
): FourDError {
  return new FourDError(code, message, { componentSignature: 'HTTP' });
}
