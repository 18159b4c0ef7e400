import { constants } from 'node:buffer';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { type ComponentSignature, FourDError } from '../errors.ts';
import { incompleteBudget } from '../protocol/incomplete-budget.ts';
import type { BufferPolicy } from '../transport/driver.ts';
import type { UpgradableServer } from '../transport/upgrade.ts';
import { BEARER_PREFIX } from './bearer-token.ts';
import { isToken } from '../protocol/header-grammar.ts';
import { type DataType, isDataType } from './data-type.ts';
import { OriginRule, type Origins } from './origins.ts';
import type { ReconnectOptions } from './reconnect-options.ts';
import { TrustedProxies } from './trusted-proxies.ts';
import { WebServer } from './web-server.ts';

/** Options that clients and servers share. Limits hold for each connection. */
export interface CommonOptions {
  /**
   * Longest opening handshake in milliseconds, on the server including an asynchronous `onConnection`. Default 10 000;
   * Infinity waits forever, which lets slow peers hold sockets.
   */
  readonly handshakeTimeoutMs?: number | undefined;
  /**
   * How long in milliseconds a peer may take to answer a close frame, and to end TCP afterwards. Default 10 000.
   * Infinity waits forever, which lets dead peers hold sockets.
   */
  readonly closeTimeoutMs?: number | undefined;
  /**
   * Silence of the peer in milliseconds after which it is pinged. Default 25 000; Infinity turns the heartbeat off. Finds
   * peers that vanished without a word (a cut cable, a sleeping laptop), and keeps proxies from dropping quiet connections.
   */
  readonly pingIntervalMs?: number | undefined;
  /**
   * How long in milliseconds a peer may stay silent after a ping; then the connection ends with ERR_HEARTBEAT, 1006.
   * Default 20 000. Any bytes count as an answer. A slow peer has that time to take what was sent in front of the ping too.
   * Infinity waits forever: pings are sent, and nobody is found dead.
   */
  readonly pongTimeoutMs?: number | undefined;
  /**
   * Most pings and pongs that a peer may send in a second; more end the connection with 1008. Default 60. Stops peers
   * that make this end work and answer without ever sending a message.
   */
  readonly maxControlFramesPerSecond?: number | undefined;
  /**
   * How long in milliseconds a message, or a frame, may have come in part only; then the connection ends with 1008.
   * Default 30 000. Stops peers that begin messages and never finish them, to hold memory. Raise it where peers send large
   * messages over slow lines.
   */
  readonly incompleteMessageTimeoutMs?: number | undefined;
  /**
   * Most messages that a peer may send in a second (a token bucket of that size); more end the connection with 1008.
   * Default Infinity. Stops peers that keep this end busy.
   */
  readonly maxMessagesPerSecond?: number | undefined;
  /**
   * Most bytes that a peer may send in a second, counted as they arrive; more end the connection with 1008. Default
   * Infinity. A large message comes in one go: do not set it below the longest one that you expect.
   */
  readonly maxBytesPerSecond?: number | undefined;
  /**
   * Longest message in bytes that is accepted; longer ones end the connection with 1009 before any of it is stored.
   * Default 1 048 576. Memory per connection can reach this figure: do not raise it further than your peers need.
   */
  readonly maxMessageBytes?: number | undefined;
  /**
   * Most frames of one message; more end the connection with 1008. Default 1 024. Stops peers that send endless tiny
   * fragments.
   */
  readonly maxFragments?: number | undefined;
  /**
   * Events that may wait behind an asynchronous callback before reading from the peer pauses. Default 16. The peer then
   * slows down, and memory stays flat.
   */
  readonly maxWaitingMessages?: number | undefined;
  /**
   * Bytes that may wait to be sent to a peer that does not read. A send that finds more waiting ends the connection with
   * 1013. Default 16 777 216.
   */
  readonly maxBufferedBytes?: number | undefined;
  /**
   * What happens to a message that finds `maxBufferedBytes` waiting. `'close'` (default) ends the connection with 1013;
   * `'drop-newest'` drops this message; `'drop-oldest'` drops the oldest waiting messages that were sent as `droppable`, and
   * closes with 1013 when there is none. `send` tells. Control frames are never dropped.
   */
  readonly bufferPolicy?: BufferPolicy | undefined;
  /**
   * Compression of messages (permessage-deflate, RFC 7692) where the peer agrees. Default false. `true` takes the
   * defaults of {@link CompressionOptions}. It costs time for each message, and a secret that is sent beside text which
   * an attacker chooses can be guessed from the sizes (CRIME, BREACH): leave it off for such messages.
   */
  readonly compression?: boolean | CompressionOptions | undefined;
  /**
   * Subprotocols in order of preference. Default none. A server takes the first that the client offers too, and refuses
   * with 400 when the client offers only others.
   */
  readonly protocols?: readonly string[] | undefined;
}

