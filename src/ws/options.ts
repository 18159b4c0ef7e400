import { constants, type ZlibOptions } from 'node:zlib';
import { type CompressionMaker, createCompression } from '../core/compression.ts';
import { ConnectionSettings, type ConnectionSettingsOptions } from '../core/connection-settings.ts';
import type { DeflateParameters } from '../handshake/permessage-deflate.ts';
import type { Role } from '../protocol/constants.ts';
import { checkNumber, invalidOption } from '../session/option-checks.ts';

/** How messages are compressed, as in ws. */
export interface PerMessageDeflateOptions {
  readonly serverNoContextTakeover?: boolean | undefined;
  readonly clientNoContextTakeover?: boolean | undefined;
  readonly serverMaxWindowBits?: number | undefined;
  readonly clientMaxWindowBits?: number | undefined;
  /** Of these only `level` has an effect: memory is chosen for each message. */
  readonly zlibDeflateOptions?: Omit<ZlibOptions, 'dictionary'> | undefined;
  readonly zlibInflateOptions?: ZlibOptions | undefined;
  /** Messages shorter than this many bytes are sent as they are. Default 1 024. */
  readonly threshold?: number | undefined;
  /** Has no effect: four messages of the process are compressed at a time. */
  readonly concurrencyLimit?: number | undefined;
}

/** Options that clients and servers share: those of ws, and limits of this library under the names that they have here. */
export interface SharedOptions {
  /** Longest message in bytes; 0 sets no limit. Default 1 048 576 (ws: 104 857 600). Longer ones end with 1009. */
  readonly maxPayload?: number | undefined;
  /** Most frames of one message; 0 sets no limit. Default 1 024 (ws: 16 384). More end with 1008. */
  readonly maxFragments?: number | undefined;
  /** Has no effect: memory follows bytes and not chunks. */
  readonly maxBufferedChunks?: number | undefined;
  /** Has no effect: while a peer does not read, only its latest ping waits for a pong. */
  readonly maxPendingAutoPongs?: number | undefined;
  /** Whether pings are answered. Default true. */
  readonly autoPong?: boolean | undefined;
  /** Whether several events may be emitted in one turn of the event loop. Default true. */
  readonly allowSynchronousEvents?: boolean | undefined;
  /** Has no effect: texts are always checked. */
  readonly skipUTF8Validation?: boolean | undefined;
  /** Time in milliseconds for the peer to answer a close frame, and to end TCP. Default 10 000 (ws: 30 000). */
  readonly closeTimeout?: number | undefined;
  readonly perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
  /** Most bytes that may wait to be sent. Default 16 777 216 (ws: no limit). More end with 1013. */
  readonly maxBufferedBytes?: number | undefined;
  /** Most pings and pongs of the peer in a second. Default 60 (ws: no limit). More end with 1008. */
  readonly maxControlFramesPerSecond?: number | undefined;
  /** Most messages of the peer in a second. Default Infinity. More end with 1008. */
  readonly maxMessagesPerSecond?: number | undefined;
  /** Most bytes of the peer in a second. Default Infinity. More end with 1008. */
  readonly maxBytesPerSecond?: number | undefined;
  /** Longest time in milliseconds for 16 KiB of a message. Default 30 000 (ws: no limit). Then it ends with 1008. */
  readonly incompleteMessageTimeoutMs?: number | undefined;
  /** Silence of the peer in milliseconds after which a ping is sent. Default Infinity: never, as in ws. */
  readonly pingIntervalMs?: number | undefined;
  /** Time in milliseconds to answer that ping with any bytes. Default 20 000 with `pingIntervalMs`. */
  readonly pongTimeoutMs?: number | undefined;
  /**
   * Whether an 'error' without a listener is thrown, and what a listener throws too, as ws does. Default false: the first
   * becomes a warning of the process, the second ends the connection with 1011.
   */
  readonly throwAsWs?: boolean | undefined;
}

/** What many WebSockets have in common. */
export interface SharedSettings {
  readonly connection: ConnectionSettings;
  /** What is offered or wanted in the handshake, undefined for no compression. */
  readonly deflate: DeflateParameters | undefined;
  readonly createCompression: CompressionMaker;
  readonly allowsSynchronousEvents: boolean;
  readonly throwsAsWs: boolean;
}

/** Limits that go by the same name in {@link ConnectionSettingsOptions}. */
const OWN_LIMITS = [
  'maxBufferedBytes',
  'maxControlFramesPerSecond',
  'maxMessagesPerSecond',
  'maxBytesPerSecond',
  'incompleteMessageTimeoutMs',
  'pingIntervalMs',
  'pongTimeoutMs',
] as const;

