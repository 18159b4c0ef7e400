import { constants, deflateRaw, deflateRawSync, inflateRaw, inflateRawSync, type ZlibOptions } from 'node:zlib';
import type { Role } from '../protocol/constants.ts';
import type { Compression, Deflater, Inflater, TransformDone } from '../protocol/compression.ts';
import type { DeflateParameters } from '../protocol/permessage-deflate.ts';

/** How a side compresses. */
export interface ZlibSettings {
  readonly thresholdBytes: number;
  /** zlib level, 1 (fast) to 9 (small). */
  readonly level: number;
}

/** Shorter messages are compressed at once: a round trip through the thread pool takes longer than they do. */
const MAX_SYNC_DEFLATE_BYTES = 32_768;
/** Shorter messages are inflated at once. Deflate can swell them a thousandfold, up to the limit on messages. */
const MAX_SYNC_INFLATE_BYTES = 8192;

/** What the sender dropped (RFC 7692 section 7.2.1). */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);
const EMPTY = Buffer.alloc(0);
const NOT_SMALLER = new Error('the message does not get smaller');
const WINDOW_TOO_SMALL = new Error('zlib cannot compress with a window of 256 bytes');

/**
 * Makes the compression of connections by node:zlib.
 *
 * @remarks Each message is compressed in one shot, with a window no larger than the message needs: a small message costs
 * a third of what it would with the full window, and nothing of zlib is held between messages. Without context takeover
 * all connections share one object. With it, a connection holds the last bytes of each direction, at most 2^windowBits,
 * which zlib takes as its dictionary: the wire cannot tell that from a compressor that went on.
 */
export class CompressionFactory {
  readonly #role: Role;
  readonly #settings: ZlibSettings;
  readonly #shared = new Map<number, Compression>();

  constructor(role: Role, settings: ZlibSettings) {
    this.#role = role;
    this.#settings = settings;
  }

  /** The compression of a connection for which this was agreed. */
  create(agreed: DeflateParameters): Compression {
    const isServer = this.#role === 'server';
    const deflateBits = isServer ? agreed.serverMaxWindowBits : agreed.clientMaxWindowBits;
    const inflateBits = isServer ? agreed.clientMaxWindowBits : agreed.serverMaxWindowBits;
    const deflatesAlone = isServer ? agreed.serverNoContextTakeover : agreed.clientNoContextTakeover;
    const inflatesAlone = isServer ? agreed.clientNoContextTakeover : agreed.serverNoContextTakeover;
    const key = deflatesAlone && inflatesAlone ? deflateBits * 16 + inflateBits : undefined;
    const known = key === undefined ? undefined : this.#shared.get(key);
    if (known !== undefined) return known;
    const { thresholdBytes, level } = this.#settings;
    const compression: Compression = {
      thresholdBytes,
      deflater: new ZlibDeflater(deflateBits, level, deflatesAlone ? undefined : new History(deflateBits)),
      inflater: new ZlibInflater(inflateBits, inflatesAlone ? undefined : new History(inflateBits)),
    };
    if (key !== undefined) this.#shared.set(key, compression);
    return compression;
  }
}

/** The last bytes of a direction with context takeover. */
class History {
  bytes: Buffer = EMPTY;
  readonly #size: number;

  constructor(windowBits: number) {
    this.#size = 2 ** windowBits;
  }

  add(payload: Buffer): void {
    const kept = this.#size - payload.length;
    // Copied in either case, or a small history would hold the memory of large messages.
    this.bytes =
      kept <= 0 ? Buffer.from(payload.subarray(-this.#size)) : Buffer.concat([this.bytes.subarray(-kept), payload]);
  }
}

class ZlibDeflater implements Deflater {
  readonly #windowBits: number;
  readonly #level: number;
  readonly #history: History | undefined;

  constructor(windowBits: number, level: number, history: History | undefined) {
    this.#windowBits = windowBits;
    this.#level = level;
    this.#history = history;
  }

  get isShared(): boolean {
    return this.#history === undefined;
  }

  deflate(payload: Buffer, done: TransformDone): void {
    const history = this.#history;
    if (this.#windowBits < 9) {
      done(WINDOW_TOO_SMALL, EMPTY);
      return;
    }
    const finish: TransformDone = (error, result) => {
      if (error !== undefined) done(error, EMPTY);
      else if (result.length - TAIL.length >= payload.length && payload.length > 0) done(NOT_SMALLER, EMPTY);
      else {
        history?.add(payload);
        done(undefined, result.subarray(0, -TAIL.length));
      }
    };
    const seenBytes = payload.length + (history?.bytes.length ?? 0);
    const windowBits = Math.min(this.#windowBits, Math.max(9, Math.ceil(Math.log2(seenBytes + 262))));
    const options: ZlibOptions = {
      level: this.#level,
      windowBits,
      // The hash table that fits the window: zlib's own defaults are 15 and 8.
      memLevel: Math.min(8, windowBits - 6),
      finishFlush: constants.Z_SYNC_FLUSH,
      ...(history !== undefined && history.bytes.length > 0 && { dictionary: history.bytes }),
    };
    if (payload.length > MAX_SYNC_DEFLATE_BYTES) deflateRaw(payload, options, toTransformDone(finish));
    else runNow(() => deflateRawSync(payload, options), finish);
  }
}

class ZlibInflater implements Inflater {
  readonly #windowBits: number;
  readonly #history: History | undefined;

  constructor(windowBits: number, history: History | undefined) {
    this.#windowBits = windowBits;
    this.#history = history;
  }

  inflate(compressed: Buffer, maxBytes: number, done: TransformDone): void {
    const history = this.#history;
    const finish: TransformDone = (error, result) => {
      if (error === undefined) history?.add(result);
      done(error, result);
    };
    const input = Buffer.concat([compressed, TAIL]);
    const options: ZlibOptions = {
      windowBits: this.#windowBits,
      maxOutputLength: maxBytes,
      finishFlush: constants.Z_SYNC_FLUSH,
      ...(history !== undefined && history.bytes.length > 0 && { dictionary: history.bytes }),
    };
    if (compressed.length > MAX_SYNC_INFLATE_BYTES) inflateRaw(input, options, toTransformDone(finish));
    else runNow(() => inflateRawSync(input, options), finish);
  }
}

/** Runs a transform at once. `done` is outside the try, so that what it throws is not taken for an error of zlib. */
function runNow(transform: () => Buffer, done: TransformDone): void {
  let result: Buffer = EMPTY;
  let error: Error | undefined;
  try {
    result = transform();
  } catch (thrown) {
    error = thrown as Error;
  }
  done(error, result);
}

function toTransformDone(done: TransformDone): (error: Error | null, result: Buffer) => void {
  return (error, result) => done(error ?? undefined, result);
}
