/**
 * A byte stream to a peer. Implementations: `socket-transport.ts` (TCP, TLS, Unix sockets) and `memory-transport.ts`.
 *
 * @remarks No method throws. Nothing is reported before {@link start}, nor after {@link TransportListener.onClosed}.
 */
export interface Transport {
  /** Bytes handed to {@link write} that have not left yet. */
  readonly bufferedBytes: number;
  /** True when the peer does not keep up: {@link TransportListener.onWritable} follows. */
  readonly isBlocked: boolean;
  /** Begins to report. Reading begins with {@link resume}. */
  start(listener: TransportListener): void;
  /**
   * Sends the pieces in one write. Drops them after {@link end} or when the connection is over.
   *
   * @returns true when all bytes have left, so that their memory may be used again at once
   */
  write(pieces: readonly Buffer[]): boolean;
  /** Reports no bytes, and takes none from the peer, until {@link resume}. */
  pause(): void;
  /** Reads on after {@link pause}, and for the first time. */
  resume(): void;
  /** Sends the end of the stream behind what was written. */
  end(): void;
  /** Ends both directions at once; what has not left is lost. */
  destroy(): void;
  /** As {@link destroy}, and tells the peer by a reset instead of an orderly end, where the transport can. */
  reset(): void;
}

/** Hears what happens on a {@link Transport}. */
export interface TransportListener {
  /** Bytes from the peer. The listener may change them; after the call they may be overwritten. */
  onBytes(chunk: Buffer): void;
  /** The transport takes bytes again. */
  onWritable(): void;
  /** The peer sends no more. */
  onEnd(): void;
  /** Both directions are over. Comes once, and last. `error` tells why, unless both sides ended it or this one did. */
  onClosed(error: Error | undefined): void;
}
