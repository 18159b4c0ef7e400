import type {
  ConnectionEvent,
  DrainEvent,
  ErrorEvent,
  MessageEvent,
  OpenEvent,
  ReconnectEvent,
  ServerTerminateEvent,
  TerminateEvent,
} from './events.ts';
import type { Acceptance, Refusal } from '../server/admission.ts';
import type { DataType } from './data-type.ts';
import type { WebSocket } from '../client/web-socket.ts';
import type { WebSocketConnection } from '../server/web-socket-connection.ts';
import type { WebSocketServer } from '../server/web-socket-server.ts';

/**
 * What a callback may return: anything. A promise is awaited before the next callback of the same connection; its value,
 * like any other, is dropped.
 */
export type CallbackResult = unknown;

/**
 * Handles one client connection: any object with these methods.
 *
 * @remarks Callbacks are looked up when their event fires, and called with `this` = the handler. Order: onOpen once,
 * onMessage any number of times, onError at most once, onTerminate exactly once and last; they never overlap. One that
 * throws or rejects ends this connection with 1011, nothing else.
 * @typeParam T - type of `event.data`: string for dataType "text", Uint8Array for "blob", your own for "object"
 * @see the 4D page of the WebSocket class, connectionHandler parameter
 */
export interface WebSocketHandler<T = string> {
  /** Default `"text"`. Read once, when the socket is created. */
  readonly dataType?: DataType | undefined;
  /** Headers of the handshake request. An array sends the header once per element. Read once. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  onOpen?(ws: WebSocket<T>, event: OpenEvent): CallbackResult;
  onMessage?(ws: WebSocket<T>, event: MessageEvent<T>): CallbackResult;
  /** After a `send` that said `'queued'`: the server has taken what waited. */
  onDrain?(ws: WebSocket<T>, event: DrainEvent): CallbackResult;
  /**
   * Only with the option `reconnect`: there is a new connection. Messages that waited for it are sent, and the first is
   * read, when this is over.
   */
  onReconnect?(ws: WebSocket<T>, event: ReconnectEvent): CallbackResult;
  onError?(ws: WebSocket<T>, event: ErrorEvent): CallbackResult;
  onTerminate?(ws: WebSocket<T>, event: TerminateEvent): CallbackResult;
}

/**
 * Handles one connection of a server: any object with these methods. Several connections may share one object.
 *
 * @remarks As {@link WebSocketHandler}, but onMessage is mandatory.
 * @typeParam T - as of {@link WebSocketHandler}
 * @typeParam Data - type of `ws.data`
 * @see the 4D page of the WebSocketServer class, connectionHandler object
 */
export interface ConnectionHandler<T = string, Data = unknown> {
  onOpen?(ws: WebSocketConnection<T, Data>, event: OpenEvent): CallbackResult;
  onMessage(ws: WebSocketConnection<T, Data>, event: MessageEvent<T>): CallbackResult;
  /** After a `send` that said `'queued'`: the client has taken what waited. */
  onDrain?(ws: WebSocketConnection<T, Data>, event: DrainEvent): CallbackResult;
  onError?(ws: WebSocketConnection<T, Data>, event: ErrorEvent): CallbackResult;
  onTerminate?(ws: WebSocketConnection<T, Data>, event: TerminateEvent): CallbackResult;
}

/**
 * What `onConnection` decides: a handler, alone or in `accept(…)`, accepts; `refuse(…)` refuses, null and undefined do so
 * with HTTP 403.
 */
export type Admission<T, Data = unknown> =
  | ConnectionHandler<T, Data>
  | Acceptance<T, Data>
  | Refusal
  | null
  | undefined;

/**
 * Handles a server.
 *
 * @remarks onOpen once, onConnection for each client, onError for each upgrade that failed in user code, onTerminate
 * once and last. Only onConnection is mandatory; it may return a promise, and different clients do not wait for each
 * other.
 * @see the 4D page of the WebSocketServer class, WSSHandler parameter
 */
export interface ServerHandler<T = string, Data = unknown> {
  onConnection(wss: WebSocketServer<T, Data>, event: ConnectionEvent): Admission<T, Data> | Promise<Admission<T, Data>>;
  onOpen?(wss: WebSocketServer<T, Data>, event: OpenEvent): CallbackResult;
  onError?(wss: WebSocketServer<T, Data>, event: ErrorEvent): CallbackResult;
  onTerminate?(wss: WebSocketServer<T, Data>, event: ServerTerminateEvent): CallbackResult;
}

/** Tells whether `handler` has a method of this name. Never throws: a getter that does is no method. */
export function hasCallback(handler: object, name: string): boolean {
  try {
    return typeof (handler as Record<string, unknown>)[name] === 'function';
  } catch {
    return false;
  }
}

/** Calls a method of a handler: the one place that runs user code. Does nothing when there is no such method. */
export function callHandler(handler: object, name: string, subject: object, event: object): unknown {
  const callback = (handler as Record<string, unknown>)[name];
  return typeof callback === 'function' ? (callback.call(handler, subject, event) as unknown) : undefined;
}
