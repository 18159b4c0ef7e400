import { constants } from 'node:buffer';
import type { ComponentSignature } from '../errors.ts';
import { isToken } from '../handshake/header-grammar.ts';
import type { BufferPolicy } from '../connection/connection.ts';
import {
  checkKeys,
  checkNumber,
  checkNumbers,
  COUNT,
  DURATION,
  invalidOption,
  type NumberRange,
} from './option-checks.ts';

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

/** Options with every default filled in. Frozen. */
export type CheckedOptions = Readonly<
  Required<{ [K in Exclude<keyof CommonOptions, 'compression'>]: Exclude<CommonOptions[K], undefined> }>
> & { readonly compression: CheckedCompression | undefined };

type NumberOption = Exclude<keyof CommonOptions, 'protocols' | 'compression' | 'bufferPolicy'>;

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

const BUFFER_POLICIES: readonly BufferPolicy[] = ['close', 'drop-newest', 'drop-oldest'];

/** Names of the options that clients and servers share. */
export const COMMON_KEYS: readonly (keyof CommonOptions)[] = [
  ...(Object.keys(NUMBERS) as NumberOption[]),
  'bufferPolicy',
  'compression',
  'protocols',
];

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

/**
 * What was checked last. A program opens many clients alike, and they share what each would hold for as long as it lives:
 * 1.2 KB.
 */
let last: CheckedOptions | undefined;

/**
 * Checks the options that clients and servers share, and fills in the defaults.
 *
 * @param keys - all that this side knows
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkCommon(
  options: CommonOptions,
  keys: ReadonlySet<string>,
  component: ComponentSignature,
): CheckedOptions {
  checkKeys(options, keys, component);
  const numbers = checkNumbers(options, NUMBERS, component);
  const protocols = options.protocols ?? [];
  if (!Array.isArray(protocols) || !protocols.every((protocol) => typeof protocol === 'string' && isToken(protocol))) {
    throw invalidOption('protocols must be an array of HTTP tokens', component);
  }
  if (new Set(protocols).size < protocols.length) throw invalidOption('protocols holds a name twice', component);
  const compression = checkCompression(options.compression, component);
  const { bufferPolicy = 'close' } = options;
  if (!BUFFER_POLICIES.includes(bufferPolicy)) {
    throw invalidOption(`bufferPolicy must be one of ${BUFFER_POLICIES.join(', ')}`, component);
  }
  const checked: CheckedOptions = { ...numbers, bufferPolicy, compression, protocols };
  if (last === undefined || !isSame(checked, last)) {
    last = Object.freeze({ ...checked, protocols: Object.freeze([...protocols]) });
  }
  return last;
}

/** Never with subprotocols: those are an array. */
function isSame(one: CheckedOptions, other: CheckedOptions): boolean {
  if (one.protocols.length > 0 || other.protocols.length > 0) return false;
  return COMMON_KEYS.every((key) => key === 'protocols' || one[key] === other[key]);
}

/**
 * Checks the option `compression` and fills in the defaults.
 *
 * @returns undefined when it is off
 * @throws FourDError `ERR_INVALID_OPTION`
 */
function checkCompression(value: unknown, component: ComponentSignature): CheckedCompression | undefined {
  if (value === undefined || value === false) return undefined;
  const options: unknown = value === true ? {} : value;
  if (typeof options !== 'object' || options === null) {
    throw invalidOption('compression must be true, false or an object', component);
  }
  const checked: Record<string, number | boolean> = { ...COMPRESSION_DEFAULTS };
  for (const [name, given] of Object.entries(options)) {
    if (!Object.hasOwn(COMPRESSION_DEFAULTS, name)) {
      throw invalidOption(`there is no option "compression.${name}"`, component);
    }
    if (given === undefined) continue;
    const range = COMPRESSION_RANGES[name as keyof typeof COMPRESSION_RANGES] as NumberRange | undefined;
    if (range !== undefined) checked[name] = checkNumber(`compression.${name}`, given, range, component);
    else if (typeof given === 'boolean') checked[name] = given;
    else throw invalidOption(`compression.${name} must be true or false`, component);
  }
  // zlib cannot compress raw deflate with 8, and what is announced must hold (RFC 7692 section 7.1.2).
  checked.serverMaxWindowBits = Math.max(9, checked.serverMaxWindowBits as number);
  checked.clientMaxWindowBits = Math.max(9, checked.clientMaxWindowBits as number);
  return Object.freeze(checked) as unknown as CheckedCompression;
}
