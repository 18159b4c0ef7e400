import { ignoreRejection } from './base/promises.ts';

/**
 * Every error of the library: one table of codes, one class.
 *
 * The reference page `docs/reference/errors.md` is generated from this table.
 */

/** One row of {@link errorTable}. */
export interface ErrorRow {
  /** The number that 4D code reads: a close code (RFC 6455 section 7.4) or a negative number. */
  readonly errCode: number;
  /** The close code of a connection with this error, 1006 when none can be sent; absent for errors that end none. */
  readonly closeCode?: number;
  /** Why a connection with this error ends, unless the details of the error say otherwise. */
  readonly cause?: EndCause;
  /** What happened and what to do about it. */
  readonly meaning: string;
}

/**
 * All error codes. An error that ends a connection has the close code of RFC 6455 section 7.4.1 as its `errCode`; the
 * others have a negative number. `ERR_THROWN` takes the number of what user code threw, if it has one.
 */
export const errorTable = {
  ERR_RESERVED_BITS: {
    errCode: 1002,
    closeCode: 1002,
    cause: 'protocol',
    meaning: 'A frame has a reserved bit set that no negotiated extension uses.',
  },
  ERR_RESERVED_OPCODE: {
    errCode: 1002,
    closeCode: 1002,
    cause: 'protocol',
    meaning: 'A frame has an opcode that RFC 6455 reserves.',
  },
  ERR_MASK_REQUIRED: {
    errCode: 1002,
    closeCode: 1002,
    cause: 'protocol',
    meaning: 'A client sent a frame without a mask.',
  },
  ERR_MASK_FORBIDDEN: { errCode: 1002, closeCode: 1002, cause: 'protocol', meaning: 'A server sent a masked frame.' },
  ERR_CONTROL_FRAME_TOO_LONG: {
    errCode: 1002,
    closeCode: 1002,
    cause: 'protocol',
    meaning: 'A ping, pong or close frame has more than 125 payload bytes.',
  },
  ERR_CONTROL_FRAME_FRAGMENTED: {
    errCode: 1002,
    closeCode: 1002,
    cause: 'protocol',
    meaning: 'A ping, pong or close frame is fragmented.',
  },
  ERR_LENGTH_NOT_MINIMAL: {
    errCode: 1002,
    closeCode: 1002,
    cause: 'protocol',
    meaning: 'A payload length is not in its shortest form, or the highest bit of a 64-bit length is set.',
  },
  ERR_UNEXPECTED_CONTINUATION: {
    errCode: 1002,
    closeCode: 1002,
    cause: 'protocol',
    meaning: 'A continuation frame arrived although no message was unfinished.',
  },
  ERR_EXPECTED_CONTINUATION: {
    errCode: 1002,
    closeCode: 1002,
    cause: 'protocol',
    meaning: 'A new message began before the previous message was finished.',
  },
  ERR_INVALID_CLOSE_PAYLOAD: {
    errCode: 1002,
    closeCode: 1002,
    cause: 'protocol',
    meaning: 'A close frame has a payload of one byte.',
  },
  ERR_INVALID_CLOSE_CODE: {
    errCode: 1002,
    closeCode: 1002,
    cause: 'protocol',
    meaning: 'A close frame has a close code that must not be sent.',
  },
  ERR_INVALID_UTF8: {
    errCode: 1007,
    closeCode: 1007,
    cause: 'protocol',
    meaning: 'A text message or close reason is not valid UTF-8.',
  },
  ERR_INVALID_JSON: {
    errCode: 1007,
    closeCode: 1007,
    cause: 'protocol',
    meaning: 'A message is not valid JSON although dataType is "object".',
  },
  ERR_INVALID_CONTENT: {
    errCode: 1007,
    closeCode: 1007,
    cause: 'protocol',
    meaning:
      'A message does not match the schema: the message of the error names the place, and issues has all that is wrong.',
  },
  ERR_INVALID_COMPRESSED_DATA: {
    errCode: 1007,
    closeCode: 1007,
    cause: 'protocol',
    meaning: 'A compressed message cannot be inflated.',
  },
  ERR_TOO_MANY_FRAGMENTS: {
    errCode: 1008,
    closeCode: 1008,
    cause: 'limit',
    meaning: 'A message has more fragments than maxFragments. Raise the limit if your peers need it.',
  },
  ERR_INCOMPLETE_MESSAGE: {
    errCode: 1008,
    closeCode: 1008,
    cause: 'limit',
    meaning:
      'The peer did not finish a message or frame within incompleteMessageTimeoutMs, nor send 16 KiB more of it. Raise the limit if your peers need it.',
  },
  ERR_TOO_MANY_CONTROL_FRAMES: {
    errCode: 1008,
    closeCode: 1008,
    cause: 'limit',
    meaning:
      'The peer sent more pings and pongs within a second than maxControlFramesPerSecond. Raise the limit if your peers need it.',
  },
  ERR_RATE_LIMIT: {
    errCode: 1008,
    closeCode: 1008,
    cause: 'limit',
    meaning:
      'The peer sent more within a second than maxMessagesPerSecond or maxBytesPerSecond. Raise the limit if your peers need it.',
  },
  ERR_MESSAGE_TOO_BIG: {
    errCode: 1009,
    closeCode: 1009,
    cause: 'limit',
    meaning: 'A message is bigger than maxMessageBytes. Raise the limit if your peers need it.',
  },
  ERR_CALLBACK_FAILED: {
    errCode: 1011,
    closeCode: 1011,
    cause: 'callback',
    meaning: 'A callback of your handler threw or rejected: see cause.',
  },
  ERR_MESSAGE_DETACHED: {
    errCode: 1011,
    closeCode: 1011,
    cause: 'invalid',
    meaning:
      'The bytes of a large message were transferred, resized or put out of bounds after send() and before they had left. Send a copy, or await drained() first.',
  },
  ERR_COMPRESSION_FAILED: {
    errCode: 1011,
    closeCode: 1011,
    cause: 'limit',
    meaning:
      'A message cannot be compressed or inflated because zlib failed, for example for want of memory: see cause.',
  },
  ERR_BUFFER_FULL: {
    errCode: 1013,
    closeCode: 1013,
    cause: 'limit',
    meaning:
      'The peer reads too slowly: more than maxBufferedBytes wait to be sent. Await drained() when send() returns "queued".',
  },
  ERR_BUFFER_BUDGET: {
    errCode: 1013,
    closeCode: 1013,
    cause: 'limit',
    meaning:
      'More bytes wait to be sent on all connections together than maxBufferedBytes of setGlobalLimits, and most of them on this connection, which was cut off. Await drained() when send() returns "queued".',
  },
  ERR_INCOMPLETE_BUDGET: {
    errCode: 1013,
    closeCode: 1013,
    cause: 'limit',
    meaning:
      'The unfinished messages of all connections took more than maxIncompleteBytes, and the message of this connection had stood still for longest, or was the youngest of messages that all came along. See setGlobalLimits.',
  },
  ERR_HEARTBEAT: {
    errCode: 1006,
    closeCode: 1006,
    cause: 'heartbeat',
    meaning: 'The peer sent nothing for pingIntervalMs, nor for pongTimeoutMs after a ping: the connection is dead.',
  },
  ERR_CONNECTION_LOST: {
    errCode: 1006,
    closeCode: 1006,
    cause: 'peer-reset',
    meaning: 'The connection ended without a close frame.',
  },
  ERR_CLOSE_TIMEOUT: {
    errCode: 1006,
    closeCode: 1006,
    cause: 'timeout',
    meaning: 'The peer did not answer the close frame within closeTimeoutMs.',
  },
  ERR_CONNECT_FAILED: {
    errCode: 1006,
    closeCode: 1006,
    cause: 'connect',
    meaning: 'The server cannot be reached (DNS, TCP or TLS): see cause.',
  },
  ERR_PROXY_FAILED: {
    errCode: 1006,
    closeCode: 1006,
    cause: 'connect',
    meaning: 'The proxy cannot be reached, or its answer breaks the rules of its protocol: see cause.',
  },
  ERR_PROXY_REFUSED: {
    errCode: 1006,
    closeCode: 1006,
    cause: 'refused',
    meaning:
      'The proxy refused the connection: see httpStatus (407: user and password are required), or observed, the reply code of a SOCKS proxy.',
  },
  ERR_ABORTED: {
    errCode: 1006,
    closeCode: 1006,
    cause: 'aborted',
    meaning: 'The option signal was aborted before the connection was open: see cause.',
  },
  ERR_HANDSHAKE_TIMEOUT: {
    errCode: 1006,
    closeCode: 1006,
    cause: 'timeout',
    meaning: 'The opening handshake took longer than handshakeTimeoutMs.',
  },
  ERR_CONNECT_TIMEOUT: {
    errCode: 1006,
    closeCode: 1006,
    cause: 'timeout',
    meaning:
      'The client was not connected within connectTimeoutMs, however often it tried. The error of the last failed attempt is the cause; httpStatus, httpHeaders and httpBody are its own.',
  },
  ERR_HANDSHAKE_REFUSED: {
    errCode: 1006,
    closeCode: 1006,
    cause: 'refused',
    meaning: 'The server answered with an HTTP status other than 101: see httpStatus, httpHeaders and httpBody.',
  },
  ERR_HANDSHAKE_INVALID: {
    errCode: 1006,
    closeCode: 1006,
    cause: 'protocol',
    meaning: 'The answer of the server is not HTTP, or is a 101 that breaks RFC 6455.',
  },
  ERR_DUPLICATE_PATH: {
    errCode: -10718,
    meaning: 'Another WebSocket server of this web server has the same path: choose another path.',
  },
  ERR_WEB_SERVER_NOT_STARTED: {
    errCode: -20001,
    meaning:
      'The web server is not running: await its start() first. The message says why the last start failed, and cause is its error.',
  },
  ERR_WEB_SERVER_ALREADY_STARTED: {
    errCode: -20002,
    meaning: 'start() was called on a running web server: await its stop() first.',
  },
  ERR_WEB_SERVER_LISTEN: {
    errCode: -20003,
    meaning: 'The web server cannot listen, for example because the port is busy: see cause.',
  },
  ERR_WEB_SERVER_CERTIFICATE: {
    errCode: -20004,
    meaning: 'key.pem or cert.pem of certificateFolder is missing or cannot be used: see cause.',
  },
  ERR_STATIC_FILES_UNAVAILABLE: {
    errCode: -20018,
    meaning: 'rootFolder needs the package "send", which cannot be loaded: run "npm install send".',
  },
  ERR_INVALID_HANDLER: {
    errCode: -20005,
    meaning:
      'A handler is not an object, is an array or holds options instead of callbacks, or has no onConnection (server) or onMessage (connection). The message says where options go.',
  },
  ERR_INVALID_URL: {
    errCode: -20006,
    meaning: 'A URL is not of the form ws://host[:port]path[?query], wss://… or ws+unix:/socket/path:/path[?query].',
  },
  ERR_INVALID_DATA_TYPE: { errCode: -20007, meaning: 'dataType is not "text", "blob", "object" or "auto".' },
  ERR_INVALID_OPTION: { errCode: -20008, meaning: 'An option has the wrong type, is out of range or is unknown.' },
  ERR_INVALID_HEADER: {
    errCode: -20009,
    meaning: 'A header name or value has a character that HTTP forbids, or is not a string.',
  },
  ERR_INVALID_MESSAGE: {
    errCode: -20010,
    meaning:
      'send() takes a string, bytes, or a plain object or array that JSON.stringify accepts. A Blob, Map, Set, Error or the like is refused, because it would arrive as {}. With validateOutgoing the JSON must match the schema: see issues.',
  },
  ERR_INVALID_CLOSE_ARGUMENT: {
    errCode: -20011,
    meaning:
      'terminate() of a client takes a code (1000, or 3000 to 4999) and a reason; terminate() of a server takes a number of seconds.',
  },
  ERR_NOT_CONNECTED: {
    errCode: -20012,
    meaning: 'send() was called while the status was "Connecting": await ready, or send in onOpen.',
  },
  ERR_INVALID_WORKER: {
    errCode: -20013,
    meaning: 'callWorker() takes the name of a worker, which must not be empty, and a function to run.',
  },
  ERR_INVALID_REFUSAL: {
    errCode: -20014,
    meaning:
      'refuse() takes a status from 400 to 599, a body that is a string or that JSON.stringify accepts, a closeCode of 1000 or 3000 to 4999, and a reason that is a string.',
  },
  ERR_INVALID_EXPIRY: {
    errCode: -20015,
    meaning: 'expiresAt of a connection takes a Date, a number of milliseconds since 1970, or undefined.',
  },
  ERR_INVALID_ARGUMENT: {
    errCode: -20016,
    meaning:
      'callWorker() and tryExpr() take a function; onErrCall() takes a function, null or "". Pass the function itself, not its name or its result. handleUpgrade() takes what one \'upgrade\' event of node:http gives, once. Functions of the testing kit name the argument that they cannot use.',
  },
  ERR_RECONNECT_OFF: {
    errCode: -20017,
    meaning: 'reconnect() was called on a client without the option reconnect: create it with reconnect: true.',
  },
  ERR_NOT_IN_BROWSER: {
    errCode: -20020,
    meaning:
      'A page or a worker of a browser used a name of 4d-websocket that exists in Node.js only, such as WebSocketServer: the message says why.',
  },
  ERR_TOPICS_OFF: {
    errCode: -20021,
    meaning:
      'Topics were used where they are off: the server needs the option topics, the client the option topics: true, and the server must have chosen the subprotocol 4d-topics.1.',
  },
  ERR_INVALID_TOPIC: {
    errCode: -20022,
    meaning:
      'The name of a topic is not 1 to 256 bytes of UTF-8, has a control character or one of * # >, or begins with @, which only the library uses. The message says which.',
  },
  ERR_TOPIC_REFUSED: {
    errCode: -20023,
    meaning: 'The server refused a subscription, publication, request or history: the message has its code and words.',
  },
  ERR_BROKER_DOWN: {
    errCode: -20024,
    meaning: 'The broker of the topics is away, and did not come back within the time of the outbox: see stored.',
  },
  ERR_BROKER_FULL: { errCode: -20025, meaning: 'The broker of the topics has no memory left: nothing was stored.' },
  ERR_BROKER_UNSUPPORTED: {
    errCode: -20026,
    meaning: 'The broker of the topics cannot do this: the message says what, and which broker can.',
  },
  ERR_OUTBOX_FULL: {
    errCode: -20027,
    meaning:
      'More messages wait for the broker of the topics than the outbox may hold, because it is away or slow: nothing was stored.',
  },
  ERR_PUBLISH_UNKNOWN: {
    errCode: -20028,
    meaning:
      'The server did not answer a publication of this client in time: the message may have been stored, or not. Publish it again with an idempotencyKey.',
  },
  ERR_REQUEST_TIMEOUT: {
    errCode: -20029,
    meaning: 'The server did not answer request() in time: its onRequest may have run.',
  },
  ERR_BROKER_MISCONFIGURED: {
    errCode: -20030,
    meaning:
      'The broker of the topics can only be used when its settings, or the options that it was given, are changed: the message says which. Wrong passwords and versions that are too old are among them.',
  },
  ERR_THROWN: {
    errCode: -1,
    meaning:
      'User code threw a value, or called throwError(code, text). errCode is the code that it passed, that of a FourDError that it threw, else -1.',
  },
} as const;

