import { constants, deflateRaw, deflateRawSync, inflateRaw, inflateRawSync, type ZlibOptions } from 'node:zlib';
import type { Role } from '../protocol/constants.ts';
import {
  type Compression,
  type Deflater,
  type Inflater,
  NOT_COMPRESSED,
  type TransformDone,
} from '../protocol/compression.ts';
import type { DeflateParameters } from '../handshake/permessage-deflate.ts';
import { Queue } from '../base/queue.ts';
import { History } from './history.ts';
import { lenientBudget, LenientInflater } from './lenient-inflater.ts';

/** How a side compresses. */
export interface ZlibSettings {
  readonly thresholdBytes: number;
  /** zlib level, 1 (fast) to 9 (small). */
  readonly level: number;
}

/** Messages up to this size are compressed synchronously: a round trip through the thread pool takes longer. */
const MAX_SYNC_DEFLATE_BYTES = 32_768;
/** Messages up to this compressed size are inflated synchronously. */
const MAX_SYNC_INFLATE_BYTES = 8192;
/** Synchronous inflating stops at this size and starts over in the thread pool: 1 KB of deflate can become 1 MB. */
const MAX_SYNC_INFLATED_BYTES = 65_536;
/**
 * Most messages in the thread pool at a time: as many as the pool has threads. Each holds up to 300 KB of zlib's memory
 * until it is done, so ten thousand at once would hold 3 GB.
 */
const MAX_TRANSFORMS = 4;
/** Most deflate streams in one message. A message rarely has more than one, and each costs an inflater of its own. */
const MAX_STREAMS = 64;
/** Smallest and largest size of the chunks that zlib writes its result to. */
const MIN_CHUNK_BYTES = 256;
const MAX_CHUNK_BYTES = 65_536;

/** Shorter results come from Node's buffer pool. */
const MIN_UNPOOLED_BYTES = 4096;

/** The end of each message, which the sender does not send (RFC 7692 section 7.2.1). */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);
const EMPTY = Buffer.alloc(0);

/**
 * Creates the compression of connections with node:zlib.
 *
 * @remarks Each message is compressed in one shot, with a window no larger than the message needs, and no zlib object
 * is kept between messages. Without context takeover all connections share one compression. With context takeover, a
 * connection keeps the last bytes of each direction, at most 2^windowBits, and passes them to zlib as the dictionary of
 * the next message: the peer cannot tell the result from that of a compressor that kept its state.
 */
export class CompressionFactory {
  readonly #role: Role;
  readonly #settings: ZlibSettings;
  /** Deflaters and inflaters without context takeover, by window bits. */
  readonly #deflaters = new Map<number, Deflater>();
  readonly #inflaters = new Map<number, Inflater>();
  /** Compressions without context takeover in either direction, by the window bits of both. */
  readonly #compressions = new Map<number, Compression>();
  /** The same for peers that may disobey. Each connection has an inflater of its own. */
  readonly #lenientCompressions = new Map<number, Compression>();

  constructor(role: Role, settings: ZlibSettings) {
    this.#role = role;
    this.#settings = settings;
  }

