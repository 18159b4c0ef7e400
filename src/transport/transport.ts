/**
 * A byte stream to a peer. Implementations: `socket-transport.ts` (TCP, TLS, Unix sockets) and `memory-transport.ts`.
 *
 * @remarks No method throws. No event is reported before {@link start} or after {@link TransportListener.onClosed}.
 */
export interface Transport {
  /** The number of bytes handed to {@link write} that have not been sent yet. */
  readonly bufferedBytes: number;
  /** The number of bytes that {@link write} has dropped. */
  readonly droppedBytes: number;
  /** True while the peer reads more slowly than this end writes: {@link TransportListener.onWritable} follows. */
  readonly isBlocked: boolean;
  /**
   * Whether the memory of the pieces handed to {@link write} may be used again: `'free'` when all have been sent, `'in use'`
   * until then, `'kept'` when nobody can know.
   */
  readonly writtenMemory: 'free' | 'in use' | 'kept';
  /** Starts to report events to the listener. Reading starts with {@link resume}. */
  start(listener: TransportListener): void;
  /** Sends the pieces in one write. Drops the pieces after {@link end} or when the connection is over. */
  write(pieces: readonly Buffer[]): void;
  /** Stops reading from the peer and reporting bytes until {@link resume}. */
  pause(): void;
  /** Starts reading for the first time, and again after {@link pause}. */
  resume(): void;
  /** Sends the end of the stream after all bytes that were written. */
  end(): void;
  /** Ends both directions at once. Bytes that have not been sent are lost. */
  destroy(): void;
  /**
   * Does as {@link destroy}, and sends the peer a reset instead of an orderly end where the transport can: not while the
   * end of the stream is being sent.
   */
  reset(): void;
}

/** Receives the events of a {@link Transport}. */
export interface TransportListener {
  /** Bytes arrived from the peer. The listener may change the chunk, which may be overwritten after the call. */
  onBytes(chunk: Buffer): void;
  /** The transport accepts bytes again. */
  onWritable(): void;
  /** The peer ended its side of the stream. */
  onEnd(): void;
  /**
   * Both directions are over. This call comes once and is the last.
   *
   * @param error - the reason, undefined when both sides ended the stream or this side destroyed the transport
   */
  onClosed(error: Error | undefined): void;
}
