import type { FourDError } from '../errors.ts';
import { CallSite } from '../session/call-site.ts';
import { closeArgumentError } from '../session/close-arguments.ts';
import { generateError } from '../workers/error-handling.ts';
import { toPublicProtocol } from '../handshake/bearer-subprotocol.ts';
import type { ResponseHeaders } from '../handshake/stored-answer.ts';
import { CLOSE_NORMAL } from '../protocol/constants.ts';
import { ClientCore } from './client-core.ts';
import { topicsOff } from './client-errors.ts';
import type { Connected } from './connected.ts';
import type { SendOptions } from '../session/data-type.ts';
import type { DataType, SendableMessage } from '../session/message-types.ts';
import { defineInspection } from '../session/inspection.ts';
import type { CallbackResult } from '../session/call-handler.ts';
import type {
  DisconnectEvent,
  DrainEvent,
  ErrorEvent,
  MessageEvent,
  OpenEvent,
  ReconnectEvent,
  TerminateEvent,
} from '../session/events.ts';
import type { AnySchema, TypedBySchema, UntypedSchema, ValidationOptions } from '../session/validation.ts';
import type { RequestOptions, SubscribeOptions, TopicMethods } from '../topics/client-types.ts';
import type { Publishable, Published, PublishOptions, Subscription, TopicHandler } from '../topics/topic-handler.ts';
import type { WebSocketOptions } from './client-options.ts';
import { toUrlText, usableUrl } from './url-text.ts';
import type { SendStatus } from '../connection/send-status.ts';
import type { Status } from '../session/status.ts';

/**
 * Handles one client connection: any object with these methods.
 *
 * @remarks Callbacks are looked up when their event fires, and called with `this` = the handler. Order: onOpen once,
 * onMessage any number of times, onError at most once, onTerminate exactly once and last; callbacks never overlap. A
 * callback that throws or rejects ends its own connection with 1011, and no other. Callbacks see the values that an
 * `AsyncLocalStorage` had when the client was created.
 * @typeParam T - type of `event.data`: string for dataType "text", Uint8Array for "blob", `string | Uint8Array` for
 *   "auto", a type of yours for "object"
 * @see the 4D page of the WebSocket class, connectionHandler parameter
 */
export interface WebSocketHandler<T = string> extends ValidationOptions<WebSocket<T>> {
  /** Default `"text"`. Read once, when the socket is created. */
  readonly dataType?: DataType | undefined;
  /** Headers of the handshake request. An array sends the header once per element. Read once. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  onOpen?(ws: WebSocket<T>, event: OpenEvent): CallbackResult;
  onMessage?(ws: WebSocket<T>, event: MessageEvent<T>): CallbackResult;
  /** Runs after a `send` that returned `'queued'`, when the server has taken all waiting messages. */
  onDrain?(ws: WebSocket<T>, event: DrainEvent): CallbackResult;
  /**
   * Runs when the connection is lost, or an attempt to connect again has failed, and another attempt follows; with the
   * option `reconnect` only. Attempts before the first connection are not told, also of the life that
   * {@link WebSocket.reconnect} begins after an end, nor is an end for good.
   */
  onDisconnect?(ws: WebSocket<T>, event: DisconnectEvent): CallbackResult;
  /**
   * Runs when there is a new connection, with the option `reconnect` only. The client sends the messages that waited
   * for the connection, and begins to read, when this callback is over.
   */
  onReconnect?(ws: WebSocket<T>, event: ReconnectEvent): CallbackResult;
  onError?(ws: WebSocket<T>, event: ErrorEvent): CallbackResult;
  onTerminate?(ws: WebSocket<T>, event: TerminateEvent): CallbackResult;
}

/**
 * A WebSocket client.
 *
 * @remarks A client stays alive until its onTerminate has run, even when no variable refers to it.
 * @typeParam T - type of `event.data`
 * @see the 4D page of the WebSocket class
 */
