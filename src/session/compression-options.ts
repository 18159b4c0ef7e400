import type { ComponentSignature } from '../errors.ts';
import { checkNumber, invalidOption, type NumberRange } from './option-checks.ts';

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
 * Checks the option `compression` and fills in the defaults.
 *
 * @returns undefined when it is off
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkCompression(value: unknown, component: ComponentSignature): CheckedCompression | undefined {
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
