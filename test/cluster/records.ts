/** What the processes of a cluster tell the judge. */

/** Publications are numbered by their publisher: the number of the publisher, then that of the publication. */
const PER_PUBLISHER = 10_000_000;

/** The number that a publication carries, different for all publications of a run. */
export function toId(publisher: number, n: number): number {
  return publisher * PER_PUBLISHER + n;
}

export function publisherOf(id: number): number {
  return Math.floor(id / PER_PUBLISHER);
}

/** The id as people read it. */
export function shownId(id: number): string {
  return `message ${publisherOf(id)}/${id % PER_PUBLISHER}`;
}

/** The time in milliseconds by the clock that all processes of a machine share, and that nobody sets. */
export function sharedMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** `stored`: acknowledged. `no`: failed, and told that nothing was stored. `unknown`: failed, or the publisher was killed. */
export type Outcome = 'stored' | 'no' | 'unknown';

/** One publication, from its call to its answer. */
export interface Publication {
  readonly id: number;
  readonly topic: string;
  readonly beganMs: number;
  readonly endedMs: number;
  readonly outcome: Outcome;
  /** The code of the error, where it has failed. */
  readonly code?: string | undefined;
}

/** A subscription begins, or was told that messages are missing: what was published from now on must come. */
export interface Mark {
  readonly mark: 'new' | 'gap';
  /** Why, for a gap. */
  readonly reason?: string | undefined;
  readonly atMs: number;
}

/** The message with this id, or a mark. */
export type Sighting = number | Mark;

/** All that one subscriber of a topic has seen, in order. */
export interface SubscriberRecord {
  readonly name: string;
  readonly topic: string;
  readonly seen: readonly Sighting[];
  /** True when it was killed: nobody knows what it saw last. */
  readonly isKilled: boolean;
}

/** What a judge needs to know of a run. */
export interface RunRecord {
  readonly publications: readonly Publication[];
  readonly subscribers: readonly SubscriberRecord[];
  /** Publishers that were killed: what they published last was not told. */
  readonly killedPublishers: ReadonlySet<number>;
  /**
   * Acknowledged messages that a failover has lost, as the log shows after it: who saw one of them must be told, and
   * nobody else.
   */
  readonly lostByFailover?: ReadonlySet<number>;
}
