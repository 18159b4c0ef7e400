import type { FrameOutput } from '../protocol/frame-output.ts';
import { MAX_HEADER_BYTES } from '../protocol/constants.ts';
import { forgetSharedMessage } from '../protocol/prepared-message.ts';
import { forgetSharedFrames, SharedFrames } from './shared-frames.ts';
import { outOfArena, WriteArena } from './write-arena.ts';
import type { Transport } from '../transport/transport.ts';

/** Least size of the buffers of a batch whose transport is blocked. Who wants more gets a buffer of its own, too. */
const OWN_BUFFER_BYTES = 16_384;
/** Size of buffers for the pieces of large messages: what takes long to leave would hold all slabs of a turn. */
const LARGE_BUFFER_BYTES = 65_536 + 128;
/** Large buffers kept for the next message: 4 MiB. */
const MAX_FREE_LARGE_BUFFERS = 64;
/** Shared frames above this size leave as pieces of their own; below, copying is cheaper than gathering. */
const MAX_COPIED_FRAME_BYTES = 4096;
/** A batch of this size leaves at once, so that memory does not follow the length of a turn. */
const MAX_BATCH_BYTES = 65_536;

const EMPTY = Buffer.alloc(0);

const arena = new WriteArena();
const freeLargeBuffers: Buffer[] = [];

/** Batches that have something to write at the end of this turn of the event loop. */
let dirty: WriteBatch[] = [];
let isFlushScheduled = false;

/** Writes what all batches have collected in this turn. */
function flushAll(): void {
  const batches = dirty;
  dirty = [];
  isFlushScheduled = false;
  for (const batch of batches) batch.flush();
  // Unless a flush has made somebody write again.
  if (dirty.length === 0) arena.recycle();
  forgetSharedMessage();
  forgetSharedFrames();
}

/**
 * Collects what is written to one transport and hands it over in one write at the end of the turn.
 *
 * @remarks The system call is the cost of a small message (4 to 5 microseconds), so a turn makes one per socket,
 * however many messages it sends. Waiting for `setImmediate` beat `nextTick` and microtasks with many busy sockets, and
 * cost nothing with a single one. While the transport is blocked the batch keeps collecting.
 */
