import { MAX_PIECE_BYTES } from '../protocol/send-memory.ts';

/**
 * A large frame of a server whose payload is still memory of the user. It is copied piece by piece when the transport
 * takes it: what the user changes until then changes this message, and nothing else.
 *
 * @remarks Memory of the user is never handed to a socket. Whoever transfers or shrinks it while the socket still reads
 * from it would send the peer whatever lies in that memory afterwards. A copy at the call would cost a blocked peer as much
 * memory again for each message: 100 peers that get the same megabyte would hold a hundred.
 */
export class BorrowedFrame {
  /** The frame's header; the payload follows it. */
  readonly header: Buffer;
  readonly #payload: Buffer;
  /** Payload bytes at the call. */
  readonly #payloadBytes: number;
  #offset = 0;
  #hasBegun = false;

  constructor(header: Buffer, payload: Buffer) {
    this.header = header;
    this.#payload = payload;
    this.#payloadBytes = payload.length;
  }

  /** Bytes of the frame that {@link copyNext} has not copied yet. */
  get remainingBytes(): number {
    return this.#payloadBytes - this.#offset + (this.#hasBegun ? 0 : this.header.length);
  }

  /** Whether a part of the frame was copied, so that the peer waits for the rest. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Whether the payload is what it was at the call: not transferred, not shrunk, not out of bounds. */
  get isIntact(): boolean {
    return this.#payload.length === this.#payloadBytes;
  }

  /**
   * Copies the next piece, of at most {@link MAX_PIECE_BYTES} payload bytes, to the beginning of `target`.
   *
   * @returns how many bytes were written
   */
  copyNext(target: Buffer): number {
    let written = 0;
    if (!this.#hasBegun) written = this.header.copy(target);
    this.#hasBegun = true;
    const end = Math.min(this.#payloadBytes, this.#offset + MAX_PIECE_BYTES);
    written += this.#payload.copy(target, written, this.#offset, end);
    this.#offset = end;
    return written;
  }
}