  /**
   * Creates the compression of a connection from the parameters that the handshake agreed on.
   *
   * @param mayDisobey - whether the peer may keep its context although the parameters forbid it
   */
  create(agreed: DeflateParameters, mayDisobey = false): Compression {
    const { thresholdBytes, level } = this.#settings;
    const server = { bits: agreed.serverMaxWindowBits, isContextFree: agreed.serverNoContextTakeover };
    const client = { bits: agreed.clientMaxWindowBits, isContextFree: agreed.clientNoContextTakeover };
    const [outgoing, incoming] = this.#role === 'server' ? [server, client] : [client, server];
    const isLenient = mayDisobey && incoming.isContextFree;
    const deflater = outgoing.isContextFree
      ? getOrCreate(this.#deflaters, outgoing.bits, () => new ZlibDeflater(outgoing.bits, level, undefined))
      : new ZlibDeflater(outgoing.bits, level, new History(outgoing.bits));
    const isShared = outgoing.isContextFree && incoming.isContextFree;
    const build = (): Compression => {
      if (isLenient) {
        const createInflater = (): Inflater => this.#createLenient(incoming.bits);
        return {
          isShared,
          thresholdBytes,
          deflater,
          // Most connections with compression never receive a compressed message, and need no inflater of their own.
          get inflater(): Inflater {
            return createInflater();
          },
        };
      }
      const inflater = incoming.isContextFree
        ? this.#contextFreeInflater(incoming.bits)
        : new ZlibInflater(incoming.bits, new History(incoming.bits));
      return { isShared, thresholdBytes, deflater, inflater };
    };
    const key = outgoing.bits * 16 + incoming.bits;
    return isShared ? getOrCreate(isLenient ? this.#lenientCompressions : this.#compressions, key, build) : build();
  }

  #contextFreeInflater(windowBits: number): Inflater {
    return getOrCreate(this.#inflaters, windowBits, () => new ZlibInflater(windowBits, undefined));
  }

  #createLenient(windowBits: number): LenientInflater {
    const history = new History(windowBits, lenientBudget);
    return new LenientInflater(this.#contextFreeInflater(windowBits), new ZlibInflater(windowBits, history), history);
  }
}

function getOrCreate<T>(known: Map<number, T>, key: number, create: () => T): T {
  const result = known.get(key) ?? create();
  known.set(key, result);
  return result;
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
      // zlib cannot compress with a window of 256 bytes.
      done(NOT_COMPRESSED, EMPTY);
      return;
    }
    const seenBytes = payload.length + (history?.bytes.length ?? 0);
    // zlib looks back 262 bytes less than the window holds.
    const windowBits = Math.min(this.#windowBits, Math.max(9, Math.ceil(Math.log2(seenBytes + 262))));
    const options: ZlibOptions = {
      level: this.#level,
      windowBits,
      // The hash table that fits the window: zlib's own defaults are 15 window bits and memLevel 8.
      memLevel: Math.min(8, windowBits - 6),
      ...commonOptions(payload.length, history),
    };
    const finish: TransformDone = (error, result) => {
      if (error !== undefined) done(error, EMPTY);
      else if (result.length - TAIL.length >= payload.length) done(NOT_COMPRESSED, EMPTY);
      else {
        report(done, () => {
          history?.add(payload);
          return result.subarray(0, -TAIL.length);
        });
      }
    };
    if (payload.length <= MAX_SYNC_DEFLATE_BYTES) runSync(() => deflateRawSync(payload, options), finish, EMPTY);
    else runInPool<Buffer>((callback) => deflateRaw(payload, options, callback), finish, EMPTY);
  }
}

/** The result of zlib with the option `info`, which Node's types lack. */
interface Inflated {
  readonly buffer: Buffer;
  /** `bytesWritten` counts the bytes of the input that zlib has used. */
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
   * Inflates the deflate stream at the beginning of `input`, and the streams behind it: a block with BFINAL ends a
   * stream, but not the message (RFC 7692 sections 7.2.1 and 7.2.3.4).
   *
   * @param earlierResults - results of the earlier streams of the message
   * @param maxBytes - bytes that are left of the limit
   */
  #inflateStreams(
    input: Buffer,
    history: History | undefined,
    earlierResults: readonly Buffer[],
    maxBytes: number,
    done: TransformDone,
  ): void {
    // zlib refuses a maxOutputLength of 0.
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
        done(new RangeError('the message is longer than the limit'), EMPTY);
      } else if (engine.bytesWritten >= input.length) {
        report(done, () => {
          history?.add(buffer);
          return earlierResults.length === 0 ? trimMemory(buffer) : Buffer.concat([...earlierResults, buffer]);
        });
      } else if (earlierResults.length === MAX_STREAMS) {
        done(new Error(`more than ${MAX_STREAMS} deflate streams in one message`), EMPTY);
      } else {
        // Within a message the window spans all streams, even without context takeover.
        const window = history ?? new History(this.#windowBits);
        window.add(buffer);
        this.#inflateStreams(input.subarray(engine.bytesWritten), window, [...earlierResults, buffer], leftBytes, done);
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
    runSync(
      () => inflateRawSync(input, syncOptions) as unknown as Inflated,
      (error, result) => {
        if (error instanceof RangeError && maxBytes > MAX_SYNC_INFLATED_BYTES) inflateInPool();
        else finish(error, result);
      },
      NOTHING_INFLATED,
    );
  }
}

/** @param expectedBytes - a guess at the length of the result */
function commonOptions(expectedBytes: number, history: History | undefined): ZlibOptions {
  return {
    chunkSize: Math.min(MAX_CHUNK_BYTES, Math.max(MIN_CHUNK_BYTES, expectedBytes)),
    finishFlush: constants.Z_SYNC_FLUSH,
    ...(history !== undefined && history.bytes.length > 0 && { dictionary: history.bytes }),
  };
}

/** Copies a result that uses less than half of its memory, because zlib allocates for the expected length. */
function trimMemory(result: Buffer): Buffer {
  if (result.length * 2 >= result.buffer.byteLength) return result;
  // The pool of Node 24 has 64 KiB and serves all buffers below 32 KiB, so longer results bypass the pool.
  const copy =
    result.length < MIN_UNPOOLED_BYTES ? Buffer.allocUnsafe(result.length) : Buffer.allocUnsafeSlow(result.length);
  result.copy(copy);
  return copy;
}

/** Reports a result that is still to be made. Memory that cannot be had for it is an error of this one transform. */
function report(done: TransformDone, make: () => Buffer): void {
  let result: Buffer = EMPTY;
  let error: Error | undefined;
  try {
    result = make();
  } catch (thrown) {
    error = thrown as Error;
  }
  done(error, result);
}

/**
 * Runs a transform synchronously. `done` runs outside of the try, so that its errors do not count as errors of zlib.
 */
function runSync<T>(transform: () => T, done: (error: Error | undefined, result: T) => void, nothing: T): void {
  let result = nothing;
  let error: Error | undefined;
  try {
    result = transform();
  } catch (thrown) {
    error = thrown as Error;
  }
  done(error, result);
}

/** Transforms that wait until one in the thread pool has ended. */
const waitingTransforms = new Queue<() => void>();
let runningTransforms = 0;

/** Runs a transform in the thread pool, once fewer than {@link MAX_TRANSFORMS} run there. */
function runInPool<T>(
  transform: (callback: (error: Error | null, result: T) => void) => void,
  done: (error: Error | undefined, result: T) => void,
  nothing: T,
): void {
  const start = (): void => {
    runningTransforms++;
    const end = (error: Error | undefined, result: T): void => {
      runningTransforms--;
      waitingTransforms.shift()?.();
      done(error, result);
    };
    try {
      transform((error, result) => end(error ?? undefined, error === null ? result : nothing));
    } catch (thrown) {
      // zlib throws when it has no memory to begin with.
      end(thrown as Error, nothing);
    }
  };
  if (runningTransforms < MAX_TRANSFORMS) start();
  else waitingTransforms.push(start);
}