/** The stable name of an error: `error.code`. */
export type ErrorCode = keyof typeof errorTable;

/** Who found the error, as 4D names it: `"HTTP"` the server side, `"HTCL"` the client side, `"host"` user code. */
export type ComponentSignature = 'HTTP' | 'HTCL' | 'host';

/**
 * Why a connection ended: `'local'` this program called `terminate`; `'aborted'` the option `signal` was aborted;
 * `'shutdown'` the server was terminated; `'drain'` the server was drained; `'worker'` the worker that owns the
 * connection was killed; `'expired'` `expiresAt` was reached; `'callback'` a callback failed; `'peer-closed'` the peer
 * sent the first close frame; `'peer-ended'` the peer ended TCP without a close frame; `'peer-reset'` TCP was reset or
 * lost; `'timeout'` the peer did not answer a close frame, or a handshake, in time; `'heartbeat'` the peer was silent,
 * even after a ping; `'protocol'` the peer broke a rule of the protocol or sent invalid data; `'limit'` a limit was
 * exceeded; `'connect'` the server or the proxy cannot be reached; `'refused'` the server or the proxy refused the
 * client; `'invalid'` a URL, handler or option cannot be used.
 */
export type EndCause =
  | 'local'
  | 'aborted'
  | 'shutdown'
  | 'drain'
  | 'worker'
  | 'expired'
  | 'callback'
  | 'peer-closed'
  | 'peer-ended'
  | 'peer-reset'
  | 'timeout'
  | 'heartbeat'
  | 'protocol'
  | 'limit'
  | 'connect'
  | 'refused'
  | 'invalid';

