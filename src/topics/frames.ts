/** The frames of the subprotocol `4d-topics.1`, as both ends write and read them. No `node:` module may be needed here. */
import type { Member } from './topic-handler.ts';

export const TOPICS_PROTOCOL = '4d-topics.1';

/** In front of the secret of a session: a further subprotocol that a client offers to come back. */
export const SESSION_PREFIX = 'session.';

/** Data of a frame: JSON. An object with the member `b64` alone stands for bytes, in base 64. */
export type FrameData = unknown;

/** `since` of a frame: a position, `now`, `start`, `state`, or the newest so many. */
export type FrameSince = string | { readonly last: number };

export interface FramePresence {
  readonly show?: boolean;
  readonly watch?: boolean;
}

export interface SubFrame {
  readonly t: 'sub';
  /** A topic, or up to 100 topics with a since of their own. */
  readonly topic: string | readonly { readonly topic: string; readonly since?: FrameSince }[];
  readonly since?: FrameSince;
  readonly presence?: FramePresence;
  readonly id?: number | string;
}

export interface PubFrame {
  readonly t: 'pub';
  readonly topic: string;
  readonly data: FrameData;
  readonly key?: string;
  readonly ttl?: number;
  /** 16 to 64 random characters, by which the message is stored once. */
  readonly mid?: string;
  readonly volatile?: boolean;
  readonly id: number | string;
}

/** What a client sends. */
export type ClientFrame =
  | SubFrame
  | PubFrame
  | { readonly t: 'unsub'; readonly topic: string }
  | {
      readonly t: 'hist';
      readonly topic: string;
      readonly after?: string;
      readonly limit?: number;
      readonly id: number | string;
    }
  | { readonly t: 'who'; readonly topic: string; readonly id: number | string }
  | { readonly t: 'msg'; readonly data: FrameData }
  | { readonly t: 'req'; readonly data: FrameData; readonly id: number | string }
  | { readonly t: 'ping' };

export interface MessageFrame {
  readonly t: 'm';
  readonly topic: string;
  readonly pos?: string;
  readonly at: number;
  readonly data: FrameData;
  readonly key?: string;
  readonly from?: string;
  /** 1: replayed. */
  readonly r?: 1;
}

export interface WhoFrame {
  readonly t: 'who';
  readonly topic: string;
  readonly count: number;
  readonly list?: readonly Member[];
  readonly join?: readonly Member[];
  readonly leave?: readonly Member[];
  readonly id?: number | string;
}

/** What a server sends: one of these in a text message, or an array of them. */
export type ServerFrame =
  | {
      readonly t: 'hi';
      readonly v: 1;
      readonly session: string;
      readonly aliveMs: number;
      readonly limits: FrameLimits;
    }
  | { readonly t: 'alive' }
  | {
      readonly t: 'subbed';
      readonly topic: string;
      readonly pos?: string;
      readonly state: 'new' | 'recovered' | 'gap';
      readonly reason?: 'trimmed' | 'epoch' | 'forked';
      readonly missed?: number;
      /** True for no answer: the server has subscribed the client by itself. */
      readonly unasked?: true;
    }
  | MessageFrame
  | { readonly t: 'live'; readonly topic: string; readonly pos?: string }
  | {
      readonly t: 'gap';
      readonly topic: string;
      readonly pos: string;
      readonly reason: 'trimmed' | 'epoch' | 'forked' | 'slow';
    }
  | WhoFrame
  | { readonly t: 'unsubbed'; readonly topic: string; readonly code: string; readonly message: string }
  | {
      readonly t: 'ok';
      readonly id: number | string;
      readonly pos?: string;
      readonly dup?: boolean;
      readonly data?: FrameData;
    }
  | {
      readonly t: 'err';
      readonly id?: number | string;
      readonly topic?: string;
      readonly code: string;
      readonly message: string;
      readonly retryMs?: number;
    }
  | {
      readonly t: 'hist';
      readonly id: number | string;
      readonly msgs: readonly Omit<MessageFrame, 't' | 'topic'>[];
      readonly more: boolean;
    }
  | { readonly t: 'msg'; readonly data: FrameData }
  | { readonly t: 'move'; readonly afterMs: number };

/** What a client has to know of the server's limits. */
export interface FrameLimits {
  readonly topics: number;
  readonly payloadBytes: number;
  /** A client that publishes no faster is not refused with `rate`. */
  readonly publishesPerSecond?: number;
}
