/**
 * Takes the frames of a connection: the write batch of its transport, or a recorder in tests.
 *
 * @remarks Frames are built in place, so that a small message needs no buffer of its own and all frames of one turn of
 * the event loop are sent together.
 */
export interface FrameOutput {
  /** The buffer in which {@link reserve} made room. Valid until the next call of any method. */
  readonly buffer: Buffer;
  /** True while the peer reads too slowly: frames that can wait or be left out should not be written now. */
  readonly isBlocked: boolean;
  /** Makes room for `byteCount` bytes in {@link buffer} and returns the offset of the first. */
  reserve(byteCount: number): number;
  /** Sends the first `byteCount` reserved bytes, which have been written. */
  commit(byteCount: number): void;
  /**
   * Sends a frame that other outputs share, after the committed bytes. A small frame is copied when other bytes are
   * sent with it.
   */
  appendShared(frame: Buffer): void;
  /** Sends `bytes` after the committed bytes, without a copy: they must not change until they have been sent. */
  append(bytes: Buffer): void;
  /**
   * Sends pieces of memory of `takePiece` after the committed bytes, and gives the memory back once they have been sent.
   */
  appendPieces(pieces: readonly Buffer[]): void;
  /** Sends a frame whose large payload is memory of the user, which may change or go away at any time. */
  appendBorrowed(header: Buffer, payload: Buffer): void;
}
