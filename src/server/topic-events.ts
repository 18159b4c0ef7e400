/** What the handler of a connection hears of topics. Types only. */
import type { Position } from '../topics/position.ts';
import type { Publishable, Since } from '../topics/topic-handler.ts';
import type { Denial, Grant } from './topic-grant.ts';

/** A client wants to subscribe to a topic. Also after each reconnection. */
export interface SubscribeEvent {
  readonly type: 'subscribe';
  readonly topic: string;
  /** Where the client wants to begin. */
  readonly since: Since;
  /** What the client wants of the members. */
  readonly presence: { readonly show: boolean; readonly watch: boolean };
}

/** A client wants to publish. */
export interface PublishEvent {
  readonly type: 'publish';
  readonly topic: string;
  /** JSON as it was parsed, or a `Uint8Array`. */
  readonly data: unknown;
  readonly key?: string | undefined;
}

/** A subscription of a client is over. */
export interface UnsubscribeEvent {
  readonly type: 'unsubscribe';
  readonly topic: string;
  readonly cause: UnsubscribeCause;
}

/** Why a subscription of a client is over. */
export type UnsubscribeCause =
  /** The client has unsubscribed. */
  | 'client'
  /** This program has called `connection.unsubscribe`. */
  | 'server'
  /** The grant has expired. */
  | 'expired'
  /** The broker could not be asked. */
  | 'failed'
  /** The connection is over. */
  | 'ended';

/** A client asks for something: the value that `onRequest` returns is the answer. */
export interface RequestEvent {
  readonly type: 'request';
  /** JSON as it was parsed, or a `Uint8Array`. */
  readonly data: unknown;
}

/** What `onSubscribe` decides: `grant(…)` or true; `deny(…)`, false, null or undefined. */
export type SubscribeAnswer = Grant | Denial | boolean | null | undefined;

/** What `onPublish` decides: true publishes, `{ data }` publishes something else; false, null and undefined refuse. */
export type PublishAnswer = { readonly data?: Publishable } | boolean | null | undefined;

/** Where a subscription that the server makes begins. */
export interface ServerSubscribeOptions {
  /** Default `'now'`. */
  readonly since?: Since | undefined;
  /** Whether the client is shown as a member (`show`), and sees the members (`watch`). Default: neither. */
  readonly presence?: { readonly show?: boolean | undefined; readonly watch?: boolean | undefined } | undefined;
  /** What the other members see beside the user: an object whose JSON has at most 1 024 bytes. */
  readonly info?: object | undefined;
}

/** What a subscription has to do with the members of its topic. */
export interface Presence {
  readonly show: boolean;
  readonly watch: boolean;
  /** JSON of what the other members see. */
  readonly info: string | undefined;
}

/** A part of a topic's history. */
export interface HistoryRange {
  /**
   * The position behind which to begin. Default: the newest messages. A position that the log does not know any more gives
   * the oldest messages that are kept.
   */
  readonly after?: Position | undefined;
  /** Most messages, 1 to 500. Default 100. */
  readonly limit?: number | undefined;
}
