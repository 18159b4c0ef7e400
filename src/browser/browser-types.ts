import type { SendStatus } from '../connection/send-status.ts';
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
import type { DataType, SendableMessage } from '../session/message-types.ts';
import type { Status } from '../session/status.ts';
import type { BrowserWebSocketOptions } from './browser-options.ts';

/** The connection is over. A browser does not tell how many bytes went over the network. */
export type BrowserTerminateEvent = Omit<TerminateEvent, 'bytesReceived' | 'bytesSent'>;

/**
 * Handles one client connection in a browser: any object with these methods, as in Node.
 *
 * @remarks Callbacks are looked up when their event fires, and called with `this` = the handler. Order: onOpen once,
 * onMessage any number of times, onError at most once, onTerminate exactly once and last; callbacks never overlap. A
 * callback that throws or rejects ends its own connection: the server sees 4011, since a page may not send 1011.
 * @typeParam T - type of `event.data`: string for dataType "text", Uint8Array for "blob", `string | Uint8Array` for
 *   "auto", a type of yours for "object"
 */
export interface WebSocketHandler<T = string> {
  /** Default `"text"`. Read once, when the socket is created. */
  readonly dataType?: DataType | undefined;
  onOpen?(ws: WebSocket<T>, event: OpenEvent): CallbackResult;
  onMessage?(ws: WebSocket<T>, event: MessageEvent<T>): CallbackResult;
  /** Runs after a `send` that returned `'queued'`, when the browser has sent all waiting messages. */
  onDrain?(ws: WebSocket<T>, event: DrainEvent): CallbackResult;
  /** Runs when the connection is lost, or an attempt to connect again has failed, and another attempt follows. */
  onDisconnect?(ws: WebSocket<T>, event: DisconnectEvent): CallbackResult;
  /** Runs when there is a new connection. The messages that waited for it are sent when this callback is over. */
  onReconnect?(ws: WebSocket<T>, event: ReconnectEvent): CallbackResult;
  onError?(ws: WebSocket<T>, event: ErrorEvent): CallbackResult;
  onTerminate?(ws: WebSocket<T>, event: BrowserTerminateEvent): CallbackResult;
}

/** A handler whose messages are texts. */
type TextHandler = WebSocketHandler & { readonly dataType?: 'text' | undefined };

/**
 * A WebSocket client over the browser's own WebSocket.
 *
 * @typeParam T - type of `event.data`
 */
export interface WebSocket<T = string> {
  /**
   * Resolves to this object when onOpen has run, or to null when the connection is not possible. Never rejects. After a
   * {@link reconnect} of a client that has ended, the promise is another one.
   */
  readonly ready: Promise<WebSocket<T> | null>;
  /** The URL as it was passed; the text (`href`) that a URL object had then. */
  readonly url: string;
  /** The handler as it was passed. */
  readonly handler: WebSocketHandler<T>;
  /** A whole number that is unique among the clients of this page. */
  readonly id: number;
  /** `"text"`, `"blob"`, `"object"` or `"auto"`. */
  readonly dataType: DataType;
  /** `"Connecting"`, `"Connected"`, `"Closing"` or `"Closed"`. */
  readonly status: Status;
  /** The subprotocol that the server chose, `''` for none. */
  readonly protocol: string;
  /** Bytes that were passed to `send` and have not left the browser. */
  readonly bufferedBytes: number;

  /**
   * Sends a message. The type of the argument decides, not `dataType`: a string is a text message, bytes are a binary
   * message, an object or array is a text message with its JSON.
   *
   * @returns `'sent'`; `'queued'` when more than 64 KiB wait in the browser, or the message waits for a connection;
   *   `'dropped'` when it is not sent
   * @throws FourDError `ERR_INVALID_MESSAGE`, `ERR_NOT_CONNECTED`
   */
  send(message: SendableMessage): SendStatus;
  /** Resolves when the browser has sent all waiting messages, or the client is over. Never rejects. */
  drained(): Promise<void>;
  /**
   * Closes the connection. onTerminate follows, never within this call; onMessage runs no more. A second call has no
   * effect. While Connecting, the call gives up connecting.
   *
   * @param code - 1000 (default) or 3000 to 4999
   * @param reason - cut to 123 UTF-8 bytes
   * @throws FourDError `ERR_INVALID_CLOSE_ARGUMENT`: the socket stays open
   */
  terminate(code?: number, reason?: string): void;
  /**
   * Ends the connection without waiting for the server: onTerminate follows with 1006 and the cause `'local'`. A browser
   * cannot cut a connection: the server sees a close frame without a code.
   */
  destroy(): void;
  /**
   * Connects again now, and counts the attempts from 1 again: as in Node. Only with the option `reconnect`.
   *
   * @throws FourDError `ERR_RECONNECT_OFF`
   */
  reconnect(): void;
}

/** The class of {@link WebSocket}. The handler's `dataType` determines the type of `event.data`. */
export interface WebSocketConstructor {
  readonly prototype: WebSocket<unknown>;

  /**
   * Begins to connect and returns at once, with status "Connecting".
   *
   * @remarks The constructor does not throw: any failure, a bad argument included, runs onError and then onTerminate
   * with code 1006. Await `ready` before sending, or send in onOpen.
   */
  new (url: string | URL, handler?: TextHandler | null, options?: BrowserWebSocketOptions): WebSocket;
  new <T extends Uint8Array, D extends 'blob'>(
    url: string | URL,
    handler: WebSocketHandler<T> & { readonly dataType: D },
    options?: BrowserWebSocketOptions,
  ): WebSocket<T>;
  new <T extends string | Uint8Array, D extends 'auto'>(
    url: string | URL,
    handler: WebSocketHandler<T> & { readonly dataType: D },
    options?: BrowserWebSocketOptions,
  ): WebSocket<T>;
  new <T>(url: string | URL, handler: WebSocketHandler<T>, options?: BrowserWebSocketOptions): WebSocket<T>;

  /** {@link WebSocketConstructor.connect} under its name in 4D. Errors reject: a page has no `onErrCall`. */
  new: WebSocketConstructor['connect'];

  /**
   * Connects, and resolves to the object when onOpen has run.
   *
   * @remarks When connecting fails, no callback of the handler runs.
   * @param url - `ws://host[:port]path[?query]` or `wss://…`, as text or as a URL object
   * @param handler - callbacks and data type; may be left out, or null
   * @throws FourDError (as a rejection) `ERR_CONNECT_FAILED`, `ERR_HANDSHAKE_TIMEOUT`, `ERR_CONNECT_TIMEOUT`,
   *   `ERR_ABORTED`, `ERR_INVALID_URL`, `ERR_INVALID_DATA_TYPE`, `ERR_INVALID_HANDLER`, `ERR_INVALID_HEADER` or
   *   `ERR_INVALID_OPTION`
   */
  connect(url: string | URL, handler?: TextHandler | null, options?: BrowserWebSocketOptions): Promise<WebSocket>;
  connect<T extends Uint8Array = Uint8Array>(
    url: string | URL,
    handler: WebSocketHandler<T> & { readonly dataType: 'blob' },
    options?: BrowserWebSocketOptions,
  ): Promise<WebSocket<T>>;
  connect<T extends string | Uint8Array = string | Uint8Array>(
    url: string | URL,
    handler: WebSocketHandler<T> & { readonly dataType: 'auto' },
    options?: BrowserWebSocketOptions,
  ): Promise<WebSocket<T>>;
  connect<T = unknown>(
    url: string | URL,
    handler: WebSocketHandler<T>,
    options?: BrowserWebSocketOptions,
  ): Promise<WebSocket<T>>;
}