export interface WebSocket<T = string> extends TopicMethods {
  /**
   * Resolves to this object when onOpen has run, or to null when the connection is not possible. Never rejects. After a
   * {@link reconnect} of a client that has ended, the promise is another one, for the connection that follows:
   * onReconnect takes the place of onOpen when the client has been open before.
   */
  readonly ready: Promise<WebSocket<T> | null>;
  /** The URL as it was passed; the text (`href`) that a URL object had then. */
  readonly url: string;
  /** The handler as it was passed. */
  readonly handler: WebSocketHandler<T>;
  /** A whole number that is unique among the connections of this process. */
  readonly id: number;
  /** `"text"`, `"blob"`, `"object"` or `"auto"`. */
  readonly dataType: DataType;
  /** `"Connecting"`, `"Connected"`, `"Closing"` or `"Closed"`. */
  readonly status: Status;
  /** The subprotocol that the server chose, `''` for none. */
  readonly protocol: string;
  /**
   * The headers of the server's answer, the 101 of the handshake, by name in lower case; one that came more than once, such
   * as `set-cookie`, has an array. Frozen, without a prototype.
   *
   * @remarks Undefined until the answer has come: onOpen sees the headers. After a reconnection they are those of the
   * newest 101, in onReconnect already; while the client connects again, and after its end, those of the last one. The
   * headers of a refusal are in the error: `httpHeaders`.
   */
  readonly responseHeaders: ResponseHeaders | undefined;
  /** Bytes that were passed to `send` and have not left this process: how far the server is behind. */
  readonly bufferedBytes: number;

  /**
   * Sends a message. The type of the argument decides, not `dataType`: a string is a text message, bytes are a binary
   * message, an object or array is a text message with its JSON.
   *
   * @remarks Messages leave in order, all of one turn of the event loop in one write. While Closing or Closed, `send`
   * neither sends nor throws. When more than `maxBufferedBytes` wait, the connection ends with 1013. A Blob, Map, Set,
   * Error or the like is refused, since its JSON is `{}`: pass `await blob.arrayBuffer()`, `[...map]`, or an object of
   * your own.
   * @param message - bytes are masked on a copy, so they may be changed after the call
   * @param options - `compress`, `droppable`: see {@link SendOptions}
   * @returns `'sent'` when the message leaves with this turn of the event loop; `'queued'` when it waits because the
   *   server does not keep up, or because it takes long to compress: await {@link drained} before sending much more;
   *   `'dropped'` when it is not sent
   * @throws FourDError (or what `onErrCall` makes of it) `ERR_INVALID_MESSAGE`, also when code of the message throws;
   *   `ERR_INVALID_OPTION`, `ERR_NOT_CONNECTED`
   */
  send(message: SendableMessage, options?: SendOptions): SendStatus;
  /**
   * Resolves when the server has taken all waiting messages, or the connection is over; at once when no message waits.
   * Never rejects.
   */
  drained(): Promise<void>;
  /**
   * Sends a ping (RFC 6455 section 5.5.2) with a payload of its own.
   *
   * @remarks The ping counts as that of the heartbeat: a peer that sends nothing for `pongTimeoutMs` afterwards is given up.
   * @returns the time in milliseconds until the pong came; a pong for a later ping answers earlier ones as well. Undefined
   *   when the connection ends first, or is not open. Never rejects.
   */
  ping(): Promise<number | undefined>;
  /** Closes the connection and waits until onTerminate has run: for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;

  /**
   * Closes the connection. onTerminate follows, never within this call; onMessage runs no more. A second call has no
   * effect. While Connecting, the call gives up connecting.
   *
   * @param code - 1000 (default) or 3000 to 4999
   * @param reason - cut to 123 UTF-8 bytes
   * @throws FourDError (or what `onErrCall` makes of it) `ERR_INVALID_CLOSE_ARGUMENT`: the socket stays open
   */
  terminate(code?: number, reason?: string): void;
  /**
   * Ends the connection at once, whatever the server does: without a close frame, with a reset of TCP where possible (not
   * over TLS and Unix sockets, and not while the end of TCP is being sent). onTerminate follows, never within this call,
   * with code 1006 and the cause `'local'`; onError does not run, onMessage runs no more. The code is the server's when
   * its close frame has come before.
   *
   * @remarks For a server that is stuck; {@link terminate} lets the server read what was sent. The client does not connect
   * again. While Connecting, the call gives up connecting. While Closed it has no effect.
   */
  destroy(): void;
  /**
   * Connects again now, and counts the attempts from 1 again. Only with the option `reconnect`.
   *
   * @remarks While the client waits for its next attempt, the attempt is made at once; one that is under way begins
   * anew. While Connected, the connection is closed with 1000 (a server that does not answer within a second is not
   * waited for), and another one follows. A client that is ending, by `terminate` for example, has its onTerminate
   * first; one that has ended begins a new life, with onReconnect (onOpen when it was never open) and onTerminate once
   * more. Never runs a callback within the call. Does nothing when the signal was aborted or the worker that owns the
   * client was killed.
   * @throws FourDError (or what `onErrCall` makes of it) `ERR_RECONNECT_OFF`
   */
  reconnect(): void;
}