/**
 * The phase that a connection was in when its end began: `'preparing'` arguments were checked, or a client waited for
 * its next attempt; `'resolving'` DNS; `'connecting'` TCP, or a Unix socket; `'proxy'` the exchange with the proxy;
 * `'tls'` the TLS handshake; `'handshake'` the HTTP request of the upgrade and its answer; `'open'`; `'closing'` a
 * close frame was sent, and the closing handshake did not complete.
 */
export type EndPhase = 'preparing' | 'resolving' | 'connecting' | 'proxy' | 'tls' | 'handshake' | 'open' | 'closing';

/** One item of an error stack, as `event.errors` and `lastErrors()` show it. */
export interface ErrorItem {
  readonly errCode: number;
  readonly message: string;
  readonly componentSignature: ComponentSignature;
}

/** What a schema finds wrong with a message. */
export interface MessageIssue {
  /** Where in the message, such as `items[3].name`; `''` for the message as a whole. */
  readonly path: string;
  /** What the schema says, on one line. It may quote the message: valibot and arktype do so. */
  readonly message: string;
}

/** What an error can carry besides its code and message. Fields that do not apply are absent. */
export interface ErrorDetails {
  readonly cause?: unknown;
  /** Why the connection ends. Default: the cause that {@link errorTable} names for the code. */
  readonly endCause?: EndCause;
  /** The phase that the connection is in, where the code that makes the error knows it. */
  readonly phase?: EndPhase;
  /** Overrides the number of the table (only for `ERR_THROWN`). */
  readonly errCode?: number;
  readonly componentSignature?: ComponentSignature;
  /** Who broke the rule: `'remote'` the peer or the network, `'local'` the calling program. */
  readonly side?: 'local' | 'remote';
  /** The limit that was exceeded, in the unit that the name of the limit gives. */
  readonly limit?: number;
  /** The figure that was seen: what exceeded the limit, or the reply code of a SOCKS proxy. */
  readonly observed?: number;
  /** What the schema found wrong with a message. */
  readonly issues?: readonly MessageIssue[];
  /** Whether a message that could not be published was stored. */
  readonly stored?: 'no' | 'unknown';
  /** The HTTP answer of a server that refused the handshake. */
  readonly httpStatus?: number;
  readonly httpHeaders?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The first 64 KiB of the body of that answer. */
  readonly httpBody?: Uint8Array;
}

