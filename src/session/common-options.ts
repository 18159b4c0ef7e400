import { constants } from 'node:buffer';
import type { ComponentSignature } from '../errors.ts';
import { isToken } from '../handshake/header-grammar.ts';
import type { BufferPolicy } from '../connection/connection.ts';
import { LIMIT_DEFAULTS } from '../connection/limit-defaults.ts';
import type { DataType } from './message-types.ts';
import { FOREIGN_OPTIONS } from './foreign-names.ts';
import {
  checkFlag,
  checkNumber,
  checkNumbers,
  COUNT,
  DURATION,
  invalidOption,
  type NumberRange,
  readList,
  readOptions,
} from './option-checks.ts';

/** How messages are compressed. Client and server both state what they want, and agree on the stricter of both. */
export interface CompressionOptions {
  /** Messages shorter than this many bytes (for text: UTF-16 units) are sent uncompressed. Default 1 024. */
  readonly thresholdBytes?: number | undefined;
  /** zlib level: 1 is fastest, 9 compresses most. Default 3. */
  readonly level?: number | undefined;
  /**
   * Whether the server compresses each message on its own. Default true: no memory per connection, and a broadcast is
   * compressed once. `false` makes small similar messages smaller, and takes up to 2^serverMaxWindowBits bytes of
   * memory per connection.
   */
  readonly serverNoContextTakeover?: boolean | undefined;
  /**
   * Whether the client compresses each message on its own. Default true. See serverNoContextTakeover. A server also reads
   * clients that do not obey, within limits.
   */
  readonly clientNoContextTakeover?: boolean | undefined;
  /** Largest window of the server's compressor, 8 to 15: 2^8 to 2^15 bytes. Default 15. zlib uses 9 for 8. */
  readonly serverMaxWindowBits?: number | undefined;
  /** Largest window of the client's compressor, 8 to 15. Default 15. zlib uses 9 for 8. */
  readonly clientMaxWindowBits?: number | undefined;
}

/** Compression options with every default filled in. */
export type CheckedCompression = Readonly<
  Required<{ [K in keyof CompressionOptions]: Exclude<CompressionOptions[K], undefined> }>
>;

/** Options that clients and servers share. Limits hold for each connection. */
export interface CommonOptions {
  /**
   * Longest opening handshake in milliseconds, on the server including an asynchronous `onConnection`. Default 10 000;
   * Infinity waits forever, which lets slow peers hold sockets. On a `WebServer` the time bounds the wait for the request
   * too, where the shortest time of its WebSocket servers counts; on servers of Node `headersTimeout` does.
   */
  readonly handshakeTimeoutMs?: number | undefined;
  /**
   * How long in milliseconds a peer may take to answer a close frame, and to end TCP afterwards. Default 10 000.
   * Infinity waits forever, which lets dead peers hold sockets.
   */
  readonly closeTimeoutMs?: number | undefined;
  /**
   * Time in milliseconds without bytes from the peer after which a ping is sent. Default 25 000; Infinity turns the
   * heartbeat off. The heartbeat finds peers that vanished (a cut cable, a sleeping laptop), and keeps proxies from
   * dropping idle connections.
   */
  readonly pingIntervalMs?: number | undefined;
  /**
   * How long in milliseconds a peer may stay silent after a ping; then the connection ends with ERR_HEARTBEAT, 1006.
   * Default 20 000. Any bytes count as an answer. Within the same time a slow peer must also read what was sent before
   * the ping. Infinity waits forever: pings are sent, but dead peers are not found.
   */
  readonly pongTimeoutMs?: number | undefined;
  /**
   * Most pings and pongs that a peer may send in a second; more end the connection with 1008. Default 60. Pongs that
   * answer a ping of this side do not count. Stops peers that make this program work and answer without ever sending a
   * message.
   */
  readonly maxControlFramesPerSecond?: number | undefined;
  /**
   * How long in milliseconds a peer may take for 16 KiB of a message, or for the rest of a message or frame; then the
   * connection ends with 1008. Default 30 000. The time begins anew with every 16 KiB, so that a slow but steady upload
   * arrives. Stops peers that hold memory with messages that they begin and never finish.
   */
  readonly incompleteMessageTimeoutMs?: number | undefined;
  /**
   * Most messages that a peer may send in a second (a token bucket of that size); more end the connection with 1008.
   * Default Infinity. Stops peers that keep this program busy.
   */
  readonly maxMessagesPerSecond?: number | undefined;
  /**
   * Most bytes that a peer may send in a second, counted as they arrive; more end the connection with 1008. Default
   * Infinity. A large message arrives at once: do not set the limit below the longest message that you expect.
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
   * Bytes that may wait to be sent to a peer that does not read. A send that finds more waiting ends the connection
   * with 1013. Default 16 777 216.
   */
  readonly maxBufferedBytes?: number | undefined;
  /**
   * What happens to a message that finds `maxBufferedBytes` waiting. `'close'` (default) ends the connection with 1013;
   * `'drop-newest'` drops this message; `'drop-oldest'` drops the oldest waiting messages that were sent as
   * `droppable`, and ends the connection with 1013 when none is left to drop. The result of `send` tells what happened.
   * Control frames are never dropped.
   */
  readonly bufferPolicy?: BufferPolicy | undefined;
  /**
   * Whether the bytes of a message are only lent to `onMessage`, with `dataType` `"blob"` or `"auto"`. Default false: they belong to
   * your program for ever. With `true` they are valid **until the callback returns**, an asynchronous one until its first
   * `await`: afterwards the same memory holds other messages, also those of other connections. Saves the memory of each
   * message, and up to a fifth of the processor time of one of 16 to 200 KiB.
   *
   * Danger: a callback that keeps `event.data`, or a view of it, reads or passes on what other clients sent. Copy what you
   * keep: `Uint8Array.from(event.data)`. `send` and `broadcast` copy by themselves. `'poison'` shows such mistakes while
   * you develop: the bytes are lent in the same way, and become 0xDB when the callback has returned.
   */
  readonly borrowed?: boolean | 'poison' | undefined;
  /**
   * Compression of messages (permessage-deflate, RFC 7692) where the peer agrees. Default false. `true` takes the
   * defaults of {@link CompressionOptions}. Compression costs time for each message. An attacker who chooses the text
   * that is sent beside a secret can guess the secret from the sizes (CRIME, BREACH): leave compression off for such
   * messages.
   */
  readonly compression?: boolean | CompressionOptions | undefined;
  /**
   * Subprotocols in order of preference. Default none. A server takes the first that the client offers too, and refuses
   * with 400 when the client offers only others.
   */
  readonly protocols?: readonly string[] | undefined;
  /**
   * Whether `process.emitWarning` tells of callbacks with a name that this library never calls, such as `onClose` or
   * `onmessage`: once for each class of handlers, once in a process for plain objects, 10 times at most. Default true.
   */
  readonly warnings?: boolean | undefined;
}

