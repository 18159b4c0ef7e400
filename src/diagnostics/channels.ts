import { channel } from 'node:diagnostics_channel';
import type { EndCause, EndPhase, ErrorCode } from '../errors.ts';

/** The side of a connection that this program is on. */
export type Side = 'client' | 'server';

/**
 * What `4d-websocket:client` publishes: how a client gets its connections. The connections themselves are on
 * `4d-websocket:connection`.
 *
 * @remarks `id` is the `id` of the client, and of all its connections. In order: `connecting`, then `failed` or an opened
 * connection; `reconnecting` when another attempt follows; `ended` once, as the last. Arguments that cannot be used give
 * `failed` without `connecting`. A client that ends because of an error without ever being seen by the program, in
 * `WebSocket.new` or the like, gives `ended` too.
 */
export type ClientChannelMessage =
  | {
      readonly type: 'connecting';
      readonly id: number;
      /** Without user, password and query; empty when the URL cannot be read. */
      readonly url: string;
      /** 0 for the first attempt, then the number of the attempt to connect again. */
      readonly attempt: number;
    }
  | {
      readonly type: 'failed';
      readonly id: number;
      readonly error: ErrorCode;
      readonly cause: EndCause;
      /** How far the attempt came. */
      readonly phase: EndPhase;
      /** The HTTP status of a server or proxy that refused; undefined when there was none. */
      readonly status: number | undefined;
    }
  | {
      readonly type: 'reconnecting';
      readonly id: number;
      readonly cause: EndCause;
      /** Number of the attempt that follows, from 1. */
      readonly attempt: number;
      readonly delayMs: number;
    }
  | { readonly type: 'ended'; readonly id: number; readonly cause: EndCause; readonly phase: EndPhase };

/**
 * Why a client is refused: its page is of an origin that may not connect (`'origin'`), it asks for a host that is not
 * allowed (`'host'`), `onConnection` refused it (`'handler'`), a limit on connections is reached (`'limit'`), its
 * request is no valid opening handshake (`'handshake'`), user code failed (`'error'`), the server ends (`'closing'`), or
 * the decision took too long (`'timeout'`).
 */
export type RefusalCause = 'origin' | 'host' | 'handler' | 'limit' | 'handshake' | 'error' | 'closing' | 'timeout';

/** Why a client was refused, by whomever. `'path'`: no server has the path of the request. */
export type RefusedChannelCause = RefusalCause | 'path';

/**
 * What `4d-websocket:server` publishes: the life of a server, and the clients that it refuses.
 *
 * @remarks `path` is the path of the server as it was passed; undefined for all paths. In order: `opened` when onOpen has run,
 * unless the server ended before that; `ended` once, as the last, when onTerminate has run or its time is up. Only clients
 * that are given to a server that has ended (`handleUpgrade`) are `refused` behind that. `refused` comes after the answer
 * was written.
 */
export type ServerChannelMessage =
  | { readonly type: 'opened'; readonly path: string | undefined }
  | {
      readonly type: 'refused';
      /** Undefined also when no server has the path of the request. */
      readonly path: string | undefined;
      /** The path that the client asked for, without query. */
      readonly requestPath: string;
      readonly status: number;
      readonly cause: RefusedChannelCause;
      /** What to change, and where, for the people who run the server. */
      readonly advice: string;
      /** IP address of the client, as in `event.request`; empty for a Unix socket. */
      readonly remoteAddress: string;
      readonly origin: string | undefined;
    }
  | { readonly type: 'ended'; readonly path: string | undefined };

/** What every message of a connection says about it. */
interface OfConnection {
  readonly side: Side;
  /** The `id` of the client, or of the server's connection. */
  readonly id: number;
}

/**
 * What `4d-websocket:connection` publishes: the open connections of clients and servers.
 *
 * @remarks For each connection in order: `opened` before onOpen or onReconnect; `blocked` and `writable` in turns;
 * `ended` once, as the last, before onTerminate.
 */