/** All errors that this copy of the library has made. */
const ownErrors = new WeakSet<object>();

/**
 * The one error class of the library.
 *
 * @remarks Compare `code` (a stable name) or `errCode` (a number, as in 4D), not the message. Messages hold figures and
 * names, never message payloads or secrets of this program; that of `ERR_HANDSHAKE_REFUSED` shows a line of the server's
 * answer.
 */
export class FourDError extends Error {
  override readonly name = 'FourDError';
  readonly code: ErrorCode;
  readonly errCode: number;
  readonly componentSignature: ComponentSignature;
  readonly side: 'local' | 'remote';
  /** Why the connection ended; absent for errors that end no connection. */
  declare readonly endCause?: EndCause;
  /** The phase that the connection was in; absent for errors that end no connection. */
  declare readonly phase?: EndPhase;
  declare readonly limit?: number;
  declare readonly observed?: number;
  /** What the schema found wrong with a message, at most 8 issues. Not enumerable: a log of the error does not show it. */
  declare readonly issues?: readonly MessageIssue[];
  /** Whether a message that could not be published was stored: `'unknown'` when nobody can tell. */
  declare readonly stored?: 'no' | 'unknown';
  declare readonly httpStatus?: number;
  declare readonly httpHeaders?: Readonly<Record<string, string | readonly string[] | undefined>>;
  declare readonly httpBody?: Uint8Array;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    // A stack trace of what a peer did helps nobody, and capturing it is a tenth of the cost of a short connection.
    const { stackTraceLimit } = Error;
    if (details.side === 'remote') setStackTraceLimit(0);
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    if (details.side === 'remote') setStackTraceLimit(stackTraceLimit);
    ownErrors.add(this);
    this.code = code;
    this.errCode = details.errCode ?? errorTable[code].errCode;
    this.componentSignature = details.componentSignature ?? 'host';
    this.side = details.side ?? 'local';
    const endCause = details.endCause ?? rowOf(code).cause;
    if (endCause !== undefined) this.endCause = endCause;
    if (details.phase !== undefined) this.phase = details.phase;
    if (details.limit !== undefined) this.limit = details.limit;
    if (details.observed !== undefined) this.observed = details.observed;
    if (details.issues !== undefined) Object.defineProperty(this, 'issues', { value: details.issues });
    if (details.stored !== undefined) this.stored = details.stored;
    if (details.httpStatus !== undefined) this.httpStatus = details.httpStatus;
    if (details.httpHeaders !== undefined) this.httpHeaders = details.httpHeaders;
    if (details.httpBody !== undefined) this.httpBody = details.httpBody;
  }

  /** The close code of a connection that ends with this error, 1006 (nothing is sent) when the error has none. */
  get closeCode(): number {
    return rowOf(this.code).closeCode ?? 1006;
  }

  /** This error as 4D code expects it in `event.errors`. */
  get item(): ErrorItem {
    return { errCode: this.errCode, message: this.message, componentSignature: this.componentSignature };
  }
}