export class WriteBatch implements FrameOutput {
  readonly #transport: Transport;
  /** Finished pieces, in front of what is in {@link buffer}. Undefined when there are none, as in an idle connection. */
  #pieces: Buffer[] | undefined;
  #pieceBytes = 0;
  /** Small frames that other batches share, as long as there is nothing else but {@link #pieces} in front of them. */
  #run: SharedFrames | undefined;
  /** The slab of this turn, or a buffer of our own while the transport is blocked. */
  #buffer: Buffer = EMPTY;
  #isSlab = false;
  /** Some of the pieces are parts of slabs. */
  #hasSlabPieces = false;
  /** The part of the buffer that is written and not yet among the pieces. */
  #start = 0;
  #end = 0;
  #bytesWritten = 0;
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
    return this.#collectedBytes + this.#transport.bufferedBytes;
  }

  /** Bytes that were handed to the transport so far. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  reserve(byteCount: number): number {
    if (this.#run !== undefined) this.#copyRun();
    this.#makeRoom(byteCount);
    return this.#end;
  }

  commit(byteCount: number): void {
    this.#advance(byteCount);
    this.#onGrown();
  }

  append(bytes: Buffer): void {
    this.#finishPiece();
    this.#addPiece(bytes);
    this.#onGrown();
  }

  appendShared(frame: Buffer): void {
    if (frame.length > MAX_COPIED_FRAME_BYTES) {
      this.append(frame);
    } else if (this.#run !== undefined) {
      this.#run = this.#run.append(frame);
      this.#onGrown();
    } else if (this.#end === this.#start) {
      this.#run = SharedFrames.first(frame);
      this.#onGrown();
    } else {
      const offset = this.reserve(frame.length);
      frame.copy(this.#buffer, offset);
      this.commit(frame.length);
    }
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
    if (this.#isClosed) return;
    if (this.#transport.isBlocked) {
      this.#leaveSlab();
      return;
    }
    if (this.#collectedBytes > 0) this.#write();
    if (this.#endsAfterFlush) {
      this.#endsAfterFlush = false;
      this.#transport.end();
    }
  }

  #write(): void {
    const buffer = this.#buffer;
    this.#finishPiece();
    this.#bytesWritten += this.#pieceBytes;
    // What waits behind something else may wait for long, a few bytes at a time: it must not hold a slab each time.
    if (this.#transport.bufferedBytes > 0) this.#copyOutOfSlabs();
    const hasLeft = this.#transport.write(this.#pieces ?? []);
    if (this.#hasSlabPieces && !hasLeft) arena.retainTurn();
    this.#clear();
    if (hasLeft && buffer.length === LARGE_BUFFER_BYTES && freeLargeBuffers.length < MAX_FREE_LARGE_BUFFERS) {
      freeLargeBuffers.push(buffer);
    }
  }

  get #collectedBytes(): number {
    return this.#pieceBytes + this.#end - this.#start + (this.#run?.byteCount ?? 0);
  }

  #onGrown(): void {
    if (this.#isClosed) this.#clear();
    else if (this.#collectedBytes < MAX_BATCH_BYTES) this.#schedule();
    else if (!this.#transport.isBlocked) this.#write();
    // A piece for each frame would cost many times its bytes, and the event loop half a second when the peer takes them.
    else if (this.#run !== undefined && this.#run.byteCount >= MAX_BATCH_BYTES) this.#finishRun();
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
    if (this.#run !== undefined) this.#finishRun();
    if (this.#end === this.#start) return;
    this.#addPiece(this.#buffer.subarray(this.#start, this.#end));
    this.#start = this.#end;
    if (this.#isSlab) this.#hasSlabPieces = true;
  }

  /** Puts the shared frames together, before there are too many for that. */
  #finishRun(): void {
    const run = this.#run;
    this.#run = undefined;
    if (run !== undefined) this.#addPiece(run.bytes);
  }

  #addPiece(piece: Buffer): void {
    if (this.#pieces === undefined) this.#pieces = [piece];
    else this.#pieces.push(piece);
    this.#pieceBytes += piece.length;
  }

  /** What follows is not shared: the frames go in front of it, into the same buffer. */
  #copyRun(): void {
    const { bytes } = this.#run as SharedFrames;
    if (bytes.length > MAX_COPIED_FRAME_BYTES) {
      this.#finishRun();
      return;
    }
    this.#run = undefined;
    this.#makeRoom(bytes.length);
    this.#advance(bytes.copy(this.#buffer, this.#end));
  }

  #makeRoom(byteCount: number): void {
    const hasRoom = this.#isSlab
      ? arena.isLast(this.#buffer, this.#end, byteCount)
      : this.#buffer.length - this.#end >= byteCount;
    if (hasRoom) return;
    this.#finishPiece();
    this.#isSlab = byteCount <= OWN_BUFFER_BYTES + MAX_HEADER_BYTES && !this.#transport.isBlocked;
    this.#start = this.#isSlab ? arena.reserve(byteCount) : 0;
    this.#end = this.#start;
    this.#buffer = this.#isSlab ? arena.current : ownBuffer(byteCount);
  }

  #advance(byteCount: number): void {
    this.#end += byteCount;
    if (this.#isSlab) arena.commit(this.#end);
  }

  /** What has to wait longer than this turn goes to memory of its own. */
  #leaveSlab(): void {
    if (this.#isSlab) {
      this.#finishPiece();
      this.#forgetBuffer();
    }
    this.#copyOutOfSlabs();
  }

  #copyOutOfSlabs(): void {
    if (!this.#hasSlabPieces) return;
    this.#hasSlabPieces = false;
    this.#pieces = this.#pieces?.map(outOfArena);
  }

  #clear(): void {
    this.#pieces = undefined;
    this.#pieceBytes = 0;
    this.#run = undefined;
    this.#hasSlabPieces = false;
    this.#forgetBuffer();
  }

  #forgetBuffer(): void {
    this.#buffer = EMPTY;
    this.#isSlab = false;
    this.#start = 0;
    this.#end = 0;
  }
}

function ownBuffer(byteCount: number): Buffer {
  if (byteCount <= OWN_BUFFER_BYTES) return Buffer.allocUnsafeSlow(OWN_BUFFER_BYTES);
  if (byteCount > LARGE_BUFFER_BYTES) return Buffer.allocUnsafeSlow(byteCount);
  return freeLargeBuffers.pop() ?? Buffer.allocUnsafeSlow(LARGE_BUFFER_BYTES);
}
