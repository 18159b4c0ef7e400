import type { EndCause } from '../errors.ts';
import { CallbackTimes } from './callback-times.ts';
import type { RefusedChannelCause, Side } from './channels.ts';
import type { TopicFigures } from './topic-figures.ts';

/**
 * What is counted of one server, or of all clients of the process. All of its connections share one object.
 *
 * @remarks Plain fields, because a message increments some of them. The bytes are those of connections that have ended;
 * those of open ones are added when somebody asks.
 */
export class Observed {
  readonly side: Side;
  /** The path of the server as it was passed; undefined for all paths, and for clients. */
  readonly path: string | undefined;
  opened = 0;
  readonly ended: Map<EndCause, number> = new Map();
  messagesReceived = 0;
  messagesSent = 0;
  messagesDropped = 0;
  bytesReceived = 0;
  bytesSent = 0;
  /** How often a message had to wait when none waited before. */
  blocked = 0;
  readonly callbackTimes: CallbackTimes = new CallbackTimes();
  /** Only of servers. */
  readonly refused: Map<RefusedChannelCause, number> = new Map();
  /** Attempts to connect; only of clients. */
  attempts = 0;
  /** Attempts that failed; only of clients. */
  readonly failed: Map<EndCause, number> = new Map();
  /** What was counted of topics; only of servers that have ended. */
  readonly topicCounts: Map<string, number> = new Map();

  constructor(side: Side, path?: string) {
    this.side = side;
    this.path = path;
  }

  /** Adds what was counted elsewhere. */
  add(other: Observed): void {
    this.opened += other.opened;
    this.messagesReceived += other.messagesReceived;
    this.messagesSent += other.messagesSent;
    this.messagesDropped += other.messagesDropped;
    this.bytesReceived += other.bytesReceived;
    this.bytesSent += other.bytesSent;
    this.blocked += other.blocked;
    this.attempts += other.attempts;
    this.callbackTimes.add(other.callbackTimes);
    addCounts(this.ended, other.ended);
    addCounts(this.refused, other.refused);
    addCounts(this.failed, other.failed);
    addCounts(this.topicCounts, other.topicCounts);
  }
}

/** Counts one more of a kind. */
export function countOne<Kind>(counts: Map<Kind, number>, kind: Kind, count = 1): void {
  counts.set(kind, (counts.get(kind) ?? 0) + count);
}

export function addCounts<Kind>(counts: Map<Kind, number>, others: ReadonlyMap<Kind, number>): void {
  for (const [kind, count] of others) countOne(counts, kind, count);
}

/** The figures of a connection that is open. */
export interface LiveFigures {
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly bufferedBytes: number;
  readonly isBlocked: boolean;
}

/** A server, or all clients, whose figures can be read. */
export interface MetricsSource {
  readonly observed: Observed;
  /** Sockets whose `figures` are undefined while they have no open connection. */
  readonly live: Iterable<{ readonly figures: LiveFigures | undefined }>;
  /** Clients that wait for the answer to their upgrade request. */
  readonly pendingHandshakes: number;
  /** Undefined for a server without topics, and for clients. */
  readonly topicFigures?: TopicFigures | undefined;
}

/** What was counted up to a moment, and what is open at that moment. */
export class Snapshot extends Observed {
  connections = 0;
  blockedConnections = 0;
  bufferedBytes = 0;
  pendingHandshakes = 0;
  readonly topicGauges: Map<string, number> = new Map();

  /** Adds a source, as it is now. */
  read({ observed, live, pendingHandshakes, topicFigures }: MetricsSource): this {
    this.add(observed);
    if (topicFigures !== undefined) {
      addCounts(this.topicCounts, topicFigures.counts);
      addCounts(this.topicGauges, topicFigures.gauges);
    }
    this.pendingHandshakes += pendingHandshakes;
    for (const { figures } of live) {
      if (figures === undefined) continue;
      this.connections++;
      if (figures.isBlocked) this.blockedConnections++;
      this.bufferedBytes += figures.bufferedBytes;
      this.bytesReceived += figures.bytesReceived;
      this.bytesSent += figures.bytesSent;
    }
    return this;
  }
}
