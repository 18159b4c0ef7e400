/**
 * The port through which messages are compressed (RFC 7692). The protocol owns the order of messages, the RSV1 bit and
 * the limit on inflated bytes; an implementation owns zlib.
 */

/** Receives the result of one (de)compression. Called exactly once, at once or later. */
export type TransformDone = (error: Error | undefined, result: Buffer) => void;

/** Compresses whole messages, one at a time. */
export interface Deflater {
  /** Whether its result depends on the message alone, so that one result serves many connections. */
  readonly isShared: boolean;
  /**
   * Compresses `payload` and drops the four bytes 00 00 ff ff at the end (RFC 7692 section 7.2.1). An error sends the
   * message as it is: compressing must then have left no trace in the deflater.
   */
  deflate(payload: Buffer, done: TransformDone): void;
}

/** Decompresses whole messages, one at a time. */
export interface Inflater {
  /**
   * Inflates a whole message (RFC 7692 section 7.2.2). The result has memory of its own.
   *
   * @param maxBytes - inflating must stop, with a RangeError, as soon as the result is longer than this
   */
  inflate(compressed: Buffer, maxBytes: number, done: TransformDone): void;
}

/** Both directions of a negotiated permessage-deflate extension. */
export interface Compression {
  /** Whether it holds nothing of a connection, so that many use the same one. */
  readonly isShared: boolean;
  /** Messages shorter than this are sent as they are, unless the sender says otherwise. */
  readonly thresholdBytes: number;
  readonly deflater: Deflater;
  readonly inflater: Inflater;
}