/**
 * The class of {@link WebSocket}. The handler's `dataType` determines the type of `event.data`.
 *
 * @remarks The constructors differ in the number of type parameters, so that `extends WebSocket` and
 * `extends WebSocket<T>` each find one.
 */
export interface WebSocketConstructor {
  readonly prototype: WebSocket<unknown>;

  /**
   * Begins to connect and returns at once, with status "Connecting".
   *
   * @remarks The constructor does not throw: any failure, a bad argument included, runs onError and then onTerminate
   * with code 1006. Await `ready` before sending, or send in onOpen.
   */
  new (url: string | URL, handler?: TextHandler | null, options?: WebSocketOptions): WebSocket;
  new <T extends Uint8Array, D extends 'blob'>(
    url: string | URL,
    handler: WebSocketHandler<T> & { readonly dataType: D },
    options?: WebSocketOptions,
  ): WebSocket<T>;
  new <T extends string | Uint8Array, D extends 'auto'>(
    url: string | URL,
    handler: WebSocketHandler<T> & { readonly dataType: D },
    options?: WebSocketOptions,
  ): WebSocket<T>;
  new <T, D extends 'object'>(
    url: string | URL,
    handler: WebSocketHandler<T> & TypedBySchema<T> & { readonly dataType: D },
    options?: WebSocketOptions,
  ): WebSocket<T>;
  new <T, S extends AnySchema = AnySchema>(
    url: string | URL,
    handler: WebSocketHandler<T> & UntypedSchema<S>,
    options?: WebSocketOptions,
  ): WebSocket<T>;

  /**
   * Connects, and resolves to the object when onOpen has run.
   *
   * @remarks When connecting fails, no callback of the handler runs.
   * @param url - `ws://host[:port]path[?query]`, `wss://…`, or `ws+unix:/socket/path[:/path[?query]]`, as text or as a
   *   URL object, which may be changed afterwards
   * @param handler - callbacks, data type and headers; may be left out, or null
   * @returns the connected socket; null when an error handler or `tryExpr` handled the error
   * @throws FourDError (as a rejection) `ERR_CONNECT_FAILED`, `ERR_HANDSHAKE_REFUSED` (with httpStatus, httpHeaders,
   *   httpBody), `ERR_HANDSHAKE_INVALID`, `ERR_HANDSHAKE_TIMEOUT`, `ERR_INVALID_URL`, `ERR_INVALID_DATA_TYPE`,
   *   `ERR_INVALID_HEADER`, `ERR_INVALID_HANDLER` or `ERR_INVALID_OPTION`
   */
  'new'(url: string | URL, handler?: TextHandler | null, options?: WebSocketOptions): Promise<WebSocket | null>;
  'new'<T extends Uint8Array = Uint8Array>(
    url: string | URL,
    handler: WebSocketHandler<T> & { readonly dataType: 'blob' },
    options?: WebSocketOptions,
  ): Promise<WebSocket<T> | null>;
  'new'<T extends string | Uint8Array = string | Uint8Array>(
    url: string | URL,
    handler: WebSocketHandler<T> & { readonly dataType: 'auto' },
    options?: WebSocketOptions,
  ): Promise<WebSocket<T> | null>;
  'new'<T = unknown>(
    url: string | URL,
    handler: WebSocketHandler<T> & TypedBySchema<T>,
    options?: WebSocketOptions,
  ): Promise<WebSocket<T> | null>;
  'new'<T = unknown, S extends AnySchema = AnySchema>(
    url: string | URL,
    handler: WebSocketHandler<T> & UntypedSchema<S>,
    options?: WebSocketOptions,
  ): Promise<WebSocket<T> | null>;

