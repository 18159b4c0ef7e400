import type { MessageEvent } from '../session/events.ts';
import type { TopicMethods } from '../topics/client-types.ts';
import type { BrowserWebSocketOptions } from './browser-options.ts';
import type { WebSocket as PlainWebSocket, WebSocketHandler as PlainHandler } from './browser-types.ts';

/** Options of a client with topics in a browser. */
export interface TopicsWebSocketOptions extends BrowserWebSocketOptions {
  /**
   * Whether the client uses topics, as in Node: it offers the subprotocol `4d-topics.1` before `protocols`. Default false.
   * Chrome fails the connection when the server chooses none of them. `pingIntervalMs` is 25 000 then, unless it is set.
   */
  readonly topics?: boolean | undefined;
}

/** The methods of a plain handler, for a client with topics. */
type Callbacks<T> = {
  readonly [K in Exclude<keyof PlainHandler<T>, 'dataType' | 'onMessage'>]?: PlainHandler<T>[K] extends
    | ((ws: PlainWebSocket<T>, event: infer Event) => infer Result)
    | undefined
    ? ((ws: WebSocket<T>, event: Event) => Result) | undefined
    : never;
};

/** Handles one client connection in a browser: as without topics. */
export interface WebSocketHandler<T = string> extends Callbacks<T> {
  /** Default `"text"`. Read once, when the socket is created. */
  readonly dataType?: PlainHandler['dataType'];
  onMessage?(ws: WebSocket<T>, event: MessageEvent<T>): unknown;
}

/** A handler whose messages are texts. */
type TextHandler = WebSocketHandler & { readonly dataType?: 'text' | undefined };

/**
 * A WebSocket client over the browser's own WebSocket, with topics.
 *
 * @remarks A page cannot stop reading: when more than 1 000 callbacks of a subscription wait, they are dropped, and their
 * messages asked for again when the one that runs is over.
 * @typeParam T - type of `event.data`
 */
export interface WebSocket<T = string> extends Omit<PlainWebSocket<T>, 'ready' | 'handler'>, TopicMethods {
  /** Resolves to this object when onOpen has run, or to null when the connection is not possible. Never rejects. */
  readonly ready: Promise<WebSocket<T> | null>;
  /** The handler as it was passed. */
  readonly handler: WebSocketHandler<T>;
}

/** The class of {@link WebSocket}: its constructors and `connect` are those of the class without topics. */
export interface WebSocketConstructor {
  readonly prototype: WebSocket<unknown>;

  new (url: string | URL, handler?: TextHandler | null, options?: TopicsWebSocketOptions): WebSocket;
  new <T extends Uint8Array, D extends 'blob'>(
    url: string | URL,
    handler: WebSocketHandler<T> & { readonly dataType: D },
    options?: TopicsWebSocketOptions,
  ): WebSocket<T>;
  new <T extends string | Uint8Array, D extends 'auto'>(
    url: string | URL,
    handler: WebSocketHandler<T> & { readonly dataType: D },
    options?: TopicsWebSocketOptions,
  ): WebSocket<T>;
  new <T>(url: string | URL, handler: WebSocketHandler<T>, options?: TopicsWebSocketOptions): WebSocket<T>;

  /** {@link WebSocketConstructor.connect} under its name in 4D. Errors reject: a page has no `onErrCall`. */
  new: WebSocketConstructor['connect'];

  /**
   * Connects, and resolves to the object when onOpen has run.
   *
   * @throws FourDError (as a rejection) as without topics
   */
  connect(url: string | URL, handler?: TextHandler | null, options?: TopicsWebSocketOptions): Promise<WebSocket>;
  connect<T extends Uint8Array = Uint8Array>(
    url: string | URL,
    handler: WebSocketHandler<T> & { readonly dataType: 'blob' },
    options?: TopicsWebSocketOptions,
  ): Promise<WebSocket<T>>;
  connect<T extends string | Uint8Array = string | Uint8Array>(
    url: string | URL,
    handler: WebSocketHandler<T> & { readonly dataType: 'auto' },
    options?: TopicsWebSocketOptions,
  ): Promise<WebSocket<T>>;
  connect<T = unknown>(
    url: string | URL,
    handler: WebSocketHandler<T>,
    options?: TopicsWebSocketOptions,
  ): Promise<WebSocket<T>>;
}
