import type { Output } from '../protocol/output.ts';
import type { Transport } from './transport.ts';

/** Size of the buffers that small frames are collected in. */
const BUFFER_BYTES = 16_384 + 64;
/** Buffers kept for the next batch: a turn in which this many sockets write takes no new memory. */
const MAX_FREE_BUFFERS = 512;
/** A batch of this size leaves at once, so that memory does not follow the length of a turn. */
const MAX_BATCH_BYTES = 65_536;

const EMPTY = Buffer.alloc(0);

const freeBuffers: Buffer[] = [];

/** Batches that have something to write at the end of this turn of the event loop. */
let dirty: WriteBatch[] = [];
let isFlushScheduled = false;

/** Writes what all batches have collected in this turn. */
function flushAll(): void {
  const batches = dirty;
  dirty = [];
  isFlushScheduled = false;
  for (const batch of batches) batch.flush();
}

/**
 * Collects what is written to one transport and hands it over in one write at the end of the turn.
 *
 * @remarks The system call is the cost of a small message (4 to 5 microseconds), so a turn makes one per socket,
 * however many messages it sends. Waiting for `setImmediate` beat `nextTick` and microtasks with many busy sockets, and
 * cost nothing with a single one. While the transport is blocked the batch keeps collecting.
 */
export class WriteBatch implements Output {
  readonly #transport: Transport;
  /** Finished pieces, in front of what is in {@link buffer}. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #buffer: Buffer = EMPTY;
  /** The part of the buffer that is written and not yet among the pieces. */
  #start = 0;
  #end = 0;
  #isDirty = false;
  #isClosed = false;
  #endsAfterFlush = false;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get buffer(): Buffer {
    return this.#buffer;
  }

  get isBlocked(): boolean {
    return this.#transport.isBlocked;
  }

  /** Bytes that wait here or in the transport. */
  get bufferedBytes(): number {
    return this.#pieceBytes + this.#end - this.#start + this.#transport.bufferedBytes;
  }

  reserve(byteCount: number): number {
    if (this.#buffer.length - this.#end < byteCount) {
      this.#finishPiece();
      this.#buffer =
        byteCount <= BUFFER_BYTES
          ? (freeBuffers.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES))
          : Buffer.allocUnsafeSlow(byteCount);
      this.#start = 0;
      this.#end = 0;
    }
    return this.#end;
  }

  commit(byteCount: number): void {
    this.#end += byteCount;
    this.#onGrown();
  }

  append(bytes: Buffer): void {
    this.#finishPiece();
    this.#pieces.push(bytes);
    this.#pieceBytes += bytes.length;
    this.#onGrown();
  }

  /** Sends the end of the stream behind all that was written. */
  end(): void {
    this.#endsAfterFlush = true;
    this.#schedule();
  }

  /** Drops what was not written: the transport is gone. */
  close(): void {
    this.#isClosed = true;
    this.#clear();
  }

  /** Writes what was collected, unless the transport is blocked. */
  flush(): void {
    this.#isDirty = false;
    if (this.#isClosed || this.#transport.isBlocked) return;
    if (this.#end > this.#start || this.#pieceBytes > 0) this.#write();
    if (this.#endsAfterFlush) {
      this.#endsAfterFlush = false;
      this.#transport.end();
    }
  }

  #write(): void {
    const buffer = this.#buffer;
    this.#finishPiece();
    const pieces = this.#pieces;
    const hasLeft = this.#transport.write(pieces);
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.#buffer = EMPTY;
    this.#start = 0;
    this.#end = 0;
    if (hasLeft && buffer.length === BUFFER_BYTES && freeBuffers.length < MAX_FREE_BUFFERS) freeBuffers.push(buffer);
  }

  #onGrown(): void {
    if (this.#isClosed) this.#clear();
    else if (this.#pieceBytes + this.#end - this.#start >= MAX_BATCH_BYTES && !this.#transport.isBlocked) this.#write();
    else this.#schedule();
  }

  #schedule(): void {
    if (this.#isDirty) return;
    this.#isDirty = true;
    dirty.push(this);
    if (isFlushScheduled) return;
    isFlushScheduled = true;
    setImmediate(flushAll);
  }

  #finishPiece(): void {
    if (this.#end === this.#start) return;
    this.#pieces.push(this.#buffer.subarray(this.#start, this.#end));
    this.#pieceBytes += this.#end - this.#start;
    this.#start = this.#end;
  }

  #clear(): void {
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.#buffer = EMPTY;
    this.#start = 0;
    this.#end = 0;
  }
}