  /**
   * Connects, and resolves to the object when onOpen has run: {@link WebSocketConstructor.new} for programs that do not
   * come from 4D.
   *
   * @remarks A failure rejects, whatever `onErrCall` and `tryExpr` are set to, and `lastErrors` does not show it; no
   * callback of the handler runs. Called on a class that extends WebSocket, it makes an object of that class.
   * @param url - `ws://host[:port]path[?query]`, `wss://…`, or `ws+unix:/socket/path[:/path[?query]]`
   * @param handler - callbacks, data type and headers; may be left out
   * @returns the connected socket, never null
   * @throws FourDError (as a rejection) with the codes of {@link WebSocketConstructor.new}
   */
  connect<This>(
    this: This,
    url: string | URL,
    handler?: TextHandler | null,
    options?: WebSocketOptions,
  ): Promise<Connected<This, WebSocket>>;
  connect<T extends Uint8Array = Uint8Array, This = unknown>(
    this: This,
    url: string | URL,
    handler: WebSocketHandler<T> & { readonly dataType: 'blob' },
    options?: WebSocketOptions,
  ): Promise<Connected<This, WebSocket<T>>>;
  connect<T extends string | Uint8Array = string | Uint8Array, This = unknown>(
    this: This,
    url: string | URL,
    handler: WebSocketHandler<T> & { readonly dataType: 'auto' },
    options?: WebSocketOptions,
  ): Promise<Connected<This, WebSocket<T>>>;
  connect<T = unknown, This = unknown>(
    this: This,
    url: string | URL,
    handler: WebSocketHandler<T> & TypedBySchema<T>,
    options?: WebSocketOptions,
  ): Promise<Connected<This, WebSocket<T>>>;
  connect<T = unknown, This = unknown, S extends AnySchema = AnySchema>(
    this: This,
    url: string | URL,
    handler: WebSocketHandler<T> & UntypedSchema<S>,
    options?: WebSocketOptions,
  ): Promise<Connected<This, WebSocket<T>>>;
}

/** A handler whose messages are texts. */
type TextHandler = WebSocketHandler & { readonly dataType?: 'text' | undefined };

/** Implements {@link WebSocket}. A class alone could not derive the type of `event.data` from its parameters. */
class WebSocketClient<T> implements WebSocket<T> {
  /** The name in stack traces and `util.inspect`. */
  static readonly name = 'WebSocket';
  readonly #url: string;
  readonly #handler: WebSocketHandler<T>;
  readonly #core: ClientCore;
  /** The promise {@link ready}, and the result of the core that it follows. */
  #ready: { readonly result: object; readonly promise: Promise<WebSocket<T> | null> } | undefined;

  static {
    defineInspection(this, ({ id, status, url, dataType, protocol, bufferedBytes }) => ({
      id,
      status,
      url: usableUrl(url),
      dataType,
      protocol: protocol === '' ? undefined : toPublicProtocol(protocol),
      bufferedBytes,
    }));
  }