/** Options with every default filled in. Frozen. */
export type CheckedOptions = Readonly<
  Required<{ [K in Exclude<keyof CommonOptions, 'compression'>]: Exclude<CommonOptions[K], undefined> }>
> & { readonly compression: CheckedCompression | undefined };

type NumberOption = Exclude<
  keyof CommonOptions,
  'protocols' | 'compression' | 'bufferPolicy' | 'borrowed' | 'warnings'
>;

/** Default and range of each number. A message cannot be longer than the longest string of this JavaScript engine. */
const NUMBERS: Readonly<Record<NumberOption, NumberRange>> = {
  handshakeTimeoutMs: { default: 10_000, ...DURATION },
  closeTimeoutMs: { default: LIMIT_DEFAULTS.closeTimeoutMs, ...DURATION },
  pingIntervalMs: { default: LIMIT_DEFAULTS.pingIntervalMs, ...DURATION },
  pongTimeoutMs: { default: LIMIT_DEFAULTS.pongTimeoutMs, ...DURATION },
  incompleteMessageTimeoutMs: { default: LIMIT_DEFAULTS.incompleteMessageTimeoutMs, ...DURATION },
  maxMessageBytes: { default: LIMIT_DEFAULTS.maxMessageBytes, min: 1, max: constants.MAX_STRING_LENGTH },
  maxFragments: { default: LIMIT_DEFAULTS.maxFragments, ...COUNT },
  maxWaitingMessages: { default: 16, ...COUNT },
  maxBufferedBytes: { default: LIMIT_DEFAULTS.maxBufferedBytes, ...COUNT },
  maxControlFramesPerSecond: { default: LIMIT_DEFAULTS.maxControlFramesPerSecond, ...COUNT },
  maxMessagesPerSecond: { default: LIMIT_DEFAULTS.maxMessagesPerSecond, ...COUNT },
  maxBytesPerSecond: { default: LIMIT_DEFAULTS.maxBytesPerSecond, ...COUNT },
};

const BUFFER_POLICIES: readonly BufferPolicy[] = ['close', 'drop-newest', 'drop-oldest'];

/** Names of the options that clients and servers share. */
export const COMMON_KEYS: readonly (keyof CommonOptions)[] = [
  ...(Object.keys(NUMBERS) as NumberOption[]),
  'bufferPolicy',
  'borrowed',
  'compression',
  'protocols',
  'warnings',
];

const COMPRESSION_DEFAULTS: CheckedCompression = {
  thresholdBytes: 1024,
  level: 3,
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};

const COMPRESSION_KEYS: ReadonlySet<string> = new Set(Object.keys(COMPRESSION_DEFAULTS));

const WINDOW_BITS = { default: 15, min: 8, max: 15 } as const;

const COMPRESSION_RANGES = {
  thresholdBytes: { default: COMPRESSION_DEFAULTS.thresholdBytes, min: 0, max: Infinity },
  level: { default: COMPRESSION_DEFAULTS.level, min: 1, max: 9 },
  serverMaxWindowBits: WINDOW_BITS,
  clientMaxWindowBits: WINDOW_BITS,
} as const;

