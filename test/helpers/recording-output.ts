import type { FrameOutput } from '../../src/protocol/frame-output.ts';
import { givePieceBack } from '../../src/protocol/send-memory.ts';

/** The byte in memory that was reserved and not written yet. */
const UNWRITTEN = 0xaa;
/** Offset of the first reserved byte, which is not the first byte of the buffer. */
const OFFSET = 7;

/** Records all bytes that a connection writes, and checks the contract of {@link FrameOutput}. */
export class RecordingOutput implements FrameOutput {
  isBlocked = false;
  buffer: Buffer = Buffer.alloc(0);
  /** The buffers that were appended without a copy. */
  readonly appended: Buffer[] = [];
  /** The buffers of frames that other outputs may share. */
  readonly shared: Buffer[] = [];
  /** Runs after each write. */
  onWrite: (() => void) | undefined;
  #pieces: Buffer[] = [];
  #reservedBytes = 0;

  /** All bytes that were written so far. */
  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  reserve(byteCount: number): number {
    this.buffer = Buffer.alloc(OFFSET + byteCount, UNWRITTEN);
    this.#reservedBytes = byteCount;
    return OFFSET;
  }

  commit(byteCount: number): void {
    if (byteCount > this.#reservedBytes) throw new RangeError(`${byteCount} of ${this.#reservedBytes} bytes committed`);
    this.#pieces.push(this.buffer.subarray(OFFSET, OFFSET + byteCount));
    this.#invalidate();
  }

  append(bytes: Buffer): void {
    this.#pieces.push(bytes);
    this.appended.push(bytes);
    this.#invalidate();
  }

  appendPieces(pieces: readonly Buffer[]): void {
    // The memory is given back at once, as an output may do.
    for (const piece of pieces) {
      this.#pieces.push(Buffer.from(piece));
      givePieceBack(piece);
    }
    this.#invalidate();
  }

  appendBorrowed(header: Buffer, payload: Buffer): void {
    this.append(header);
    this.append(payload);
  }

  appendShared(frame: Buffer): void {
    this.#pieces.push(frame);
    this.shared.push(frame);
    this.#invalidate();
  }

  /** Forgets all bytes that were written. */
  clear(): void {
    this.#pieces = [];
    this.appended.length = 0;
    this.shared.length = 0;
  }

  #invalidate(): void {
    this.buffer = Buffer.alloc(0);
    this.#reservedBytes = 0;
    this.onWrite?.();
  }
}
