import type { FourDError } from '../errors.ts';

/**
 * What a connection reports. Its own state is up to date before each call, so that the sink may send, close, pause or
 * fail it from within; it must not call `receive`, and must not throw.
 */
export interface ProtocolSink {
  /**
   * A whole message.
   *
   * @param data - a string for text (bytes, checked to be UTF-8, when `decodesText` is off), bytes of its own for binary
   */
  onMessage(data: string | Buffer, isText: boolean): void;
  /**
   * A ping. It has been answered, or will be once the output takes bytes, unless this end is closing. The payload is gone
   * after the call.
   */
  onPing(payload: Buffer): void;
  /** A pong, asked for or not. The payload is gone after the call. */
  onPong(payload: Buffer): void;
  /**
   * The peer's close frame, already answered: the closing handshake is complete and nothing follows.
   *
   * @param code - the peer's code, 1005 when it gave none
   */
  onClose(code: number, reason: string | undefined): void;
  /** All messages have been compressed and framed, after {@link ProtocolConnection.waitingBytes} was above 0. */
  onCompressed(): void;
  /**
   * A message is being inflated (true): nothing is reported, and what is received is only kept, until that is over
   * (false). Not called when inflating takes no time.
   */
  onInflating(isInflating: boolean): void;
  /** The connection failed (RFC 6455 section 7.1.7). A close frame is on its way where one helps; nothing follows. */
  onFail(error: FourDError): void;
}