/**
 * The options that were checked last. Clients that are opened with the same options share one object, which saves 1.2
 * KB for each of them.
 */
let lastChecked: CheckedOptions | undefined;
/** The same options as they were given: undefined when one of them is an object, which may change. */
let lastGiven: CommonOptions | undefined;

/**
 * Checks the options that clients and servers share, and fills in the defaults.
 *
 * @param options - as {@link readOptions} returns them
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkCommon(options: CommonOptions, component: ComponentSignature): CheckedOptions {
  if (lastChecked !== undefined && lastGiven !== undefined && isRepeated(options, lastGiven)) return lastChecked;
  const numbers = checkNumbers(options, NUMBERS, component);
  const protocols = readList('protocols', options.protocols ?? [], component);
  if (protocols?.every(isProtocol) !== true) {
    throw invalidOption("protocols must be an array of HTTP tokens, such as ['chat']", component);
  }
  if (new Set(protocols).size < protocols.length)
    throw invalidOption('protocols must not hold a name twice', component);
  const compression = checkCompression(options.compression, component);
  const { bufferPolicy = 'close' } = options;
  if (!BUFFER_POLICIES.includes(bufferPolicy)) {
    throw invalidOption(`bufferPolicy must be one of ${BUFFER_POLICIES.join(', ')}`, component);
  }
  const { borrowed = false } = options;
  if (borrowed !== true && borrowed !== false && borrowed !== 'poison') {
    throw invalidOption('borrowed must be true, false or "poison"', component);
  }
  const warnings = checkFlag('warnings', options.warnings, component) ?? true;
  const checked: CheckedOptions = { ...numbers, bufferPolicy, borrowed, compression, protocols, warnings };
  if (lastChecked === undefined || !isSame(checked, lastChecked)) {
    lastChecked = Object.freeze({ ...checked, protocols: Object.freeze([...protocols]) });
  }
  lastGiven = toRepeatable(options);
  return lastChecked;
}

function isRepeated(options: CommonOptions, given: CommonOptions): boolean {
  return COMMON_KEYS.every((key) => options[key] === given[key]);
}

function toRepeatable(options: CommonOptions): CommonOptions | undefined {
  const given = Object.fromEntries(COMMON_KEYS.map((key) => [key, options[key]]));
  return Object.values(given).some((value) => typeof value === 'object') ? undefined : given;
}

/**
 * Checks that messages can be lent in the form in which they arrive.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkBorrowed({ borrowed }: CheckedOptions, dataType: DataType, component: ComponentSignature): void {
  if (borrowed === false || dataType === 'blob' || dataType === 'auto') return;
  const form = dataType === 'text' ? 'a string' : 'an object';
  throw invalidOption(
    `borrowed needs dataType "blob" or "auto": with "${dataType}" a message is ${form}, which has no bytes to lend`,
    component,
  );
}

function isProtocol(value: unknown): value is string {
  return typeof value === 'string' && isToken(value);
}

/** Tells whether two sets of options are the same. Options with subprotocols, which are arrays, count as different. */
function isSame(one: CheckedOptions, other: CheckedOptions): boolean {
  if (one.protocols.length > 0 || other.protocols.length > 0) return false;
  return COMMON_KEYS.every((key) => key === 'protocols' || one[key] === other[key]);
}

/**
 * Checks the option `compression` and fills in the defaults.
 *
 * @returns undefined when compression is off
 * @throws FourDError `ERR_INVALID_OPTION`
 */
function checkCompression(value: unknown, component: ComponentSignature): CheckedCompression | undefined {
  if (value === undefined || value === false) return undefined;
  const given: unknown = value === true ? {} : value;
  if (typeof given !== 'object' || given === null) {
    throw invalidOption('compression must be true, false or an object', component);
  }
  const options = readOptions(given, COMPRESSION_KEYS, component, {
    prefix: 'compression.',
    foreign: FOREIGN_OPTIONS.compression,
  });
  const checked: Record<string, number | boolean> = { ...COMPRESSION_DEFAULTS };
  for (const [name, option] of Object.entries(options) as [string, unknown][]) {
    const range = COMPRESSION_RANGES[name as keyof typeof COMPRESSION_RANGES] as NumberRange | undefined;
    if (range !== undefined) checked[name] = checkNumber(`compression.${name}`, option, range, component);
    else checked[name] = checkFlag(`compression.${name}`, option, component) as boolean;
  }
  // zlib cannot compress raw deflate with 8 window bits, and the announced size must hold (RFC 7692 section 7.1.2).
  checked.serverMaxWindowBits = Math.max(9, checked.serverMaxWindowBits as number);
  checked.clientMaxWindowBits = Math.max(9, checked.clientMaxWindowBits as number);
  return Object.freeze(checked) as unknown as CheckedCompression;
}
