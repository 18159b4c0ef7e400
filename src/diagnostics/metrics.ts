import type { EndCause } from '../errors.ts';
import { BUCKET_SECONDS } from './callback-times.ts';
import type { RefusedChannelCause } from './channels.ts';
import { type MetricsSource, Snapshot } from './observed.ts';
import { clients } from './sources.ts';

/** How long callbacks take: from the call until the callback has returned, or its promise has settled. */
export interface CallbackMetrics {
  /** Callbacks so far. Events for which the handler has no callback count too. */
  readonly count: number;
  /** How many of them were timed: every 64th, and all while `4d-websocket:message` has subscribers. */
  readonly timedCount: number;
  /** Sum of the time of those, in seconds. */
  readonly timedSeconds: number;
  /** How many of those took at most `seconds` and more than the bound before. The last bound is Infinity. */
  readonly buckets: readonly { readonly seconds: number; readonly count: number }[];
}

/** Figures of a server, or of all clients. Counters begin with the server, or with the process. */
export interface ConnectionMetrics {
  /** Connections that are open now. */
  readonly connections: number;
  /** Open connections on which messages wait now. */
  readonly blockedConnections: number;
  /** Bytes that wait to be sent now, on all open connections. */
  readonly bufferedBytes: number;
  /** Connections that have been opened. */
  readonly opened: number;
  /** Connections that have ended, by cause. Causes that have not occurred are missing. */
  readonly ended: Readonly<Partial<Record<EndCause, number>>>;
  readonly messagesReceived: number;
  /** Messages for which `send` returned `'sent'` or `'queued'`, and those that a broadcast sent. */
  readonly messagesSent: number;
  /** Messages for which `send` returned `'dropped'`, and those that `bufferPolicy` dropped while they waited. */
  readonly messagesDropped: number;
  /** Bytes that came behind the handshakes, with frame headers, compressed where they were. */
  readonly bytesReceived: number;
  /** Bytes that the system was given, the answers to handshakes included. */
  readonly bytesSent: number;
  /** How often a message had to wait on a connection where none waited, for a slow peer or to be compressed. */
  readonly blocked: number;
  readonly callbacks: CallbackMetrics;
}

/** Figures of one server. */
export interface ServerMetrics extends ConnectionMetrics {
  /** Clients that wait for the answer to their upgrade request now. */
  readonly pendingHandshakes: number;
  /** Clients that were refused, by cause. Causes that have not occurred are missing. */
  readonly refused: Readonly<Partial<Record<RefusedChannelCause, number>>>;
}

/** Figures of all clients of this process. */
export interface ClientMetrics extends ConnectionMetrics {
  /** Attempts to connect. */
  readonly attempts: number;
  /** Attempts that failed, and clients whose arguments could not be used, by cause. */
  readonly failed: Readonly<Partial<Record<EndCause, number>>>;
}

/**
 * Returns the figures of all clients of this process, since it began. The time that it takes grows with the number of open
 * connections.
 */
export function clientMetrics(): ClientMetrics {
  const snapshot = new Snapshot('client').read(clients);
  const { attempts, failed } = snapshot;
  return { ...toMetrics(snapshot), attempts, failed: Object.fromEntries(failed) };
}

/** Reads the figures of one server. */
export function readServerMetrics(source: MetricsSource): ServerMetrics {
  const snapshot = new Snapshot('server').read(source);
  const { pendingHandshakes, refused } = snapshot;
  return { ...toMetrics(snapshot), pendingHandshakes, refused: Object.fromEntries(refused) };
}

function toMetrics(snapshot: Snapshot): ConnectionMetrics {
  const { connections, blockedConnections, bufferedBytes, opened, ended, blocked, callbackTimes } = snapshot;
  const { messagesReceived, messagesSent, messagesDropped, bytesReceived, bytesSent } = snapshot;
  const { count, timedCount, timedSeconds } = callbackTimes;
  const buckets = callbackTimes.buckets.map((bucket, i) => ({ seconds: BUCKET_SECONDS[i] ?? Infinity, count: bucket }));
  return {
    connections,
    blockedConnections,
    bufferedBytes,
    opened,
    ended: Object.fromEntries(ended),
    messagesReceived,
    messagesSent,
    messagesDropped,
    bytesReceived,
    bytesSent,
    blocked,
    callbacks: { count, timedCount, timedSeconds, buckets },
  };
}
