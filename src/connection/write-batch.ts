import { setImmediate } from '../base/clock.ts';
import { runInOwnContext } from '../base/own-context.ts';
import type { FrameOutput } from '../protocol/frame-output.ts';
import { MAX_HEADER_BYTES } from '../protocol/constants.ts';
import { forgetSharedMessage } from '../protocol/prepared-message.ts';
import { givePieceBack, takePiece } from '../protocol/send-memory.ts';
import { BorrowedFrame } from './borrowed-frame.ts';
import { forgetSharedFrames, SharedFrames } from './shared-frames.ts';
import { copyOutOfArena, WriteArena } from './write-arena.ts';
import type { Transport } from '../transport/transport.ts';

/** Size of a buffer outside of the arena, which a batch takes while its transport is blocked. */
const BUFFER_BYTES = 16_384;
/** Longer shared frames are written as pieces of their own; copying a shorter one is cheaper than one more piece. */
const MAX_COPIED_FRAME_BYTES = 4096;
/** Pieces of large frames that are copied and handed to the transport in one write. */
const MAX_PIECES_PER_WRITE = 16;
/** A batch of this size is written at once, so that a long turn does not collect ever more memory. */
const MAX_BATCH_BYTES = 65_536;

const EMPTY = Buffer.alloc(0);

const arena = new WriteArena();

/** Batches to flush at the end of this turn of the event loop. */
let dirtyBatches: WriteBatch[] = [];
let isFlushScheduled = false;

/** Writes all that was collected in this turn so far. */
export function flushWrites(): void {
  const batches = dirtyBatches;
  dirtyBatches = [];
  isFlushScheduled = false;
  for (const batch of batches) batch.flush();
  // A flush may have led to new writes into the arena: then the slabs are still in use.
  if (dirtyBatches.length === 0) arena.recycle();
  forgetSharedMessage();
  forgetSharedFrames();
}

function scheduleFlush(): void {
  setImmediate(flushWrites);
}

// No immediate runs after process.exit(): what was sent in the same turn is handed to the kernel here, as far as it takes it.
process.on('exit', flushWrites);

/** Hears that a batch cannot send what it was given. */
export interface WriteBatchListener {
  /** The transport is blocked at the end of a turn in which something was written. */
  onBlocked(): void;
  /**
   * The memory of a large message is gone. The batch has dropped the message, and all that was written behind it.
   *
   * @param hasBegun - whether a part of its frame was handed to the transport, so that no other frame can follow
   */
  onMessageDetached(hasBegun: boolean): void;
}

/**
 * Collects what is written to one transport and hands it over in one write at the end of the turn.
 *
 * @remarks The system call is the cost of a small message (4 to 5 microseconds), so a turn makes one system call per
 * socket, however many messages it sends. Waiting for `setImmediate` beat `nextTick` and microtasks with many busy
 * sockets, and cost nothing with a single one. While the transport is blocked the batch keeps collecting.
 */
export class WriteBatch implements FrameOutput {
  readonly #transport: Transport;
  readonly #listener: WriteBatchListener;
  /**
   * Finished pieces, which leave before the content of {@link buffer}. Undefined for none, as in an idle connection.
   */
  #pieces: (Buffer | BorrowedFrame)[] | undefined;
  #pieceBytes = 0;
  /** The pieces whose memory goes back when they have been sent. */
  #reusedPieces: Buffer[] | undefined;
  /** Pieces that the transport was given, and still reads from. */
  #unsentPieces: Buffer[] | undefined;
  /** Whether some of the pieces are {@link BorrowedFrame}s. */
  #hasBorrowedFrames = false;
  /** Small frames that other batches share. They follow {@link #pieces}; {@link buffer} holds nothing meanwhile. */
  #sharedFrames: SharedFrames | undefined;
  /** A slab of the arena, or a buffer of this batch alone. */
  #buffer: Buffer = EMPTY;
  /** Whether {@link buffer} is a slab. */
  #isSlab = false;
  /** Whether some of the pieces are parts of slabs. */
  #hasSlabPieces = false;
  /** From here to {@link #endOffset}, the buffer holds bytes that are not among the pieces yet. */
  #startOffset = 0;
  #endOffset = 0;
  #bytesWritten = 0;
  #isDirty = false;
  #isClosed = false;
  #endsAfterFlush = false;

