import { toPublicPath } from '../base/public-url.ts';
import { CLOSE_NORMAL } from '../protocol/constants.ts';
import type { SendOptions } from '../session/data-type.ts';
import type { SendableMessage } from '../session/message-types.ts';
import type { CallbackResult } from '../session/call-handler.ts';
import { defineInspection } from '../session/inspection.ts';
import type { DrainEvent, ErrorEvent, MessageEvent, OpenEvent, TerminateEvent } from '../session/events.ts';
import type { SendStatus } from '../connection/send-status.ts';
import type { StoredRequest, RequestInfo } from './request-info.ts';
import type { Status } from '../session/status.ts';
import type { Subscription } from '../topics/topic-handler.ts';
import type { ServerSession } from './server-session.ts';
import type {
  PublishAnswer,
  PublishEvent,
  RequestEvent,
  ServerSubscribeOptions,
  SubscribeAnswer,
  SubscribeEvent,
  UnsubscribeEvent,
} from './topic-events.ts';
import type { ServerHandler, WebSocketServer } from './web-socket-server.ts';

const NO_SUBSCRIPTIONS: readonly Subscription[] = Object.freeze([]);

/**
 * Handles one connection of a server: any object with these methods. Several connections may share one object.
 *
 * @remarks The callbacks run in the same order as those of a client's `WebSocketHandler`, but onMessage is mandatory.
 * @typeParam T - type of `event.data`: string for dataType "text", Uint8Array for "blob", `string | Uint8Array` for
 *   "auto", your own for "object"
 * @typeParam Data - type of `ws.data`
 * @see the 4D page of the WebSocketServer class, connectionHandler object
 */
export interface ConnectionHandler<T = string, Data = unknown> {
  onOpen?(ws: WebSocketConnection<T, Data>, event: OpenEvent): CallbackResult;
  onMessage(ws: WebSocketConnection<T, Data>, event: MessageEvent<T>): CallbackResult;
  /** Runs after a `send` that returned `'queued'`, when the client has taken all that waited. */
  onDrain?(ws: WebSocketConnection<T, Data>, event: DrainEvent): CallbackResult;
  onError?(ws: WebSocketConnection<T, Data>, event: ErrorEvent): CallbackResult;
  onTerminate?(ws: WebSocketConnection<T, Data>, event: TerminateEvent): CallbackResult;
  /**
   * Decides whether the client may subscribe to a topic: with `grant()`, `deny()`, true, false, null or undefined. Needs the
   * option `topics`, as the next three do. Without it every client is refused. Callbacks of one topic run in order, those of
   * up to 8 topics of a connection at once; promises are awaited. What it throws refuses this subscription alone, and goes
   * to the error handler.
   */
  onSubscribe?(ws: WebSocketConnection<T, Data>, event: SubscribeEvent): SubscribeAnswer | Promise<SubscribeAnswer>;
  /**
   * Decides whether the client may publish: true publishes what the client sent, `{ data }` something else; false, null
   * and undefined refuse. Without it the grant of the subscription decides. What it throws refuses this message alone, and
   * goes to the error handler.
   */
  onPublish?(ws: WebSocketConnection<T, Data>, event: PublishEvent): PublishAnswer | Promise<PublishAnswer>;
  /** A subscription of the client is over. What it throws goes to the error handler. */
  onUnsubscribe?(ws: WebSocketConnection<T, Data>, event: UnsubscribeEvent): CallbackResult;
  /**
   * Answers a request of the client. Up to 8 callbacks of a connection run at once. What it throws goes to the error
   * handler, and the client learns only that it failed.
   */
  onRequest?(ws: WebSocketConnection<T, Data>, event: RequestEvent): unknown;
}

/** A connection handler for servers with the option `topics`, which may do without onMessage. */
export interface TopicsHandler<T = string, Data = unknown> extends Omit<
  ConnectionHandler<T, Data>,
  'onMessage' | 'onSubscribe'
> {
  onSubscribe(ws: WebSocketConnection<T, Data>, event: SubscribeEvent): SubscribeAnswer | Promise<SubscribeAnswer>;
  onMessage?(ws: WebSocketConnection<T, Data>, event: MessageEvent<T>): CallbackResult;
}

