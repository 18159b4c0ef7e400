/**
 * The interfaces through which the protocol compresses messages (RFC 7692). The protocol is responsible for the order
 * of messages, the RSV1 bit and the limit on inflated bytes; an implementation is responsible for zlib.
 */

/** Receives the result of one deflate or inflate. Called exactly once, within the call or later. */
export type TransformDone = (error: Error | undefined, result: Buffer) => void;

/** The error of a deflater that leaves a message uncompressed, because compression would not make it smaller. */
export const NOT_COMPRESSED: Error = new Error('the message does not get smaller');

/** Compresses whole messages, one at a time. */
export interface Deflater {
  /** True when a result depends on the message alone, so that many connections can send the same result. */
  readonly isShared: boolean;
  /**
   * Compresses `payload` and drops the four bytes 00 00 ff ff at the end (RFC 7692 section 7.2.1). After the
   * error {@link NOT_COMPRESSED} the message is sent uncompressed, so the call must not have changed the state of the
   * deflater. Any other error ends the connection.
   */
  deflate(payload: Buffer, done: TransformDone): void;
}

/** Decompresses whole messages, one at a time. */
export interface Inflater {
  /**
   * Inflates a whole message (RFC 7692 section 7.2.2). The result must not share memory with anything else.
   *
   * @param maxBytes - the longest result; as soon as it is exceeded, inflating must stop with a RangeError
   */
  inflate(compressed: Buffer, maxBytes: number, done: TransformDone): void;
  /** Frees what is kept for the connection, which is over. Results that come later keep nothing. */
  end?(): void;
}

/** Both directions of a negotiated permessage-deflate extension. */
export interface Compression {
  /** True when this object keeps no state of a connection, so that many connections can use it. */
  readonly isShared: boolean;
  /** Messages shorter than this are sent uncompressed, unless the sender asks for compression. */
  readonly thresholdBytes: number;
  readonly deflater: Deflater;
  /** A connection reads this once and keeps the result: it may be an inflater for this connection alone. */
  readonly inflater: Inflater;
}
