import { type RecentFigures, RecentTimes } from './recent-times.ts';
import type { GapReason } from './topic-handler.ts';

/** Figures of the topics of this process. Counters begin with the server. */
export interface TopicsStats {
  /** Topics with subscribers, or without for less than 30 s. */
  readonly topics: number;
  readonly subscriptions: number;
  /** Subscriptions that do not keep up now, or have not begun yet. */
  readonly behind: number;
  /** Publications of this process that were stored, or announced when volatile. */
  readonly published: number;
  /** Messages that went to subscribers as they came. */
  readonly delivered: number;
  /** Messages that subscribers had missed, or asked for. */
  readonly replayed: number;
  /** Volatile messages that did not go to a subscriber because it did not keep up. */
  readonly volatileDropped: number;
  /** Subscribers that were told of missing messages, by reason. */
  readonly gaps: Readonly<Record<GapReason, number>>;
  /** Announcements that were missed, and found in the broker. */
  readonly holesRepaired: number;
  /** How often a topic turned out to have lost its newest messages. */
  readonly forks: number;
  /** Questions to the broker for messages. */
  readonly reads: number;
  /** Questions that were answered by the answer to another one. */
  readonly singleFlightHits: number;
  /** Memory of recent messages, about. */
  readonly ringBytes: number;
  /** Publications that wait for the broker. */
  readonly outboxWaiting: number;
  /** From `publish` to the answer of the broker, in milliseconds, of the last 10 to 20 s. */
  readonly appendMs: RecentFigures;
  /** From the announcement of a message to the last subscriber of the same turn, in milliseconds, of the last 10 to 20 s. */
  readonly deliverMs: RecentFigures;
  readonly brokerState: 'up' | 'down';
  /** How often the broker came back. */
  readonly brokerReconnects: number;
  /** Idle topics whose newest message had not been announced. */
  readonly headDifferences: number;
  /** Subscriptions that came back with a position, by outcome. */
  readonly resumes: Readonly<Record<'recovered' | 'gap', number>>;
  /** Processes with this broker whose leases live. Without presence this one alone. */
  readonly nodesAlive: number;
  /** Members of processes that were gone, taken out by this one. */
  readonly membersSwept: number;
}

/** What is counted. Plain fields, because a message increments some of them. */
export class TopicStats {
  subscriptions = 0;
  published = 0;
  delivered = 0;
  replayed = 0;
  volatileDropped = 0;
  readonly gaps: Record<GapReason, number> = { trimmed: 0, epoch: 0, forked: 0, slow: 0 };
  holesRepaired = 0;
  forks = 0;
  reads = 0;
  singleFlightHits = 0;
  readonly appendTimes: RecentTimes = new RecentTimes();
  readonly deliverTimes: RecentTimes = new RecentTimes();
  brokerReconnects = 0;
  headDifferences = 0;
  readonly resumes: Record<'recovered' | 'gap', number> = { recovered: 0, gap: 0 };

  countGap(reason: GapReason): void {
    this.gaps[reason]++;
  }
}
