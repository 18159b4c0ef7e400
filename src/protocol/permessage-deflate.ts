/**
 * The port through which messages are compressed (RFC 7692). The protocol owns the order of messages, the RSV1 bit and
 * the limit on inflated bytes; an implementation owns zlib.
 */

/**
 * Receives the result of one (de)compression. Called exactly once, at once or later.
 *
 * @param result - belongs to the receiver, who may change and keep it; of no meaning after an error
 */
export type TransformDone = (error: Error | undefined, result: Buffer) => void;

/** Compresses whole messages, one at a time. Must not throw. */
export interface Deflater {
  /** Compresses `payload` and drops the four bytes 00 00 ff ff at the end (RFC 7692 section 7.2.1). */
  deflate(payload: Buffer, done: TransformDone): void;
}

/** Decompresses whole messages, one at a time. Must not throw. */
export interface Inflater {
  /**
   * Inflates a whole message (RFC 7692 section 7.2.2).
   *
   * @param maxBytes - inflating must stop, with a RangeError, as soon as the result is longer than this
   */
  inflate(compressed: Buffer, maxBytes: number, done: TransformDone): void;
}

/** Both directions of a negotiated permessage-deflate extension. */
export interface Compression {
  readonly deflater: Deflater;
  readonly inflater: Inflater;
}
