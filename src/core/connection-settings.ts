import { constants } from 'node:buffer';
import type { ConnectionOptions } from '../connection/connection.ts';
import { LIMIT_DEFAULTS, type LimitName } from '../connection/limit-defaults.ts';
import type { Compression } from '../protocol/compression.ts';
import type { Role } from '../protocol/constants.ts';
import { checkFlag, checkNumbers, COUNT, DURATION, invalidOption, readOptions } from '../session/option-checks.ts';

/** What many connections have in common. Limits are whole numbers; Infinity sets no limit. */
export interface ConnectionSettingsOptions {
  /** `'server'` for the end that was connected to: it reads masked frames and writes unmasked ones. */
  readonly role: Role;
  /** Whether texts arrive as strings. Default true: else as bytes, which have been checked to be UTF-8. */
  readonly decodesText?: boolean | undefined;
  /** Whether pings are answered. Default true: else the listener sends the pongs. */
  readonly answersPings?: boolean | undefined;
  /**
   * Whether messages are reported that arrive after `close()`, until the peer has answered. Default false: they are
   * dropped unread.
   */
  readonly readsWhileClosing?: boolean | undefined;
  /** Whether the answer to the close frame of the peer repeats its reason too. Default false: only its code. */
  readonly repeatsReason?: boolean | undefined;
  /** Longest time in milliseconds for the peer to answer a close frame, and to end TCP. Default 10 000. */
  readonly closeTimeoutMs?: number | undefined;
  /** Silence of the peer in milliseconds after which a ping is sent. Default 25 000. */
  readonly pingIntervalMs?: number | undefined;
  /** Time in milliseconds to answer a ping with any bytes; then the connection ends with `ERR_HEARTBEAT`. Default 20 000. */
  readonly pongTimeoutMs?: number | undefined;
  /** Longest time in milliseconds for 16 KiB of a message, or for the rest of it. Default 30 000. */
  readonly incompleteMessageTimeoutMs?: number | undefined;
  /** Longest message in bytes. Default 1 048 576. Longer ones end the connection with 1009. */
  readonly maxMessageBytes?: number | undefined;
  /** Most frames of one message. Default 1 024. More end the connection with 1008. */
  readonly maxFragments?: number | undefined;
  /** Most bytes that may wait to be sent. Default 16 777 216. A send that finds more ends the connection with 1013. */
  readonly maxBufferedBytes?: number | undefined;
  /** Most pings and pongs of the peer in a second. Default 60. More end the connection with 1008. */
  readonly maxControlFramesPerSecond?: number | undefined;
  /** Most messages of the peer in a second. Default Infinity. More end the connection with 1008. */
  readonly maxMessagesPerSecond?: number | undefined;
  /** Most bytes of the peer in a second. Default Infinity. More end the connection with 1008. */
  readonly maxBytesPerSecond?: number | undefined;
}

const LIMIT_NAMES = Object.keys(LIMIT_DEFAULTS) as LimitName[];

const RANGES = Object.fromEntries(
  LIMIT_NAMES.map((name) => [name, { default: LIMIT_DEFAULTS[name], ...(name.endsWith('Ms') ? DURATION : COUNT) }]),
) as unknown as Readonly<Record<LimitName, { readonly default: number; readonly min: number; readonly max: number }>>;

const FLAGS = ['decodesText', 'answersPings', 'readsWhileClosing', 'repeatsReason'] as const;

const KEYS: ReadonlySet<string> = new Set(['role', ...FLAGS, ...LIMIT_NAMES]);

/**
 * What many connections have in common, checked once. Make one for a server, not one for each of its connections.
 *
 * @throws FourDError `ERR_INVALID_OPTION` when an option is unknown, has the wrong type or is out of range
 */
export class ConnectionSettings {
  /** @internal */
  readonly options: ConnectionOptions;
  /** The options of connections with a compression that many share. */
  readonly #compressed = new Map<Compression, ConnectionOptions>();

  constructor(options: ConnectionSettingsOptions) {
    const given = readOptions(options, KEYS, 'host');
    if (given.role !== 'server' && given.role !== 'client') {
      throw invalidOption('role must be "server" or "client"', 'host');
    }
    const component = given.role === 'server' ? 'HTTP' : 'HTCL';
    for (const flag of FLAGS) checkFlag(flag, given[flag], component);
    const { decodesText = true, answersPings = true, readsWhileClosing = false, repeatsReason = false } = given;
    const numbers = checkNumbers(given, RANGES, component);
    this.options = {
      ...numbers,
      // A message cannot be longer than the longest string of this JavaScript engine.
      maxMessageBytes: Math.min(numbers.maxMessageBytes, constants.MAX_STRING_LENGTH),
      role: given.role,
      decodesText,
      answersPings,
      readsWhileClosing,
      repeatsReason,
      bufferPolicy: 'close',
    };
  }

  /** Returns the options of a connection with this compression. @internal */
  optionsWith(compression: Compression | undefined): ConnectionOptions {
    if (compression === undefined) return this.options;
    const known = this.#compressed.get(compression);
    if (known !== undefined) return known;
    const options = { ...this.options, compression };
    if (compression.isShared) this.#compressed.set(compression, options);
    return options;
  }
}