/** Tells whether a value is an error of the library. Unlike `instanceof`, it runs no code of the value: never throws. */
export function isFourDError(value: unknown): value is FourDError {
  return typeof value === 'object' && value !== null && ownErrors.has(value);
}

/** Does nothing where the program has frozen `Error`: an assignment would throw. */
function setStackTraceLimit(limit: number): void {
  Reflect.set(Error, 'stackTraceLimit', limit);
}

function rowOf(code: ErrorCode): ErrorRow {
  return errorTable[code];
}

/** Adds the phase and the cause to an error that was made without them. Values that the error has already stay. */
export function withEnding(error: FourDError, phase: EndPhase, endCause: EndCause | undefined): FourDError {
  try {
    const known = { phase: error.phase ?? phase, endCause: error.endCause ?? endCause };
    return Object.assign(error, known.endCause === undefined ? { phase: known.phase } : known);
  } catch {
    // An error that user code has thrown may be frozen, or have getters that throw.
    return error;
  }
}

/**
 * Builds the `ERR_CALLBACK_FAILED` of a callback that threw or rejected, with what was thrown as its cause.
 *
 * @param where - names the callback in the message
 */
export function callbackFailed(where: string, thrown: unknown): FourDError {
  return new FourDError('ERR_CALLBACK_FAILED', `${where} failed: ${textOfThrown(thrown)}`, { cause: thrown });
}

