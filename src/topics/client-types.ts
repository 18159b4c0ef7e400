/** What clients pass to their topics, in Node and in browsers. Types only, none of Node's. */
import type { Publishable, Published, PublishOptions, Since, Subscription, TopicHandler } from './topic-handler.ts';

/** How a client subscribes. */
export interface SubscribeOptions {
  /** Where the subscription begins. Default `'now'`. After a reconnection it goes on where it was. */
  readonly since?: Since | undefined;
  /** Whether the others see this client among the members (`show`), and whether it sees them (`watch`). Default neither. */
  readonly presence?: { readonly show?: boolean | undefined; readonly watch?: boolean | undefined } | undefined;
}

/** How a client waits for the answer to a request. */
export interface RequestOptions {
  /** Longest wait for the answer in milliseconds, or Infinity. Default 10 000. */
  readonly timeoutMs?: number | undefined;
  /** Gives up waiting when it is aborted. The server may answer nevertheless. Default none. */
  readonly signal?: RequestSignal | undefined;
}

/** What {@link RequestOptions.signal} needs of an `AbortSignal`, which needs the types of neither Node nor the DOM. */
export interface RequestSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/**
 * What a client with the option `topics` can do besides sending messages. Without the option, and when the server has not
 * chosen the subprotocol `4d-topics.1`, all of it fails with `ERR_TOPICS_OFF`.
 */
export interface TopicMethods {
  /**
   * Subscribes to a topic. The subscription lives through reconnections, from where it was: nothing is missed, doubled or
   * out of order, or `onGap` and `onSubscribed` tell so.
   *
   * @remarks May be called before the connection is open. While the server refuses to be asked so often, the client asks
   * again. The subscription ends with onEnd and the cause `'ended'` when the client is over, and begins no more by
   * itself after `reconnect()`. When `onMessage` is slow, a client in Node stops reading; behind 1 000 waiting callbacks a
   * client drops those, and asks for their messages again when the callback is over.
   * @param handler - see {@link TopicHandler}: no callback runs within this call
   * @throws FourDError `ERR_TOPICS_OFF`, `ERR_INVALID_TOPIC` (also for a topic that this client has subscribed to),
   *   `ERR_NOT_CONNECTED` when the client is over
   * @typeParam M - type of `event.data`
   */
  subscribe<M = unknown>(topic: string, handler: TopicHandler<M>, options?: SubscribeOptions): Subscription<M>;
  /**
   * Publishes a message. Publications of one client to one topic keep their order.
   *
   * @remarks Without a connection the message waits for one (volatile ones do not). It has an id by which the server stores
   * it once: after a reconnection the client sends what was not answered again, in order and before newer ones, for 100 s
   * after it was first sent.
   * @returns resolves when the broker has stored it
   * @throws FourDError (as a rejection) with `stored` `'no'` or `'unknown'`: `ERR_TOPIC_REFUSED`, `ERR_PUBLISH_UNKNOWN`,
   *   `ERR_NOT_CONNECTED` when there was no connection to the end, `ERR_OUTBOX_FULL` when 10 000 calls wait; without it
   *   `ERR_INVALID_MESSAGE`, `ERR_INVALID_TOPIC`, `ERR_TOPICS_OFF`
   */
  publish(topic: string, data: Publishable, options?: PublishOptions): Promise<Published>;
  /**
   * Asks the server's `onRequest`, and resolves to its answer. A request is sent once: on the present connection, or on
   * the next one.
   *
   * @throws FourDError (as a rejection) `ERR_REQUEST_TIMEOUT`, `ERR_TOPIC_REFUSED` when onRequest failed or is missing,
   *   `ERR_CONNECTION_LOST`, `ERR_NOT_CONNECTED`, `ERR_ABORTED`, `ERR_INVALID_MESSAGE`, `ERR_TOPICS_OFF`
   * @typeParam R - type of the answer
   */
  request<R = unknown>(data: Publishable, options?: RequestOptions): Promise<R>;
}
