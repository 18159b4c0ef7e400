import type { FourDError } from '../errors.ts';

/**
 * Receives the events of a {@link ProtocolConnection}. The connection updates its state before each call, so the sink
 * may send, close, pause or fail the connection within the call. The sink must not call `receive`, and must not throw.
 */
export interface ProtocolSink {
  /**
   * How long the stored bytes of the incomplete message have been here on average, in milliseconds, when the message
   * stands still; 0 while it comes along. Read only when the budget of all connections is exceeded.
   */
  readonly partialMessageStaleMs: number;
  /**
   * A whole message arrived.
   *
   * @param data - a string for text (checked UTF-8 bytes when `decodesText` is false), a copy of the bytes for binary
   *   data. Bytes are valid only within the call when the connection `lendsBytes`
   */
  onMessage(data: string | Buffer, isText: boolean): void;
  /**
   * A ping arrived. The pong was sent, or will be once the output accepts bytes, unless this end is closing. The
   * payload is valid only within the call.
   */
  onPing(payload: Buffer): void;
  /** A pong arrived, solicited or not. The payload is valid only within the call. */
  onPong(payload: Buffer): void;
  /**
   * The close frame of the peer arrived and was answered: the closing handshake is complete and no event follows.
   *
   * @param code - the code of the peer, 1005 when the close frame was empty
   */
  onClose(code: number, reason: string | undefined): void;
  /** A message has been framed that had been compressed, or had waited behind such a message. */
  onQueuedMessageFramed(): void;
  /** All messages have been compressed and framed: {@link ProtocolConnection.waitingBytes} is 0 again. */
  onCompressed(): void;
  /**
   * Inflating a message has begun (true) or ended (false). In between no message is reported and input is only stored.
   * Not called when inflating ends within the same call.
   */
  onInflating(isInflating: boolean): void;
  /** The connection failed (RFC 6455 section 7.1.7) and sent a close frame if the code allows it. No event follows. */
  onFail(error: FourDError): void;
}