/** Creates a connection object: for the server only, because the constructor is private. */
export let createConnection: (
  session: ServerSession,
  wss: WebSocketServer,
  protocol: string,
  request: StoredRequest,
  data: unknown,
) => WebSocketConnection;

/**
 * One connection of a {@link WebSocketServer}, created when `onConnection` returns a handler.
 *
 * @typeParam T - type of `event.data`
 * @typeParam Data - type of {@link WebSocketConnection.data}
 * @typeParam Handler - type of {@link WebSocketConnection.handler}
 * @typeParam Server - type of the handler of the server
 * @see the 4D page of the WebSocketConnection class
 */
export class WebSocketConnection<
  T = string,
  Data = unknown,
  out Handler = ConnectionHandler<T, Data>,
  out Server = ServerHandler<T, Data>,
> {
  /** Data of your own about the client. Initially the `data` that `accept` was given, else undefined. */
  data: Data;
  readonly #session: ServerSession;
  readonly #wss: WebSocketServer<T, Data, Server>;
  readonly #protocol: string;
  readonly #request: StoredRequest;

  static {
    createConnection = (session, wss, protocol, request, data) =>
      new WebSocketConnection(session, wss, protocol, request, data);
    defineInspection(this, ({ id, status, request, protocol, bufferedBytes }) => ({
      id,
      status,
      path: toPublicPath(request.url),
      remoteAddress: request.remoteAddress,
      protocol: protocol === '' ? undefined : protocol,
      bufferedBytes,
    }));
  }

  private constructor(
    session: ServerSession,
    wss: WebSocketServer<T, Data, Server>,
    protocol: string,
    request: StoredRequest,
    data: Data,
  ) {
    this.data = data;
    this.#session = session;
    this.#wss = wss;
    this.#protocol = protocol;
    this.#request = request;
  }

  /** The object that `onConnection` returned. */
  get handler(): Handler {
    return this.#session.handler as Handler;
  }

  /** A whole number that no other connection of this process has. */
  get id(): number {
    return this.#session.id;
  }

  /** `"Connected"`, `"Closing"` or `"Closed"`. */
  get status(): Status {
    return this.#session.status;
  }

  /** The server of this connection, also after its end. */
  get wss(): WebSocketServer<T, Data, Server> {
    return this.#wss;
  }

  /** The subprotocol that was agreed on, `''` for none. */
  get protocol(): string {
    return this.#protocol;
  }

  /** The user that `accept` was told; undefined for none. */
  get user(): string | undefined {
    return this.#session.identity?.user;
  }

  /**
   * Public id of the session of the client, which the client keeps when it comes back on another connection. Undefined
   * without the option `topics`. It is no secret.
   */
  get session(): string | undefined {
    return this.#session.sessionId;
  }

  /** The subscriptions of the client. The array is frozen: read the property again to see later changes. */
  get subscriptions(): readonly Subscription[] {
    return this.#session.topics?.subscriptions ?? NO_SUBSCRIPTIONS;
  }

  /**
   * Subscribes the client to a topic. No callback is asked. A client that does not speak `4d-topics.1` gets the bare
   * messages: a string as it is, other data as JSON, bytes as binary messages. A client of this library hears the topic
   * when it subscribes too, for which `onSubscribe` is not asked then.
   *
   * @param options - `since`: where to begin, by default with the next message
   * @returns resolves when the subscription has begun
   * @throws FourDError (as a rejection) `ERR_TOPICS_OFF`, `ERR_INVALID_TOPIC`, `ERR_INVALID_OPTION`,
   *   `ERR_NOT_CONNECTED`, `ERR_BROKER_DOWN`, `ERR_TOPIC_REFUSED` when it ends before it has begun
   */
  async subscribe(topic: string, options: ServerSubscribeOptions = {}): Promise<Subscription> {
    return this.#session.ownTopics.subscribe(topic, options);
  }

  /** Ends a subscription of the client, which is told. Has no effect on a topic that it is not subscribed to. */
  unsubscribe(topic: string): void {
    this.#session.topics?.unsubscribe(topic);
  }

  /**
   * The upgrade request, as `onConnection` saw it.
   *
   * @remarks The request is kept as text and parsed when it is first read: until then it takes little more memory than
   * the bytes that came. The headers may hold cookies and tokens: do not log them.
   */
  get request(): RequestInfo {
    return this.#request.read();
  }

  /**
   * When the session of the client expires, in milliseconds since 1970; undefined, the default, for never. A `Date` can
   * be set too. While Closing or Closed setting it has no effect.
   *
   * @remarks At that time the connection closes with 3000 and "session expired", and onTerminate has the cause
   * `'expired'`. Without it a connection outlives the login that it was opened with. The close comes up to a tenth of a
   * second late, and up to a minute late after a change of the system clock.
   * @throws FourDError (or what `onErrCall` makes of it) `ERR_INVALID_EXPIRY`
   */
  get expiresAt(): number | undefined {
    return this.#session.expiresAt;
  }

  set expiresAt(moment: Date | number | undefined) {
    this.#session.setExpiry(moment);
  }

  /** Number of bytes that were sent and have not left this process. A peer that reads too slowly makes it grow. */
  get bufferedBytes(): number {
    return this.#session.bufferedBytes;
  }

  /**
   * Sends a message. The type of the argument decides its form, not `dataType`: a string is sent as a text message,
   * bytes as a binary message, an object or array as a text message that holds its JSON.
   *
   * @remarks Messages leave in order; all messages of one turn of the event loop leave in one write. While Closing or
   * Closed nothing is sent and no error raised. When more than `maxBufferedBytes` wait, the connection ends with 1013.
   * A Blob, Map, Set, Error or the like is refused, because its JSON is `{}`: pass `await blob.arrayBuffer()`,
   * `[...map]`, or an object of your own.
   * @param message - bytes are copied at the call when shorter than 16 KiB or compressed. Longer bytes are copied in pieces
   *   of 64 KiB when they leave: changing them before changes this message alone, transferring or shrinking their memory
   *   ends the connection with `ERR_MESSAGE_DETACHED`
   * @param options - `compress`: see {@link SendOptions}
   * @returns `'sent'` when the message leaves with this turn of the event loop; `'queued'` when it waits because the
   *   peer does not keep up, or because it takes long to compress: await {@link drained} before sending much more;
   *   `'dropped'` when it is not sent
   * @throws FourDError (or what `onErrCall` makes of it) `ERR_INVALID_MESSAGE`, also when code of the message throws;
   *   `ERR_INVALID_OPTION`
   */
  send(message: SendableMessage, options?: SendOptions): SendStatus {
    return this.#session.send(message, options);
  }

  /**
   * Resolves when the peer has taken all that waits for it, at once when nothing waits, and also when the connection
   * has ended. Never rejects.
   */
  drained(): Promise<void> {
    return this.#session.drained();
  }

  /**
   * Sends a ping (RFC 6455 section 5.5.2) with a payload of its own.
   *
   * @remarks The ping counts as that of the heartbeat: a peer that sends nothing for `pongTimeoutMs` afterwards is given up.
   * @returns the time in milliseconds until the pong came; a pong for a later ping answers earlier ones as well. Undefined
   *   when the connection ends first, or is not open. Never rejects.
   */
  ping(): Promise<number | undefined> {
    return this.#session.ping();
  }

  /**
   * Closes the connection. No onMessage runs any more; onTerminate runs later, never within this call. A second call
   * has no effect.
   *
   * @param code - sent with `message` when it is a whole number from 3001 to 4999; otherwise the peer gets 1000 without
   *   a message
   * @param message - cut to 123 UTF-8 bytes
   */
  terminate(code?: number, message?: string): void {
    if (this.#session.status !== 'Connected') return;
    const isSendable = code !== undefined && Number.isInteger(code) && code > 3000 && code <= 4999;
    if (isSendable) this.#session.close(code, typeof message === 'string' ? message : '');
    else this.#session.close(CLOSE_NORMAL, '');
  }
  /**
   * Ends the connection at once, whatever the client does: without a close frame, with a reset of TCP where possible (not
   * over TLS and Unix sockets, and not while the end of TCP is being sent). onTerminate follows, never within this call,
   * with code 1006 and the cause `'local'`; onError does not run, onMessage runs no more. The code is the client's when
   * its close frame has come before.
   *
   * @remarks For a client that is stuck or hostile; {@link terminate} lets the client read what was sent. While Closed the
   * call has no effect.
   */
  destroy(): void {
    this.#session.destroy('local');
  }
}
