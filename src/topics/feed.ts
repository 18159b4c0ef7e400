/** How those who deliver to a subscriber and the topics speak with each other. Types only. */
import type { Entry, Retention } from './broker.ts';
import type { Position } from './position.ts';
import type { GapReason, Member, Members, Published, Since } from './topic-handler.ts';

/** A message to be published. */
export interface Publication {
  /** JSON text of the data, or bytes. */
  readonly data: string | Uint8Array;
  readonly key?: string | undefined;
  /** True for data null with a key: the key leaves the state. */
  readonly isRemoved?: boolean | undefined;
  readonly ttl?: number | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly isVolatile?: boolean | undefined;
  /** The user who publishes. */
  readonly from?: string | undefined;
  /** Public id of the session that does not get the message. */
  readonly except?: string | undefined;
  /** The node whose lease the entry needs: members only. */
  readonly owner?: string | undefined;
  /** Has the entry stored and its key kept for so long at least, whatever the history says. */
  readonly keepSeconds?: number | undefined;
  /** As in `Append`. When it does not fit nothing is stored, and the position is that of the head. */
  readonly ifOwner?: string | undefined;
  /**
   * The same object for all publications of one that publishes again, in order, what was given up: with one of them those
   * behind it in the topic are given up, else they would be stored in front of it.
   */
  readonly series?: object | undefined;
}

/** An entry as it goes to subscribers. One object for all of a process, so that its frames are built once. */
export interface FeedEntry {
  readonly topic: string;
  readonly epoch: string;
  readonly entry: Entry;
  /** Undefined for a volatile entry. */
  readonly position: Position | undefined;
  readonly from: string | undefined;
  /** Public id of the session that does not get it. */
  readonly except: string | undefined;
  /** JSON text of the data, or bytes. Parsed from the bytes when first asked for. */
  readonly data: string | Buffer;
  /** Kept by those who build frames: see `topic-frames.ts`. */
  prepared?: unknown;
}

/** Takes what one subscription delivers: a connection, or a `TopicHandler` of the program. The methods never throw. */
export interface FeedSink {
  /** Public id of the session, which entries may except; undefined for programs. */
  readonly session: string | undefined;
  /** False while 64 KiB or more are unsent, or callbacks wait: then the subscription falls behind, and keeps its cursor. */
  readonly isReady: boolean;
  /** Calls back once when {@link isReady} is true again, or the sink is over. */
  onceReady(callback: () => void): void;
  /**
   * First call, in a later turn than `subscribe`. `position` is the subscriber's own when recovered, else the place behind
   * which it goes on, if that is known; undefined for state. `missed` is exact for what fits into one answer of the broker,
   * else the most that may follow.
   */
  onSubscribed(event: {
    readonly state: 'new' | 'recovered' | 'gap';
    readonly reason: 'trimmed' | 'epoch' | 'forked' | undefined;
    readonly missed: number;
    readonly position: Position | undefined;
  }): void;
  onEntry(entry: FeedEntry, isReplayed: boolean, isState: boolean): void;
  /** Everything that was missed or asked for has been delivered. Not called for `'now'`, which asks for nothing. */
  onLive(position: Position, count: number): void;
  onGap(reason: GapReason, position: Position): void;
  /** The broker could not be asked: the subscription is over. */
  onFailed(code: string, message: string): void;
}

/** One subscription, as its owner holds it. */
export interface Feed {
  readonly topic: string;
  /** Whether all that this process knows has been delivered. */
  readonly isUpToDate: boolean;
  /** Ends the subscription at once: nothing is delivered any more. */
  end(): void;
}

/** Who is in which topic, for servers. */
export interface PresencePort {
  /**
   * Shows a session as a member of a topic.
   *
   * @returns a function that takes it back: at once, or after the grace, in which it may come back on any node
   */
  show(topic: string, session: string, facts: MemberFacts): (isAtOnce: boolean) => void;
  /** Tells a sink of the members of a topic, also within this call when they are known, and of all changes until the end. */
  watch(topic: string, sink: MembersSink): MembersWatch;
  /** @throws FourDError (as a rejection) `ERR_BROKER_DOWN` */
  members(topic: string): Promise<Members>;
}

/** Who a member is, beside its session. */
export interface MemberFacts {
  readonly user: string | undefined;
  /** JSON of what the others see. */
  readonly info: string | undefined;
}

/** What those who watch the members of a topic are told. One object for all of them, so that its frame is built once. */
export interface MembersNews {
  readonly topic: string;
  readonly count: number;
  /** All members: at the beginning, and again when they are few enough. */
  readonly list?: readonly Member[];
  /** What has changed. Neither this nor a list: there are too many members to name. A member may join again with other info. */
  readonly join?: readonly Member[];
  readonly leave?: readonly Member[];
  /** Kept by those who build frames: see `topic-frames.ts`. */
  prepared?: unknown;
}

/** Who watches the members of a topic. */
export interface MembersSink {
  /** First a list, or only the count; then what changes. Never throws. */
  onMembers(news: MembersNews): void;
}

/** A sink that watches members, as its owner holds it. */
export interface MembersWatch {
  /** What a sink would be told that came now. */
  readonly list: MembersNews;
  end(): void;
}

/** The topics of one process: what `TopicsCore` is for servers. */
export interface TopicsPort {
  /**
   * Resolves when the broker has stored it. Publications of one caller to one topic keep their order.
   *
   * @throws FourDError `ERR_BROKER_DOWN`, `ERR_BROKER_FULL`, `ERR_OUTBOX_FULL`, with `stored` 'no' or 'unknown'
   */
  publish(topic: string, publication: Publication): Promise<Published>;
  subscribe(topic: string, since: Since, sink: FeedSink): Feed;
  history(
    topic: string,
    after: Position | undefined,
    limit: number,
  ): Promise<{ entries: readonly FeedEntry[]; hasMore: boolean }>;
  state(topic: string): Promise<readonly FeedEntry[]>;
  retentionOf(topic: string): Retention;
  /** Who is in which topic. */
  readonly presence: PresencePort;
}