export type ConnectionChannelMessage =
  | (OfConnection & {
      readonly type: 'opened';
      /** The path of the server as it was passed; undefined for all paths, and on clients. */
      readonly path: string | undefined;
      /** The subprotocol, `''` for none; `bearer.…` for one that carries a token. */
      readonly protocol: string;
      /** On the server: the address of the client. */
      readonly remoteAddress: string | undefined;
    })
  | (OfConnection & {
      /** A message waits because the peer does not keep up, or because it is being compressed. */
      readonly type: 'blocked';
      readonly bufferedBytes: number;
    })
  | (OfConnection & {
      /** Nothing waits any more. */
      readonly type: 'writable';
    })
  | (OfConnection & {
      readonly type: 'ended';
      readonly cause: EndCause;
      readonly phase: EndPhase;
      /** As in the event of onTerminate. */
      readonly code: number;
      readonly wasClean: boolean;
      /** The error that ended the connection; undefined for none. */
      readonly error: ErrorCode | undefined;
      /** The limit that was exceeded, and what was seen; undefined for other errors. */
      readonly limit: number | undefined;
      readonly observed: number | undefined;
      readonly bytesReceived: number;
      readonly bytesSent: number;
      readonly openMs: number;
    });

/** A message of a user, described. */
interface OfMessage extends OfConnection {
  readonly kind: 'text' | 'binary';
  /** Length of the payload, not compressed. */
  readonly bytes: number;
}

/**
 * What `4d-websocket:message` publishes: each message that comes and goes, never what it says.
 *
 * @remarks `received` comes before onMessage and before what waits in front of it; `handled` when a callback is over, which
 * for a promise is when it has settled. `sent` comes within the call of `send`, for `'sent'` and `'queued'`; `dropped` when
 * `send` gives `'dropped'`, or when the option `bufferPolicy` drops a message that waited.
 */
export type MessageChannelMessage =
  | (OfMessage & { readonly type: 'received' })
  | (OfMessage & {
      readonly type: 'sent';
      /** Whether the message waits. */
      readonly isQueued: boolean;
    })
  | (OfConnection & {
      readonly type: 'dropped';
      /** Undefined for a message that no connection was there for. */
      readonly kind: 'text' | 'binary' | undefined;
      readonly bytes: number | undefined;
    })
  | (OfConnection & {
      readonly type: 'handled';
      /** For example `onMessage`. */
      readonly callback: string;
      readonly durationMs: number;
    });

/**
 * What `4d-websocket:topics` publishes: how a server gets on with the broker of its topics. Topics are named, their messages
 * are not shown.
 */
export type TopicsChannelMessage =
  | {
      /** The broker can be reached, or not. */
      readonly type: 'broker';
      readonly state: 'up' | 'down';
    }
  | {
      /** Announcements were lost; their messages were found in the broker. */
      readonly type: 'repaired';
      readonly topic: string;
      readonly entries: number;
    }
  | {
      /** The newest message of an idle topic, or the topic itself, is not the one that this server knows. */
      readonly type: 'difference';
      readonly topic: string;
    }
  | {
      /** Subscribers of a topic that kept up were told of missing messages. */
      readonly type: 'gap';
      readonly topic: string;
      readonly reason: 'trimmed' | 'epoch' | 'forked';
    };

/** A channel of `node:diagnostics_channel` with messages of one type. */
export interface TypedChannel<Message> {
  /** Read before a message is made: without a subscriber, that is all that a channel costs. */
  readonly hasSubscribers: boolean;
  publish(message: Message): void;
}

export const CHANNEL_NAMES = {
  client: '4d-websocket:client',
  server: '4d-websocket:server',
  connection: '4d-websocket:connection',
  message: '4d-websocket:message',
  topics: '4d-websocket:topics',
} as const;

export const clientChannel: TypedChannel<ClientChannelMessage> = channel(CHANNEL_NAMES.client);
export const serverChannel: TypedChannel<ServerChannelMessage> = channel(CHANNEL_NAMES.server);
export const connectionChannel: TypedChannel<ConnectionChannelMessage> = channel(CHANNEL_NAMES.connection);
export const messageChannel: TypedChannel<MessageChannelMessage> = channel(CHANNEL_NAMES.message);
export const topicsChannel: TypedChannel<TopicsChannelMessage> = channel(CHANNEL_NAMES.topics);