/** How messages are compressed. Each side names what it wants; the stricter of both is agreed on. */
export interface CompressionOptions {
  /** Messages shorter than this many bytes (of text: UTF-16 units) are sent as they are. Default 1 024. */
  readonly thresholdBytes?: number | undefined;
  /** zlib level: 1 is fast, 9 small. Default 3. */
  readonly level?: number | undefined;
  /**
   * Whether the server compresses each message on its own. Default true: no memory per connection, and a broadcast is
   * compressed once. `false` makes small similar messages smaller, for up to 2^serverMaxWindowBits bytes per connection.
   */
  readonly serverNoContextTakeover?: boolean | undefined;
  /** Whether the client compresses each message on its own. Default true. As above. */
  readonly clientNoContextTakeover?: boolean | undefined;
  /** Largest window of the server's compressor, 8 to 15: 2^8 to 2^15 bytes. Default 15. zlib makes 9 of 8. */
  readonly serverMaxWindowBits?: number | undefined;
  /** Largest window of the client's compressor, 8 to 15. Default 15. zlib makes 9 of 8. */
  readonly clientMaxWindowBits?: number | undefined;
}

/** Compression options with every default filled in. */
export type CheckedCompression = Readonly<
  Required<{ [K in keyof CompressionOptions]: Exclude<CompressionOptions[K], undefined> }>
>;

/** Options of a client. */
export interface WebSocketOptions extends CommonOptions {
  /**
   * TLS options of Node (`ca`, `cert`, `key`, `rejectUnauthorized`, …) for `wss:`. Default: the certificates that Node
   * trusts. Turning `rejectUnauthorized` off lets anyone in between read and change everything.
   */
  readonly tls?: TlsOptions | undefined;
  /**
   * Whether to connect again when the connection is lost. Default false. `true` takes the defaults of
   * {@link ReconnectOptions}. The first connection is not repeated. What was sent and had not arrived when the connection
   * broke is lost: only your own protocol can tell.
   */
  readonly reconnect?: boolean | ReconnectOptions | undefined;
  /**
   * Ends the socket when it is aborted. Before onOpen connecting fails with `ERR_ABORTED`; afterwards it is as
   * `terminate()`: code 1000, no error, no reconnecting. Default none.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * A proxy to go through: `http://[user:password@]host[:port]` or `https://…` (CONNECT), `socks5://…` (this program
   * resolves the host's name) or `socks5h://…` (the proxy does). `'environment'` takes `HTTPS_PROXY` for wss, `HTTP_PROXY` for
   * ws, else `ALL_PROXY`, but none for the hosts in `NO_PROXY`. Default none. With `ws:` the proxy reads and can change
   * everything; with `wss:` it sees the host's name.
   */
  readonly proxy?: string | undefined;
  /**
   * How many redirects are followed, 0 to 20. Default 0: one is a refusal as any other. Never from wss to ws. A server of
   * another origin gets none of the handler's headers, nor user and password of the URL, nor a client certificate. Whoever
   * can answer for the server chooses where this program connects to: leave it at 0 inside a network that trusts it.
   */
  readonly followRedirects?: number | undefined;
}