/**
 * Builds the `ERR_THROWN` of user code that belongs to no socket, with what was thrown as its cause. It has the errCode
 * of a FourDError that was thrown, else -1.
 *
 * @param where - names the code in the message
 */
export function codeFailed(where: string, thrown: unknown): FourDError {
  const { errCode, message, componentSignature } = itemOfThrown(thrown);
  return new FourDError('ERR_THROWN', `${where} failed: ${message}`, { errCode, componentSignature, cause: thrown });
}

/**
 * Describes whatever user code threw as an item of an error stack. Never throws, although touching the value may.
 *
 * @remarks An error of this library may have been frozen, extended or overridden before it was thrown.
 */
export function itemOfThrown(thrown: unknown): ErrorItem {
  const message = textOfThrown(thrown);
  try {
    if (isFourDError(thrown)) {
      const { errCode, componentSignature } = thrown;
      if (Number.isFinite(errCode)) return { errCode, message, componentSignature };
    }
  } catch {
    // What cannot be read is described as any other value.
  }
  return { errCode: errorTable.ERR_THROWN.errCode, message, componentSignature: 'host' };
}

/** Returns the message of whatever user code threw. Never throws, although converting an object to text may throw. */
export function textOfThrown(thrown: unknown): string {
  // The promise of an asynchronous function that was thrown instead of awaited: nobody else hears of its rejection.
  ignoreRejection(thrown);
  try {
    if (!(thrown instanceof Error)) return String(thrown);
    const { message } = thrown as { readonly message: unknown };
    ignoreRejection(message);
    return String(message === '' ? thrown.name : message);
  } catch {
    return 'a value that cannot be shown as text';
  }
}