  constructor(transport: Transport, listener: WriteBatchListener) {
    this.#transport = transport;
    this.#listener = listener;
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

  /** Bytes that were written to the batch so far. Only while it is not closed. */
  get acceptedBytes(): number {
    return this.#bytesWritten + this.#collectedBytes;
  }

  /** Bytes that were handed to the transport so far. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  reserve(byteCount: number): number {
    if (this.#sharedFrames !== undefined) this.#copySharedFrames();
    this.#ensureRoom(byteCount);
    return this.#endOffset;
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

  appendPieces(pieces: readonly Buffer[]): void {
    this.#finishPiece();
    for (const piece of pieces) this.#addPiece(piece);
    if (this.#reusedPieces === undefined) this.#reusedPieces = [...pieces];
    else this.#reusedPieces.push(...pieces);
    this.#onGrown();
  }

  appendBorrowed(header: Buffer, payload: Buffer): void {
    this.#finishPiece();
    const frame = new BorrowedFrame(header, payload);
    this.#pieces ??= [];
    this.#pieces.push(frame);
    this.#pieceBytes += frame.remainingBytes;
    this.#hasBorrowedFrames = true;
    this.#onGrown();
  }

  appendShared(frame: Buffer): void {
    if (frame.length > MAX_COPIED_FRAME_BYTES) {
      this.append(frame);
    } else if (this.#sharedFrames !== undefined) {
      this.#sharedFrames = this.#sharedFrames.append(frame);
      this.#onGrown();
    } else if (this.#endOffset === this.#startOffset) {
      this.#sharedFrames = SharedFrames.first(frame);
      this.#onGrown();
    } else {
      const offset = this.reserve(frame.length);
      frame.copy(this.#buffer, offset);
      this.commit(frame.length);
    }
  }

  /** Ends the stream behind all that was written. */
  end(): void {
    this.#endsAfterFlush = true;
    this.#schedule();
  }

  /** Drops what was collected, because the transport is gone. */
  close(): void {
    this.#isClosed = true;
    this.#clear();
  }

  /** Writes what was collected, unless the transport is blocked. */
  flush(): void {
    this.#isDirty = false;
    if (this.#isClosed) return;
    if (this.#transport.isBlocked) {
      this.#moveOutOfSlabs();
      this.#listener.onBlocked();
      return;
    }
    if (this.#collectedBytes > 0) this.#write();
    // A large frame may wait for the transport, and the end of the stream behind it.
    if (this.#endsAfterFlush && this.#collectedBytes === 0) {
      this.#endsAfterFlush = false;
      this.#transport.end();
    }
  }

  /** Takes note that the transport has sent all that it was given, and writes what was collected. */
  onWritable(): void {
    this.#giveBack([]);
    this.flush();
  }

  #write(): void {
    this.#finishPiece();
    if (this.#hasBorrowedFrames) {
      this.#writeBorrowed();
      return;
    }
    this.#bytesWritten += this.#pieceBytes;
    // Bytes behind a full transport may wait for long: as parts of slabs, a few of them would keep a whole slab each
    // time.
    if (this.#transport.bufferedBytes > 0) this.#copyOutOfSlabs();
    this.#transport.write((this.#pieces ?? []) as Buffer[]);
    if (this.#hasSlabPieces && this.#transport.writtenMemory !== 'free') arena.retainTurn();
    if (this.#reusedPieces !== undefined) this.#giveBack(this.#reusedPieces);
    this.#clear();
    if (this.#transport.isBlocked) this.#schedule();
  }

  /** Writes pieces among which are borrowed frames, until the transport is blocked. */
  #writeBorrowed(): void {
    // Pieces behind a borrowed frame may wait for long.
    this.#moveOutOfSlabs();
    const pieces = this.#pieces as (Buffer | BorrowedFrame)[];
    let next = 0;
    while (next < pieces.length && !this.#transport.isBlocked && !this.#isClosed) {
      const ready: Buffer[] = [];
      const copies: Buffer[] = [];
      let detached: BorrowedFrame | undefined;
      while (next < pieces.length && copies.length < MAX_PIECES_PER_WRITE) {
        const piece = pieces[next] as Buffer | BorrowedFrame;
        if (piece instanceof BorrowedFrame) {
          detached = piece.isIntact ? undefined : piece;
          if (detached !== undefined) break;
          const copy = takePiece();
          copies.push(copy);
          ready.push(copy.subarray(0, piece.copyNext(copy)));
          if (piece.remainingBytes > 0) continue;
        } else ready.push(piece);
        next++;
      }
      if (ready.length > 0) this.#hand(ready, copies);
      if (detached !== undefined) {
        this.#clear();
        this.#listener.onMessageDetached(detached.hasBegun);
        return;
      }
    }
    if (next === pieces.length) {
      if (this.#reusedPieces !== undefined) this.#giveBack(this.#reusedPieces);
      this.#clear();
    } else pieces.splice(0, next);
    if (this.#transport.isBlocked) this.#schedule();
  }

  #hand(pieces: readonly Buffer[], copies: readonly Buffer[]): void {
    let byteCount = 0;
    for (const { length } of pieces) byteCount += length;
    this.#bytesWritten += byteCount;
    this.#pieceBytes -= byteCount;
    this.#transport.write(pieces);
    this.#giveBack(copies);
  }

  /** Gives the memory of pieces that were written back: now, or when the transport has sent all that it was given. */
  #giveBack(pieces: readonly Buffer[]): void {
    const { writtenMemory } = this.#transport;
    if (writtenMemory === 'in use') {
      if (this.#unsentPieces === undefined) this.#unsentPieces = [...pieces];
      else this.#unsentPieces.push(...pieces);
    } else if (writtenMemory === 'free') {
      for (const piece of pieces) givePieceBack(piece);
      if (this.#unsentPieces !== undefined) for (const piece of this.#unsentPieces) givePieceBack(piece);
      this.#unsentPieces = undefined;
    }
  }

  get #collectedBytes(): number {
    return this.#pieceBytes + this.#endOffset - this.#startOffset + (this.#sharedFrames?.byteCount ?? 0);
  }

  #onGrown(): void {
    if (this.#isClosed) this.#clear();
    else if (this.#collectedBytes < MAX_BATCH_BYTES) this.#schedule();
    else if (!this.#transport.isBlocked) this.#write();
    // The frames are concatenated: one piece per frame would take many times their memory, and stop the event loop for
    // half a second once the peer reads them.
    else if (this.#sharedFrames !== undefined && this.#sharedFrames.byteCount >= MAX_BATCH_BYTES)
      this.#finishSharedFrames();
  }

  #schedule(): void {
    if (this.#isDirty) return;
    this.#isDirty = true;
    dirtyBatches.push(this);
    if (isFlushScheduled) return;
    isFlushScheduled = true;
    runInOwnContext(scheduleFlush);
  }

  #finishPiece(): void {
    if (this.#sharedFrames !== undefined) this.#finishSharedFrames();
    if (this.#endOffset === this.#startOffset) return;
    this.#addPiece(this.#buffer.subarray(this.#startOffset, this.#endOffset));
    this.#startOffset = this.#endOffset;
    if (this.#isSlab) this.#hasSlabPieces = true;
  }

  /** Turns the shared frames into one piece. */
  #finishSharedFrames(): void {
    const frames = this.#sharedFrames;
    this.#sharedFrames = undefined;
    if (frames !== undefined) this.#addPiece(frames.bytes);
  }

  #addPiece(piece: Buffer): void {
    if (this.#pieces === undefined) this.#pieces = [piece];
    else this.#pieces.push(piece);
    this.#pieceBytes += piece.length;
  }

  /** Copies small shared frames into the buffer, because bytes that are not shared follow in the same buffer. */
  #copySharedFrames(): void {
    const { bytes } = this.#sharedFrames as SharedFrames;
    if (bytes.length > MAX_COPIED_FRAME_BYTES) {
      this.#finishSharedFrames();
      return;
    }
    this.#sharedFrames = undefined;
    this.#ensureRoom(bytes.length);
    this.#advance(bytes.copy(this.#buffer, this.#endOffset));
  }

  #ensureRoom(byteCount: number): void {
    const hasRoom = this.#isSlab
      ? arena.hasRoomAt(this.#buffer, this.#endOffset, byteCount)
      : this.#buffer.length - this.#endOffset >= byteCount;
    if (hasRoom) return;
    this.#finishPiece();
    this.#isSlab = byteCount <= BUFFER_BYTES + MAX_HEADER_BYTES && !this.#transport.isBlocked;
    this.#startOffset = this.#isSlab ? arena.reserve(byteCount) : 0;
    this.#endOffset = this.#startOffset;
    this.#buffer = this.#isSlab ? arena.current : Buffer.allocUnsafeSlow(Math.max(byteCount, BUFFER_BYTES));
  }

  #advance(byteCount: number): void {
    this.#endOffset += byteCount;
    if (this.#isSlab) arena.commit(this.#endOffset);
  }

  /** Copies all that waits out of the arena, because it waits longer than this turn. */
  #moveOutOfSlabs(): void {
    if (this.#isSlab) {
      this.#finishPiece();
      this.#resetBuffer();
    }
    this.#copyOutOfSlabs();
  }

  #copyOutOfSlabs(): void {
    if (!this.#hasSlabPieces) return;
    this.#hasSlabPieces = false;
    this.#pieces = this.#pieces?.map((piece) => (piece instanceof BorrowedFrame ? piece : copyOutOfArena(piece)));
  }

  #clear(): void {
    this.#pieces = undefined;
    this.#pieceBytes = 0;
    this.#reusedPieces = undefined;
    this.#hasBorrowedFrames = false;
    this.#sharedFrames = undefined;
    this.#hasSlabPieces = false;
    this.#resetBuffer();
  }

  #resetBuffer(): void {
    this.#buffer = EMPTY;
    this.#isSlab = false;
    this.#startOffset = 0;
    this.#endOffset = 0;
  }
}