/** Options of a server. */
export interface WebSocketServerOptions extends CommonOptions {
  /** Path that the server answers on, compared without the query. Default: all that no other server has. */
  readonly path?: string | undefined;
  /** Form in which messages arrive. Default `"text"`. */
  readonly dataType?: DataType | undefined;
  /**
   * Pages that may connect, by their origin (`https://example.com`). Default: those of the host that they connect to, by
   * host and port. A list is complete: it names that host too. A function decides in the same turn; `'*'` lets all in.
   *
   * Stops cross-site WebSocket hijacking: a browser lets any page connect to any server, with the user's cookies. With
   * `'*'` every site that a user visits can act as that user, unless something else than cookies proves who asks. A list
   * also stops DNS rebinding, which makes a foreign page look like one of this host. Clients that send no Origin, which
   * browsers always do, are let through.
   */
  readonly origins?: Origins | undefined;
  /**
   * Addresses (`10.0.0.1`) or ranges (`10.0.0.0/8`, `fd00::/8`) of the proxies in front of the server. Default none. What
   * they say in `X-Forwarded-For` or `Forwarded` becomes `request.remoteAddress`, and their `X-Forwarded-Host` and
   * `X-Forwarded-Proto` count for `origins`.
   *
   * Stops invented addresses: a client can send these headers itself, so they count from these addresses only, and the last
   * address in them that is no proxy's is the client's. Never name a range from which clients connect directly.
   */
  readonly trustedProxies?: readonly string[] | undefined;
  /**
   * What the server hangs on: a running {@link WebServer}, or any HTTP(S) server of Node. Default: `webServer()`, the
   * default web server.
   */
  readonly webServer?: WebServer | UpgradableServer | undefined;
  /**
   * Most connections of this server, those that wait for `onConnection` included; further clients are refused with 503.
   * Default Infinity. Stops peers that open connections until memory or file handles run out.
   */
  readonly maxConnections?: number | undefined;
  /**
   * Most connections of one IP address (of one /64 network with IPv6, which is what one client has); further ones are
   * refused with 429. Default Infinity. Stops a single client from taking all of `maxConnections`. Behind a proxy,
   * name it in `trustedProxies`, or all clients have its address.
   */
  readonly maxConnectionsPerAddress?: number | undefined;
  /**
   * Most clients that may wait for an asynchronous `onConnection`; further ones are refused with 503. Default Infinity.
   * Stops floods of handshakes from overloading what `onConnection` asks, such as a database.
   */
  readonly maxPendingHandshakes?: number | undefined;
}

/** Limits that hold for all connections of the process together. */
export interface GlobalLimits {
  /**
   * Most bytes of memory that messages which have come in part may take, of all connections together. Default
   * 268 435 456; Infinity sets no limit. Beyond it the connection whose message has been unfinished for longest ends with
   * 1013. Stops thousands of peers that each hold a little less than `maxMessageBytes`.
   */
  readonly maxIncompleteBytes?: number | undefined;
}

/** Options with every default filled in. Frozen. */
export type CheckedOptions = Readonly<
  Required<{ [K in Exclude<keyof CommonOptions, 'compression'>]: Exclude<CommonOptions[K], undefined> }>
> & { readonly compression: CheckedCompression | undefined };

type NumberOption = Exclude<keyof CommonOptions, 'protocols' | 'compression' | 'bufferPolicy'>;
type ServerNumberOption = 'maxConnections' | 'maxConnectionsPerAddress' | 'maxPendingHandshakes';

/** Options of a server with every default filled in. Frozen. */
export type CheckedServerOptions = CheckedOptions & Readonly<Record<ServerNumberOption, number>>;

