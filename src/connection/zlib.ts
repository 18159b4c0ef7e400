import { constants, deflateRaw, deflateRawSync, inflateRaw, inflateRawSync, type ZlibOptions } from 'node:zlib';
import type { Role } from '../protocol/constants.ts';
import type { Compression, Deflater, Inflater, TransformDone } from '../protocol/compression.ts';
import type { DeflateParameters } from '../handshake/permessage-deflate.ts';
import { Queue } from '../base/queue.ts';

/** How a side compresses. */
export interface ZlibSettings {
  readonly thresholdBytes: number;
  /** zlib level, 1 (fast) to 9 (small). */
  readonly level: number;
}

/** Shorter messages are compressed at once: a round trip through the thread pool takes longer than they do. */
const MAX_SYNC_DEFLATE_BYTES = 32_768;
/** Shorter messages are inflated at once. */
const MAX_SYNC_INFLATE_BYTES = 8192;
/** One that swells beyond this begins anew in the thread pool: deflate makes a megabyte of a kilobyte. */
const MAX_SYNC_INFLATED_BYTES = 65_536;
/**
 * Longer messages under way at a time: as many as the thread pool has threads. Each holds up to 300 KB of zlib's memory
 * from beginning to end, which ten thousand at once would make 3 GB.
 */
const MAX_TRANSFORMS = 4;
/** A message is rarely in more than one deflate stream, and each costs an inflater of its own. */
const MAX_STREAMS = 64;
/** Sizes of the pieces of memory that zlib writes its result to. */
const MIN_CHUNK_BYTES = 256;
const MAX_CHUNK_BYTES = 65_536;

/** Smaller results share arena of Node. */
const MIN_OWN_BYTES = 4096;

/** What the sender dropped (RFC 7692 section 7.2.1). */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);
const EMPTY = Buffer.alloc(0);
const NOT_SMALLER = new Error('the message does not get smaller');
const WINDOW_TOO_SMALL = new Error('zlib cannot compress with a window of 256 bytes');

/**
 * Makes the compression of connections by node:zlib.
 *
 * @remarks Each message is compressed in one shot, with a window no larger than the message needs, and nothing of zlib is
 * held between messages. Without context takeover all connections share one object. With it, a connection holds the last
 * bytes of each direction, at most 2^windowBits, which zlib takes as its dictionary: the wire cannot tell that from a
 * compressor that went on.
 */
export class CompressionFactory {
  readonly #role: Role;
  readonly #settings: ZlibSettings;
  /** What works without context takeover, by its window bits. */
  readonly #deflaters = new Map<number, Deflater>();
  readonly #inflaters = new Map<number, Inflater>();
  /** The two together, by the window bits of both. */
  readonly #compressions = new Map<number, Compression>();

  constructor(role: Role, settings: ZlibSettings) {
    this.#role = role;
    this.#settings = settings;
  }

