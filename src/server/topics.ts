/** What a program does with the topics of its server. Types only. */
import type {
  HistoryPage,
  Members,
  Publishable,
  Published,
  Subscription,
  TopicHandler,
  TopicMessage,
} from '../topics/topic-handler.ts';
import type { TopicsStats } from '../topics/topic-stats.ts';
import type { HistoryRange, ServerSubscribeOptions } from './topic-events.ts';
import type { ServerPublishOptions } from './topic-publishing.ts';
import type { EndUserOptions } from './topic-users.ts';

/** The topics of a server: `wss.topics`. */
export interface Topics {
  /**
   * Publishes a message to a topic. All subscribers get it, on this server and on all others with the same broker.
   *
   * @remarks Messages that one program publishes to one topic keep their order. A string is published as a string, also
   * when it holds JSON.
   * @param topic - name of 1 to 256 bytes of UTF-8 without control characters, `*`, `#` and `>`; it does not begin with `@`
   * @param data - anything that JSON can hold, or bytes, which are copied at the call
   * @returns resolves when the broker has stored the message
   * @throws FourDError (as a rejection) `ERR_INVALID_TOPIC`, `ERR_INVALID_MESSAGE` (also for more than `payloadBytes`),
   *   `ERR_INVALID_OPTION`; `ERR_BROKER_DOWN`, `ERR_BROKER_FULL`, `ERR_OUTBOX_FULL` with `stored` `'no'` or `'unknown'`
   */
  publish(topic: string, data: Publishable, options?: ServerPublishOptions): Promise<Published>;
  /**
   * Reads messages that are kept, oldest first.
   *
   * @throws FourDError (as a rejection) `ERR_INVALID_TOPIC`, `ERR_INVALID_OPTION`, `ERR_BROKER_DOWN`
   */
  history(topic: string, range?: HistoryRange): Promise<HistoryPage>;
  /**
   * Reads the last message of each key.
   *
   * @throws FourDError (as a rejection) `ERR_INVALID_TOPIC`, `ERR_BROKER_DOWN`
   */
  state(topic: string): Promise<TopicMessage[]>;
  /**
   * Reads who is in a topic: the clients that were let show themselves, on all servers with this broker. `list` is empty
   * when there are more members than `presence.max`.
   *
   * @throws FourDError (as a rejection) `ERR_INVALID_TOPIC`, `ERR_BROKER_DOWN`
   */
  members(topic: string): Promise<Members>;
  /**
   * Publishes a message to all connections of a user, on all servers with this broker. Clients subscribe to it as `@me`,
   * for which no callback is asked; a connection that does not speak `4d-topics.1` gets the bare message, at most once.
   *
   * @param user - as `accept` was told
   * @returns resolves when the broker has stored the message
   * @throws FourDError (as a rejection) `ERR_INVALID_OPTION`, also for a key that begins with `@end/`; and those of
   *   {@link publish}
   */
  toUser(user: string, data: Publishable, options?: ServerPublishOptions): Promise<Published>;
  /**
   * Closes all connections of a user that were authenticated at `before` or earlier, or for which `accept` was not told
   * when: now, on all servers with this broker, and when they open later. Nothing of any topic is delivered to them.
   *
   * @remarks A memory broker forgets it when its server ends: refuse such users in `onConnection` too.
   * @param user - as `accept` was told
   * @returns resolves when the broker has stored it
   * @throws FourDError (as a rejection) `ERR_INVALID_OPTION`, and those of the broker, as
   *   {@link publish} has them
   */
  endUser(user: string, options?: EndUserOptions): Promise<void>;
  /**
   * Subscribes this program. No callback runs within the call; callbacks of one subscription never overlap, and promises
   * are awaited. What a callback throws ends its subscription, with onEnd and the cause `'callback'`, and is reported to
   * the error handler.
   *
   * @param options - `since`: where to begin, by default with the next message
   * @throws FourDError (or what `onErrCall` makes of it) `ERR_INVALID_TOPIC`, `ERR_INVALID_HANDLER`,
   *   `ERR_INVALID_OPTION`
   */
  subscribe<T = unknown>(topic: string, handler: TopicHandler<T>, options?: ServerSubscribeOptions): Subscription<T>;
  /** Figures since the server was created. */
  readonly stats: TopicsStats;
}
