/** What publishers and subscribers see, in servers, clients and browsers. Types only, none of Node's. */
import type { Position } from './position.ts';

/**
 * Data of a message: a string, a number, a boolean, null, an object or array that is sent as JSON, or bytes.
 *
 * @remarks Subscribers get bytes as a `Uint8Array`.
 */
export type Publishable = string | object | Uint8Array | number | boolean | null;

/** Where a subscription begins. */
export type Since =
  /** With the next message. The default. */
  | 'now'
  /** With the oldest message that is kept. */
  | 'start'
  /** With the last message of each key, then what comes next. */
  | 'state'
  /** With the newest so many messages. */
  | { readonly last: number }
  /** Behind the message with this position: nothing is missed, or `onGap` and `onSubscribed` tell so. */
  | { readonly after: Position };

/** How a message is published. */
export interface PublishOptions {
  /** The state of the topic keeps the last message of each key. Data null takes the key out of it. */
  readonly key?: string | undefined;
  /** Seconds after which the message is neither replayed nor state. Default: as long as the history. */
  readonly ttl?: number | undefined;
  /**
   * A message with the same key, in the same topic within 120 s, is stored once; the later answer says `duplicate`. Clients
   * take 16 to 64 characters, servers 1 to 256.
   */
  readonly idempotencyKey?: string | undefined;
  /** True sends to those who keep up only: no history, no position. For pointers, typing and the like. Default false. */
  readonly volatile?: boolean | undefined;
}

/** The outcome of a publication that was stored. */
export interface Published {
  /**
   * Undefined for a volatile message, and for one that was stored while the connection to the broker was lost: the answer with
   * the position is lost then, unless the message has an idempotency key.
   */
  readonly position: Position | undefined;
  /** True when the idempotency key was known: nothing was stored again. */
  readonly duplicate: boolean;
}

/** One message of a topic. */
export interface TopicMessage<T = unknown> {
  readonly data: T;
  /** Undefined for a volatile message, and for one of the state. */
  readonly position?: Position | undefined;
  readonly key?: string | undefined;
  /** When it was stored, in milliseconds since 1970. */
  readonly at: number;
  /** The user who published it; undefined for the server's program and for clients without a user. */
  readonly from?: string | undefined;
}

/** Who is in a topic. */
export interface Member {
  /** The same for all connections of one session, and told to nobody else: no secret. */
  readonly id: string;
  readonly user?: string | undefined;
  readonly info?: unknown;
  /** Since when, in milliseconds since 1970. */
  readonly since: number;
}

/** Why a subscription misses messages. */
export type GapReason =
  /** They are older than the history. */
  | 'trimmed'
  /** The topic has begun anew: its broker has lost its data. */
  | 'epoch'
  /** The topic never had the message at this position: its broker has lost its newest data. */
  | 'forked'
  /** The subscriber was too slow. */
  | 'slow';

/** Why a subscription is over. */
export type SubscriptionEndCause =
  /** `unsubscribe()` was called. */
  | 'local'
  /** The server took it away. */
  | 'taken'
  /** The grant has expired. */
  | 'expired'
  /** A callback of the `TopicHandler` threw or rejected. */
  | 'callback'
  /** The connection, client or server is over for good. */
  | 'ended';

/** The first answer to a subscription, and the first one after each reconnection. */
export interface SubscribedEvent {
  readonly type: 'subscribed';
  /** `recovered`: nothing between the position and now is missed, which the log has proved. */
  readonly state: 'new' | 'recovered' | 'gap';
  /** Why messages are missing, for `gap`: what comes next is complete, as behind onGap. */
  readonly reason?: Exclude<GapReason, 'slow'> | undefined;
  /** Number of missed messages that follow. */
  readonly missed: number;
}

export interface TopicMessageEvent<T = unknown> extends TopicMessage<T> {
  readonly type: 'message';
  /** True for what was missed or asked for. */
  readonly isReplayed: boolean;
}

/** All that was missed or asked for has been delivered. */
export interface LiveEvent {
  readonly type: 'live';
  /** Number of replayed messages since onSubscribed. */
  readonly count: number;
}

/** Messages are missing here. Load your state again; what follows is complete. Comes also behind onSubscribed with state `gap`. */
export interface GapEvent {
  readonly type: 'gap';
  readonly reason: GapReason;
}

export interface MembersEvent {
  readonly type: 'members';
  readonly count: number;
  /** At most 1 000; empty when there are more. */
  readonly list: readonly Member[];
}

export interface RefusedEvent {
  readonly type: 'refused';
  /** The reason as a code, such as `denied`, `no-handler`, `limit`. */
  readonly code: string;
  readonly message: string;
}

export interface SubscriptionEndEvent {
  readonly type: 'end';
  readonly cause: SubscriptionEndCause;
}

/** The members of a topic, for `members()`. */
export interface Members {
  readonly count: number;
  readonly list: readonly Member[];
}

/** A part of the history. */
export interface HistoryPage<T = unknown> {
  readonly messages: TopicMessage<T>[];
  /** True when there is more behind the last message. */
  readonly hasMore: boolean;
}

/**
 * Handles one subscription: any object with these methods. Callbacks of one subscription never overlap, and promises are
 * awaited. Order: onSubscribed first and again after each reconnection, onEnd or onRefused last.
 *
 * @remarks A callback that throws or rejects ends its subscription, with onEnd and the cause `'callback'`; the
 * connection goes on.
 * @typeParam T - type of `event.data`
 */
export interface TopicHandler<T = unknown> {
  onSubscribed?(subscription: Subscription<T>, event: SubscribedEvent): unknown;
  onMessage?(subscription: Subscription<T>, event: TopicMessageEvent<T>): unknown;
  onLive?(subscription: Subscription<T>, event: LiveEvent): unknown;
  onGap?(subscription: Subscription<T>, event: GapEvent): unknown;
  onMembers?(subscription: Subscription<T>, event: MembersEvent): unknown;
  onJoin?(subscription: Subscription<T>, member: Member): unknown;
  onLeave?(subscription: Subscription<T>, member: Member): unknown;
  onRefused?(subscription: Subscription<T>, event: RefusedEvent): unknown;
  onEnd?(subscription: Subscription<T>, event: SubscriptionEndEvent): unknown;
}

/** A subscription that a program or client holds. */
export interface Subscription<T = unknown> {
  readonly topic: string;
  /** Of the last message whose onMessage is over, its promise included; undefined before there is one. */
  readonly position: Position | undefined;
  publish(data: Publishable, options?: PublishOptions): Promise<Published>;
  history(range?: {
    readonly after?: Position | undefined;
    readonly limit?: number | undefined;
  }): Promise<HistoryPage<T>>;
  members(): Promise<Members>;
  unsubscribe(): void;
}