  /** The compression of a connection for which this was agreed. */
  create(agreed: DeflateParameters): Compression {
    const { thresholdBytes, level } = this.#settings;
    const server = { bits: agreed.serverMaxWindowBits, isContextFree: agreed.serverNoContextTakeover };
    const client = { bits: agreed.clientMaxWindowBits, isContextFree: agreed.clientNoContextTakeover };
    const [out, back] = this.#role === 'server' ? [server, client] : [client, server];
    const isShared = out.isContextFree && back.isContextFree;
    const make = (): Compression => ({
      isShared,
      thresholdBytes,
      deflater: out.isContextFree
        ? shared(this.#deflaters, out.bits, () => new ZlibDeflater(out.bits, level, undefined))
        : new ZlibDeflater(out.bits, level, new History(out.bits)),
      inflater: back.isContextFree
        ? shared(this.#inflaters, back.bits, () => new ZlibInflater(back.bits, undefined))
        : new ZlibInflater(back.bits, new History(back.bits)),
    });
    return isShared ? shared(this.#compressions, out.bits * 16 + back.bits, make) : make();
  }
}

function shared<T>(known: Map<number, T>, key: number, make: () => T): T {
  const result = known.get(key) ?? make();
  known.set(key, result);
  return result;
}

/** The last bytes of a direction with context takeover. */
class History {
  /** Not to be kept: it changes with the next message. */
  bytes: Buffer = EMPTY;
  readonly #size: number;

  constructor(windowBits: number) {
    this.#size = 2 ** windowBits;
  }

  add(payload: Buffer): void {
    const before = this.bytes;
    const length = Math.min(this.#size, before.length + payload.length);
    const added = Math.min(length, payload.length);
    const kept = length - added;
    // Memory of its own: a slice would hold that of a large message, or of a pool.
    if (length > before.length) this.bytes = Buffer.allocUnsafeSlow(length);
    before.copy(this.bytes, 0, before.length - kept);
    payload.copy(this.bytes, kept, payload.length - added);
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
    const seenBytes = payload.length + (history?.bytes.length ?? 0);
    // 262: zlib does not look back as far as the window reaches.
    const windowBits = Math.min(this.#windowBits, Math.max(9, Math.ceil(Math.log2(seenBytes + 262))));
    const options: ZlibOptions = {
      level: this.#level,
      windowBits,
      // The hash table that fits the window: zlib's own defaults are 15 and 8.
      memLevel: Math.min(8, windowBits - 6),
      ...commonOptions(payload.length, history),
    };
    const finish: TransformDone = (error, result) => {
      if (error !== undefined) done(error, EMPTY);
      else if (result.length - TAIL.length >= payload.length) done(NOT_SMALLER, EMPTY);
      else {
        history?.add(payload);
        done(undefined, result.subarray(0, -TAIL.length));
      }
    };
    if (payload.length <= MAX_SYNC_DEFLATE_BYTES) runNow(() => deflateRawSync(payload, options), finish, EMPTY);
    else runInPool<Buffer>((callback) => deflateRaw(payload, options, callback), finish, EMPTY);
  }
}

/** What zlib gives for the option `info`, of which Node's types do not know. */
interface Inflated {
  readonly buffer: Buffer;
  /** `bytesWritten` are the bytes that were taken from the input. */
  readonly engine: { readonly bytesWritten: number };
}

const NOTHING_INFLATED: Inflated = { buffer: EMPTY, engine: { bytesWritten: 0 } };

class ZlibInflater implements Inflater {
  readonly #windowBits: number;
  readonly #history: History | undefined;

  constructor(windowBits: number, history: History | undefined) {
    this.#windowBits = windowBits;
    this.#history = history;
  }

  inflate(compressed: Buffer, maxBytes: number, done: TransformDone): void {
    this.#inflateStreams(Buffer.concat([compressed, TAIL]), this.#history, [], maxBytes, done);
  }

  /**
   * Inflates the stream that `input` begins with, and those behind it: a block with BFINAL ends a stream, but not the
   * message (RFC 7692 sections 7.2.1 and 7.2.3.4).
   *
   * @param before - results of the streams in front
   * @param maxBytes - what is left of the limit
   */
  #inflateStreams(
    input: Buffer,
    history: History | undefined,
    before: readonly Buffer[],
    maxBytes: number,
    done: TransformDone,
  ): void {
    // zlib does not take 0.
    const maxOutputLength = Math.max(1, maxBytes);
    const options = {
      windowBits: this.#windowBits,
      info: true,
      maxOutputLength,
      ...commonOptions(input.length * 4, history),
    };
    const finish = (error: Error | undefined, { buffer, engine }: Inflated): void => {
      const leftBytes = maxBytes - buffer.length;
      if (error !== undefined) {
        done(error, EMPTY);
      } else if (leftBytes < 0) {
        done(new RangeError('longer than the limit'), EMPTY);
      } else if (engine.bytesWritten >= input.length) {
        history?.add(buffer);
        done(undefined, before.length === 0 ? ownMemory(buffer) : Buffer.concat([...before, buffer]));
      } else if (before.length === MAX_STREAMS) {
        done(new Error(`more than ${MAX_STREAMS} final blocks`), EMPTY);
      } else {
        // The window goes on within a message in any case.
        const window = history ?? new History(this.#windowBits);
        window.add(buffer);
        this.#inflateStreams(input.subarray(engine.bytesWritten), window, [...before, buffer], leftBytes, done);
      }
    };
    const inflateInPool = (): void =>
      runInPool<Inflated>(
        (callback) => inflateRaw(input, options, callback as unknown as Parameters<typeof inflateRaw>[2]),
        finish,
        NOTHING_INFLATED,
      );
    if (input.length > MAX_SYNC_INFLATE_BYTES) {
      inflateInPool();
      return;
    }
    const syncOptions = { ...options, maxOutputLength: Math.min(maxOutputLength, MAX_SYNC_INFLATED_BYTES) };
    runNow(
      () => inflateRawSync(input, syncOptions) as unknown as Inflated,
      (error, result) => {
        if (error instanceof RangeError && maxBytes > MAX_SYNC_INFLATED_BYTES) inflateInPool();
        else finish(error, result);
      },
      NOTHING_INFLATED,
    );
  }
}

/** @param expectedBytes - how long the result may become: a guess */
function commonOptions(expectedBytes: number, history: History | undefined): ZlibOptions {
  return {
    chunkSize: Math.min(MAX_CHUNK_BYTES, Math.max(MIN_CHUNK_BYTES, expectedBytes)),
    finishFlush: constants.Z_SYNC_FLUSH,
    ...(history !== undefined && history.bytes.length > 0 && { dictionary: history.bytes }),
  };
}

/** A short result must not hold the memory of a long guess. */
function ownMemory(result: Buffer): Buffer {
  if (result.length * 2 >= result.buffer.byteLength) return result;
  // Node 24 cuts what is below 32 KiB out of arena of 64 KiB.
  const own = result.length < MIN_OWN_BYTES ? Buffer.allocUnsafe(result.length) : Buffer.allocUnsafeSlow(result.length);
  result.copy(own);
  return own;
}

/** Runs a transform at once. `done` is outside the try, so that what it throws is not taken for an error of zlib. */
function runNow<T>(transform: () => T, done: (error: Error | undefined, result: T) => void, nothing: T): void {
  let result = nothing;
  let error: Error | undefined;
  try {
    result = transform();
  } catch (thrown) {
    error = thrown as Error;
  }
  done(error, result);
}

/** Transforms that wait for one of those in the thread pool to end. */
const waiting = new Queue<() => void>();
let runningTransforms = 0;

/** Runs a transform in the thread pool, as soon as there is room. */
function runInPool<T>(
  transform: (callback: (error: Error | null, result: T) => void) => void,
  done: (error: Error | undefined, result: T) => void,
  nothing: T,
): void {
  const start = (): void => {
    runningTransforms++;
    transform((error, result) => {
      runningTransforms--;
      waiting.shift()?.();
      done(error ?? undefined, error === null ? result : nothing);
    });
  };
  if (runningTransforms < MAX_TRANSFORMS) start();
  else waiting.push(start);
}