interface NumberRange {
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

/** Durations in milliseconds; Infinity means none. */
const DURATION = { min: 1, max: Infinity } as const;

/** A count or size without an upper end; Infinity means no limit. */
const COUNT = { min: 1, max: Infinity } as const;

/** Default and range of each number; bytes are bounded by the longest string of this JavaScript engine. */
const NUMBERS: Readonly<Record<NumberOption, NumberRange>> = {
  handshakeTimeoutMs: { default: 10_000, ...DURATION },
  closeTimeoutMs: { default: 10_000, ...DURATION },
  pingIntervalMs: { default: 25_000, ...DURATION },
  pongTimeoutMs: { default: 20_000, ...DURATION },
  incompleteMessageTimeoutMs: { default: 30_000, ...DURATION },
  maxMessageBytes: { default: 1_048_576, min: 1, max: constants.MAX_STRING_LENGTH },
  maxFragments: { default: 1024, ...COUNT },
  maxWaitingMessages: { default: 16, ...COUNT },
  maxBufferedBytes: { default: 16_777_216, ...COUNT },
  maxControlFramesPerSecond: { default: 60, ...COUNT },
  maxMessagesPerSecond: { default: Infinity, ...COUNT },
  maxBytesPerSecond: { default: Infinity, ...COUNT },
};

const SERVER_NUMBERS: Readonly<Record<ServerNumberOption, NumberRange>> = {
  maxConnections: { default: Infinity, ...COUNT },
  maxConnectionsPerAddress: { default: Infinity, ...COUNT },
  maxPendingHandshakes: { default: Infinity, ...COUNT },
};

const GLOBAL_NUMBERS: Readonly<Record<keyof GlobalLimits, NumberRange>> = {
  maxIncompleteBytes: { default: incompleteBudget.limitBytes, ...COUNT },
};

const BUFFER_POLICIES: readonly BufferPolicy[] = ['close', 'drop-newest', 'drop-oldest'];

const COMPRESSION_DEFAULTS: CheckedCompression = {
  thresholdBytes: 1024,
  level: 3,
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};

const WINDOW_BITS = { default: 15, min: 8, max: 15 } as const;

const COMPRESSION_RANGES = {
  thresholdBytes: { default: COMPRESSION_DEFAULTS.thresholdBytes, min: 0, max: Infinity },
  level: { default: COMPRESSION_DEFAULTS.level, min: 1, max: 9 },
  serverMaxWindowBits: WINDOW_BITS,
  clientMaxWindowBits: WINDOW_BITS,
} as const;

const CLIENT_KEYS: ReadonlySet<string> = new Set([
  ...Object.keys(NUMBERS),
  'bufferPolicy',
  'compression',
  'protocols',
  'tls',
  'reconnect',
  'signal',
  'proxy',
  'followRedirects',
]);
const SERVER_KEYS: ReadonlySet<string> = new Set([
  ...Object.keys(NUMBERS),
  'bufferPolicy',
  ...Object.keys(SERVER_NUMBERS),
  'compression',
  'protocols',
  'path',
  'dataType',
  'origins',
  'trustedProxies',
  'webServer',
]);

/**
 * Checks the options of a client and fills in the defaults.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkClientOptions(options: WebSocketOptions): CheckedOptions {
  return checkCommon(options, CLIENT_KEYS, 'HTCL');
}

/**
 * Checks the options of a server and fills in the defaults.
 *
 * @throws FourDError `ERR_INVALID_OPTION` or `ERR_INVALID_DATA_TYPE`
 */
export function checkServerOptions(options: WebSocketServerOptions): CheckedServerOptions {
  const checked = checkCommon(options, SERVER_KEYS, 'HTTP');
  const { path, webServer } = options;
  if (path !== undefined && !(typeof path === 'string' && isPath(path))) {
    throw invalidOption('path must be a text without query or fragment', 'HTTP');
  }
  if (webServer !== undefined && !isWebServer(webServer)) {
    throw invalidOption('webServer must be a WebServer, or a server of node:http or node:https', 'HTTP');
  }
  checkDataType(options.dataType, 'HTTP');
  // It would be answered, and a token must not be.
  if (checked.protocols.some((protocol) => protocol.startsWith(BEARER_PREFIX))) {
    throw invalidOption(`protocols of a server must not begin with "${BEARER_PREFIX}": that marks a token`, 'HTTP');
  }
  void new OriginRule(options.origins);
  void new TrustedProxies(options.trustedProxies);
  return Object.freeze({ ...checked, ...checkNumbers(options, SERVER_NUMBERS, 'HTTP') });
}

/**
 * Checks limits of the process and fills in the defaults.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkGlobalLimits(limits: GlobalLimits): Readonly<Record<keyof GlobalLimits, number>> {
  checkKeys(limits, new Set(Object.keys(GLOBAL_NUMBERS)), 'host');
  return checkNumbers(limits, GLOBAL_NUMBERS, 'host');
}

/**
 * Checks a data type and fills in the default.
 *
 * @throws FourDError `ERR_INVALID_DATA_TYPE`
 */
export function checkDataType(dataType: unknown, signature: ComponentSignature): DataType {
  if (dataType === undefined) return 'text';
  if (isDataType(dataType)) return dataType;
  throw new FourDError('ERR_INVALID_DATA_TYPE', 'invalid dataType: it must be "text", "blob" or "object"', {
    componentSignature: signature,
  });
}

function checkCommon(options: CommonOptions, keys: ReadonlySet<string>, signature: ComponentSignature): CheckedOptions {
  checkKeys(options, keys, signature);
  const numbers = checkNumbers(options, NUMBERS, signature);
  const protocols = options.protocols ?? [];
  if (!Array.isArray(protocols) || !protocols.every((protocol) => typeof protocol === 'string' && isToken(protocol))) {
    throw invalidOption('protocols must be an array of HTTP tokens', signature);
  }
  if (new Set(protocols).size < protocols.length) throw invalidOption('protocols holds a name twice', signature);
  const compression = checkCompression(options.compression, signature);
  const { bufferPolicy = 'close' } = options;
  if (!BUFFER_POLICIES.includes(bufferPolicy)) {
    throw invalidOption(`bufferPolicy must be one of ${BUFFER_POLICIES.join(', ')}`, signature);
  }
  return Object.freeze({ ...numbers, bufferPolicy, compression, protocols: Object.freeze([...protocols]) });
}

function checkKeys(options: object, keys: ReadonlySet<string>, signature: ComponentSignature): void {
  if (typeof options !== 'object' || options === null) throw invalidOption('options must be an object', signature);
  const unknown = Object.keys(options).find((key) => !keys.has(key));
  if (unknown !== undefined) throw invalidOption(`there is no option "${unknown}"`, signature);
}

function checkNumbers<Name extends string>(
  options: Readonly<Partial<Record<Name, number | undefined>>>,
  ranges: Readonly<Record<Name, NumberRange>>,
  signature: ComponentSignature,
): Record<Name, number> {
  const entries = Object.entries<NumberRange>(ranges).map(([name, range]) => {
    const value = options[name as Name];
    return [name, value === undefined ? range.default : checkNumber(name, value, range, signature)];
  });
  return Object.fromEntries(entries) as Record<Name, number>;
}

function checkCompression(value: unknown, signature: ComponentSignature): CheckedCompression | undefined {
  if (value === undefined || value === false) return undefined;
  const options: unknown = value === true ? {} : value;
  if (typeof options !== 'object' || options === null) {
    throw invalidOption('compression must be true, false or an object', signature);
  }
  const checked: Record<string, number | boolean> = { ...COMPRESSION_DEFAULTS };
  for (const [name, given] of Object.entries(options)) {
    if (!Object.hasOwn(COMPRESSION_DEFAULTS, name)) {
      throw invalidOption(`there is no option "compression.${name}"`, signature);
    }
    if (given === undefined) continue;
    const range = COMPRESSION_RANGES[name as keyof typeof COMPRESSION_RANGES] as NumberRange | undefined;
    if (range !== undefined) checked[name] = checkNumber(`compression.${name}`, given, range, signature);
    else if (typeof given === 'boolean') checked[name] = given;
    else throw invalidOption(`compression.${name} must be true or false`, signature);
  }
  // zlib cannot compress raw deflate with 8, and what is announced must hold (RFC 7692 section 7.1.2).
  checked.serverMaxWindowBits = Math.max(9, checked.serverMaxWindowBits as number);
  checked.clientMaxWindowBits = Math.max(9, checked.clientMaxWindowBits as number);
  return Object.freeze(checked) as unknown as CheckedCompression;
}

/**
 * Checks that an option is a whole number within its range.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkNumber(
  name: string,
  value: unknown,
  range: Omit<NumberRange, 'default'>,
  signature: ComponentSignature,
): number {
  const isWhole = Number.isSafeInteger(value) || value === Infinity;
  if (isWhole && (value as number) >= range.min && (value as number) <= range.max) return value as number;
  const limits = range.max === Infinity ? `${range.min} or more, or Infinity` : `from ${range.min} to ${range.max}`;
  throw invalidOption(`${name} must be a whole number, ${limits}`, signature);
}

/**
 * Checks the option `signal`.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined) return undefined;
  const { aborted, addEventListener } = (signal ?? {}) as Partial<AbortSignal>;
  if (typeof aborted === 'boolean' && typeof addEventListener === 'function') return signal as AbortSignal;
  throw invalidOption('signal must be an AbortSignal', 'HTCL');
}

/** With a query or fragment no request would ever match. */
function isPath(path: string): boolean {
  return !path.includes('?') && !path.includes('#');
}

/** Tells servers from what is easily mistaken for one, such as the function of an Express application. */
function isWebServer(value: unknown): boolean {
  if (value instanceof WebServer) return true;
  if (typeof value !== 'object' || value === null) return false;
  const { on, off, listenerCount, listen } = value as Record<string, unknown>;
  return [on, off, listenerCount, listen].every((method) => typeof method === 'function');
}

function invalidOption(problem: string, componentSignature: ComponentSignature): FourDError {
  return new FourDError('ERR_INVALID_OPTION', `invalid option: ${problem}`, { componentSignature });
}
