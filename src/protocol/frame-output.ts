/**
 * Where a connection writes its frames: the transport's write batch, or a recorder in tests.
 *
 * @remarks Frames are built in place, so that a small message costs no buffer of its own and all that is written in one
 * turn of the event loop leaves together.
 */
export interface FrameOutput {
  /** The buffer that the last {@link reserve} spoke of. Valid until the next call of any method. */
  readonly buffer: Buffer;
  /** True while the peer does not take what was written: the moment to send nothing that can be spared. */
  readonly isBlocked: boolean;
  /** Makes room for `byteCount` bytes in {@link buffer} and returns the offset of the first. */
  reserve(byteCount: number): number;
  /** The first `byteCount` reserved bytes have been written and are to be sent. */
  commit(byteCount: number): void;
  /**
   * Sends a frame that other outputs share, after what was committed. Small ones are copied when something else leaves
   * with them.
   */
  appendShared(frame: Buffer): void;
  /** Sends `bytes` after what was committed, without copying: they must not change until they have left. */
  append(bytes: Buffer): void;
}
