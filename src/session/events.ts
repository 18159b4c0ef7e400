import {
  type EndCause,
  type EndPhase,
  type ErrorItem,
  type FourDError,
  itemOfThrown,
  type MessageIssue,
} from '../errors.ts';

/** The connection, or the server, is open. */
export interface OpenEvent {
  readonly type: 'open';
}

/** A message arrived. */
export interface MessageEvent<T = string> {
  readonly type: 'message';
  /**
   * The message in the form that `dataType` asks for. Its bytes belong to the receiver; with the option `borrowed` they are
   * valid only until the callback returns.
   *
   * @remarks As with any `Buffer` of Node, the memory behind bytes may hold other messages as well, also messages of
   * other connections: send or keep `data`, never `data.buffer`. To move bytes to another thread, copy them:
   * `Uint8Array.from(data)`.
   */
  readonly data: T;
  /** Whether the message came as a binary one, in whatever form `data` is. */
  readonly isBinary: boolean;
}

/** A message arrived that does not match the schema. */
export interface InvalidEvent {
  readonly type: 'invalid';
  /** The error that ends the connection with `'close'`: `ERR_INVALID_CONTENT`. */
  readonly error: FourDError;
  /** What is wrong: at most the first 8 issues. */
  readonly issues: readonly MessageIssue[];
  /** The message as it was parsed. Nobody knows what it holds. */
  readonly data: unknown;
  /** Whether the message came as a binary one. */
  readonly isBinary: boolean;
}

/** The connection ends, or an upgrade failed, because of an error. */
export interface ErrorEvent {
  readonly type: 'error';
  /** The error stack, the most specific item first. */
  readonly errors: readonly ErrorItem[];
  /** The error itself, with its `code`, its `endCause` and `phase`, its figures and its `cause`. */
  readonly error: FourDError;
}

/** The connection is over. */
export interface TerminateEvent {
  readonly type: 'terminate';
  /** The peer's close code; 1005 when its close frame had none, 1006 when no close frame came. */
  readonly code: number;
  /** The peer's reason, undefined when it gave none. */
  readonly reason: string | undefined;
  /** True when both sides sent a close frame and no error ended the connection. */
  readonly wasClean: boolean;
  /** Why the connection ended, for programs. */
  readonly cause: EndCause;
  /** The phase that the connection was in when its end began, for programs. */
  readonly phase: EndPhase;
  /** Why the connection ended, for people. Never holds payload or secrets. */
  readonly message: string;
  /** Bytes that were received after the handshake. With the option `reconnect`: on all connections of the client. */
  readonly bytesReceived: number;
  /** Bytes that were sent after the handshake. With the option `reconnect`: on all connections of the client. */
  readonly bytesSent: number;
  /**
   * Milliseconds that the connection was open. With the option `reconnect`: the sum of all connections of the client.
   */
  readonly openMs: number;
  /** Only with the option `reconnect`: attempts to connect again that the client made in a row before it gave up. */
  readonly reconnectAttempts?: number;
  /**
   * Only with the option `reconnect`: messages for which `send` did not return `'dropped'`, and that were not sent: the
   * system was not given all of their bytes. In order; an object is given as its JSON.
   */
  readonly unsentMessages?: readonly (string | Uint8Array)[];
  /**
   * Only with the option `reconnect`: messages that may have arrived or not, on all connections of the client. The system
   * was given all of their bytes, and then the connection was lost, or the server closed it. Messages in front of an
   * answered ping, and those of a connection that this client closed and the server agreed to close, do not count.
   */
  readonly uncertainMessages?: number;
}

/** Nothing waits for the peer any more, after a `send` that returned `'queued'`. */
export interface DrainEvent {
  readonly type: 'drain';
}

/** A client has lost its connection, or an attempt to connect again has failed, and a new attempt follows. */
export interface DisconnectEvent {
  readonly type: 'disconnect';
  /** Why the connection ended, or the attempt failed; `'local'` after `reconnect()` on an open connection. */
  readonly cause: EndCause;
  /** Number of the attempt that follows, from 1. */
  readonly attempt: number;
  /** Milliseconds until that attempt. */
  readonly delayMs: number;
}

/** A client that had lost its connection has a new one. */
export interface ReconnectEvent {
  readonly type: 'reconnect';
  /**
   * Number of the attempt that succeeded, counted from the last connection that lasted `maxDelayMs`, or from the last
   * `reconnect()`.
   */
  readonly attempt: number;
  /** Messages of the lost connection that may have arrived or not: the system was given all of their bytes. */
  readonly uncertainMessages: number;
}

/** The server is over: its last connection has ended. */
export interface ServerTerminateEvent {
  readonly type: 'terminate';
}

/** Makes the event that tells of an error. */
export function toErrorEvent(error: FourDError): ErrorEvent {
  return { type: 'error', errors: [itemOfThrown(error)], error };
}