/** Options of zlib that would change what is sent, with the values that change nothing. */
const ZLIB_DEFAULTS: Readonly<Record<string, readonly unknown[]>> = {
  dictionary: [undefined],
  flush: [undefined, constants.Z_NO_FLUSH, constants.Z_SYNC_FLUSH],
  finishFlush: [undefined, constants.Z_SYNC_FLUSH],
  strategy: [undefined, constants.Z_DEFAULT_STRATEGY],
};

/**
 * Refuses options that this door does not have.
 *
 * @param advice - by the name of the option, what to do instead
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function refuseOptions(options: object, advice: Readonly<Record<string, string>>, role: Role): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && value !== null && value !== false && Object.hasOwn(advice, name)) {
      throw invalidOption(`${name} is not supported by 4d-websocket/ws: ${advice[name] ?? ''}`, componentOf(role));
    }
  }
}

/**
 * Reads what clients and servers share.
 *
 * @param compressesByDefault - whether compression is on without the option
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function readSharedOptions(options: SharedOptions, role: Role, compressesByDefault: boolean): SharedSettings {
  const deflateOptions = options.perMessageDeflate ?? compressesByDefault;
  const deflate = deflateOptions === false ? undefined : deflateOptions === true ? {} : deflateOptions;
  if (deflate !== undefined) refuseZlibOptions(deflate, role);
  const level = deflate?.zlibDeflateOptions?.level;
  return {
    connection: new ConnectionSettings(toConnectionSettings(options, role)),
    deflate: deflate && toParameters(deflate, role),
    createCompression: createCompression(role, {
      thresholdBytes: deflate?.threshold,
      level: level !== undefined && level > 0 ? level : undefined,
    }),
    allowsSynchronousEvents: options.allowSynchronousEvents !== false,
    throwsAsWs: options.throwAsWs === true,
  };
}

function toConnectionSettings(options: SharedOptions, role: Role): ConnectionSettingsOptions {
  const { maxPayload, maxFragments, closeTimeout, autoPong, pingIntervalMs = Infinity } = options;
  const settings: Record<string, unknown> = {
    role,
    decodesText: false,
    readsWhileClosing: true,
    repeatsReason: true,
    answersPings: autoPong !== false,
    // ws takes 0 for no limit.
    maxMessageBytes: limitOf('maxPayload', maxPayload, role),
    maxFragments: limitOf('maxFragments', maxFragments, role),
    closeTimeoutMs: closeTimeout === undefined ? undefined : limitOf('closeTimeout', closeTimeout, role),
  };
  for (const name of OWN_LIMITS) settings[name] = options[name];
  settings['pingIntervalMs'] = pingIntervalMs;
  // A ping of the program must not end a connection whose program counts pongs itself.
  if (pingIntervalMs === Infinity) settings['pongTimeoutMs'] ??= Infinity;
  return settings as unknown as ConnectionSettingsOptions;
}

function limitOf(name: string, value: number | undefined, role: Role): number | undefined {
  if (value === undefined) return undefined;
  return value === 0 ? Infinity : checkNumber(name, value, { min: 1, max: Infinity }, componentOf(role));
}

function refuseZlibOptions(
  { zlibDeflateOptions = {}, zlibInflateOptions = {} }: PerMessageDeflateOptions,
  role: Role,
): void {
  for (const options of [zlibDeflateOptions, zlibInflateOptions]) {
    for (const [name, values] of Object.entries(ZLIB_DEFAULTS)) {
      if (values.includes((options as Readonly<Record<string, unknown>>)[name])) continue;
      throw invalidOption(
        `the zlib option ${name} is not supported by 4d-websocket/ws: leave it out, only level has an effect`,
        componentOf(role),
      );
    }
  }
}

function toParameters(deflate: PerMessageDeflateOptions, role: Role): DeflateParameters {
  const bits = (name: 'serverMaxWindowBits' | 'clientMaxWindowBits'): number => {
    const value: unknown = deflate[name];
    // `true` for the client stands for the largest window.
    if (value === undefined || value === null || typeof value === 'boolean') return 15;
    // zlib cannot compress raw deflate with 8 window bits.
    return Math.max(9, checkNumber(`perMessageDeflate.${name}`, value, { min: 8, max: 15 }, componentOf(role)));
  };
  return {
    serverNoContextTakeover: deflate.serverNoContextTakeover === true,
    clientNoContextTakeover: deflate.clientNoContextTakeover === true,
    serverMaxWindowBits: bits('serverMaxWindowBits'),
    clientMaxWindowBits: bits('clientMaxWindowBits'),
  };
}

function componentOf(role: Role): 'HTTP' | 'HTCL' {
  return role === 'server' ? 'HTTP' : 'HTCL';
}