  static async new<T>(
    url: string | URL,
    handler?: WebSocketHandler<T> | null,
    options?: WebSocketOptions,
  ): Promise<WebSocket<T> | null> {
    const ws = new WebSocketClient<T>(url, handler, options);
    const error = await ws.#connected();
    return error === undefined ? ws : generateError(error, null);
  }

  static async connect<T>(
    this: unknown,
    url: string | URL,
    handler?: WebSocketHandler<T> | null,
    options?: WebSocketOptions,
  ): Promise<never> {
    // The function may have been taken off its class, as in `const { connect } = WebSocket`.
    const Class = typeof this === 'function' ? (this as typeof WebSocketClient) : WebSocketClient;
    const ws = new Class<T>(url, handler, options);
    const error = await ws.#connected();
    if (error !== undefined) throw error;
    // The type of the object depends on the class: see Connected.
    return ws as never;
  }

  constructor(url: string | URL, givenHandler?: WebSocketHandler<T> | null, options: WebSocketOptions = {}) {
    const handler = givenHandler ?? {};
    // What is neither a string nor a URL stays as it is, and is an error.
    this.#url = toUrlText(url) as string;
    this.#handler = handler;
    this.#core = new ClientCore(this, this.#url, handler, options, new CallSite(WebSocketClient));
  }

  /** Resolves to the error when connecting has failed, of which the handler hears nothing. */
  #connected(): Promise<FourDError | undefined> {
    this.#core.isSilent = true;
    return this.#core.result;
  }

  get ready(): Promise<WebSocket<T> | null> {
    const { result } = this.#core;
    if (this.#ready?.result !== result) {
      this.#ready = { result, promise: result.then((error) => (error === undefined ? this : null)) };
    }
    return this.#ready.promise;
  }

  get url(): string {
    return this.#url;
  }

  get handler(): WebSocketHandler<T> {
    return this.#handler;
  }

  get id(): number {
    return this.#core.id;
  }

  get dataType(): DataType {
    return this.#core.session.dataType;
  }

  get status(): Status {
    return this.#core.session.status;
  }

  get protocol(): string {
    return this.#core.protocol;
  }

  get responseHeaders(): ResponseHeaders | undefined {
    return this.#core.answer?.headers;
  }

  get bufferedBytes(): number {
    return this.#core.session.bufferedBytes;
  }

  send(message: SendableMessage, options?: SendOptions): SendStatus {
    return this.#core.session.send(message, options);
  }

  drained(): Promise<void> {
    return this.#core.session.drained();
  }

  ping(): Promise<number | undefined> {
    return this.#core.session.ping();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.terminate();
    await this.#core.finished;
  }

  terminate(code: number = CLOSE_NORMAL, reason = ''): void {
    const { status } = this.#core.session;
    if (status === 'Closing' || status === 'Closed') {
      this.#core.terminate(CLOSE_NORMAL, '');
      return;
    }
    const error = closeArgumentError(code, reason);
    if (error === undefined) this.#core.terminate(code, reason);
    else generateError(error, undefined);
  }

  destroy(): void {
    this.#core.destroy();
  }

  reconnect(): void {
    this.#core.reconnect();
  }

  subscribe<M>(topic: string, handler: TopicHandler<M>, options?: SubscribeOptions): Subscription<M> {
    const { topics } = this.#core;
    if (topics === undefined) throw topicsOff();
    return topics.subscribe(topic, handler, options) as Subscription<M>;
  }

  publish(topic: string, data: Publishable, options?: PublishOptions): Promise<Published> {
    return this.#core.topics?.publish(topic, data, options) ?? Promise.reject(topicsOff());
  }

  async request<R>(data: Publishable, options?: RequestOptions): Promise<R> {
    if (this.#core.topics === undefined) throw topicsOff();
    return (await this.#core.topics.request(data, options)) as R;
  }
}

export const WebSocket: WebSocketConstructor = WebSocketClient;
