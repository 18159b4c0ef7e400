import { type ComponentSignature, FourDError } from '../errors.ts';
import { CLOSE_ABNORMAL, type Role } from '../protocol/constants.ts';
import type { MessageLimits } from '../protocol/message-assembler.ts';
import type { Compression } from '../protocol/compression.ts';
import type { PreparedMessage } from '../protocol/prepared-message.ts';
import { ProtocolConnection } from '../protocol/protocol-connection.ts';
import type { ProtocolSink } from '../protocol/sink.ts';
import { type Deadline, timers } from './timers.ts';
import type { Transport, TransportListener } from './transport.ts';
import { WriteBatch } from './write-batch.ts';

/** What a driver needs to know. */
export interface DriverOptions extends MessageLimits {
  readonly role: Role;
  readonly decodesText: boolean;
  readonly compression?: Compression | undefined;
  /** How long a peer may take to answer a close frame, and to end TCP afterwards. */
  readonly closeTimeoutMs: number;
  /** Most bytes that may wait to be sent. */
  readonly maxBufferedBytes: number;
}

/** Hears the life of one connection, in this order: messages, `onClosing`, `onError` at most once, `onTerminated` once. */
export interface DriverListener {
  onMessage(data: string | Buffer, isText: boolean): void;
  /** The peer closes, or the connection has failed: nothing can be sent any more. */
  onClosing(): void;
  /** The connection ends because of an error. */
  onError(error: FourDError): void;
  /**
   * The connection is over.
   *
   * @param code - the peer's close code, the code that a failure sent, or 1006 when no close frame came
   * @param wasClean - whether both close frames were exchanged
   */
  onTerminated(code: number, reason: string | undefined, wasClean: boolean): void;
}

/**
 * Joins a transport and a protocol: carries bytes between them, and sees to it that every connection ends.
 *
 * @remarks The only file that knows both.
 */
export class Driver implements ProtocolSink, TransportListener, Deadline {
  readonly #transport: Transport;
  readonly #listener: DriverListener;
  readonly #options: DriverOptions;
  readonly #batch: WriteBatch;
  readonly #protocol: ProtocolConnection;
  /** What came with the handshake, until {@link start}. */
  #head: Buffer | undefined;
  #isPaused = true;
  #isInflating = false;
  /** Nothing is delivered any more, but the end of the stream is still to be read: no pause. */
  #isDiscarding = false;
  #isDestroyed = false;
  #isOver = false;
  /** The ticket of the timer wheel for the current deadline. */
  #closeTicket: number | undefined;
  #closeCode = CLOSE_ABNORMAL;
  #closeReason: string | undefined;
  #hasCloseFrame = false;
  #hasFailed = false;

  /** @param head - bytes of the peer that came with the handshake */
  constructor(transport: Transport, head: Buffer, listener: DriverListener, options: DriverOptions) {
    this.#transport = transport;
    this.#head = head;
    this.#listener = listener;
    this.#options = options;
    this.#batch = new WriteBatch(transport);
    this.#protocol = new ProtocolConnection(this, this.#batch, options);
    transport.start(this);
  }

  /** Bytes that were sent here and have not left this process. */
  get bufferedBytes(): number {
    return this.#batch.bufferedBytes + this.#protocol.waitingBytes;
  }

  /** Writes text that is no frame, in front of all frames: the answer to the handshake. */
  writeHead(head: string): void {
    const offset = this.#batch.reserve(head.length);
    this.#batch.commit(this.#batch.buffer.write(head, offset, 'latin1'));
  }

  /** Begins to read, and goes on reading after {@link pause}. Events that were held back may come within this call. */
  resume(): void {
    if (!this.#isPaused || this.#isOver) return;
    this.#isPaused = false;
    const head = this.#head;
    this.#head = undefined;
    if (head === undefined) this.#protocol.resume();
    else if (head.length > 0) this.#protocol.receive(head);
    this.#resumeTransport();
  }

  /** Reports no message, and takes no bytes from the peer, until {@link resume}. */
  pause(): void {
    if (this.#isPaused || this.#isOver || this.#isDiscarding) return;
    this.#isPaused = true;
    this.#protocol.pause();
    this.#transport.pause();
  }

  sendText(text: string, compress?: boolean): void {
    if (this.#hasRoom()) this.#protocol.sendText(text, compress);
  }

  /** Sends a message that other connections send too. */
  sendPrepared(message: PreparedMessage, compress?: boolean): void {
    if (this.#hasRoom()) this.#protocol.sendPrepared(message, compress);
  }

  /** @param bytes - see {@link ProtocolConnection.sendBinary} for how long they must not change */
  sendBinary(bytes: Buffer, compress?: boolean): void {
    if (this.#hasRoom()) this.#protocol.sendBinary(bytes, compress);
  }

  /**
   * Begins the closing handshake. No message is reported any more. A further call can only shorten the time.
   *
   * @param timeoutMs - how long the peer may take to answer, and to end TCP; Infinity waits forever for the answer
   */
  close(code: number, reason: string, timeoutMs: number): void {
    if (this.#isOver) return;
    this.#protocol.close(code, reason);
    this.#setCloseDeadline(timeoutMs);
    this.#discard();
  }

  /**
   * Ends the connection because of an error that was found above the protocol.
   *
   * @returns whether `onError` was told: false when the connection is over, or has failed, already
   */
  fail(error: FourDError): boolean {
    return !this.#isOver && this.#protocol.fail(error);
  }

  /** Ends the connection at once, without a close frame, an orderly end of TCP or an error. */
  destroy(): void {
    this.#isDestroyed = true;
    this.#protocol.abandon();
    this.#transport.reset();
  }

  // ProtocolSink

  onMessage(data: string | Buffer, isText: boolean): void {
    this.#listener.onMessage(data, isText);
  }

  onPing(): void {}

  onPong(): void {}

  onInflating(isInflating: boolean): void {
    this.#isInflating = isInflating;
    if (isInflating) this.#transport.pause();
    else this.#resumeTransport();
  }

  onClose(code: number, reason: string | undefined): void {
    this.#hasCloseFrame = true;
    this.#closeCode = code;
    this.#closeReason = reason;
    this.#listener.onClosing();
    // RFC 6455 section 7.1.1: the server ends TCP first; the client only when the server does not.
    if (this.#options.role === 'server') this.#batch.end();
    this.#setCloseDeadline(this.#options.closeTimeoutMs);
    this.#discard();
  }

  onFail(error: FourDError): void {
    this.#hasFailed = true;
    this.#closeCode = error.closeCode;
    this.#listener.onClosing();
    this.#listener.onError(error);
    if (error.closeCode === CLOSE_ABNORMAL) {
      this.#transport.destroy();
      return;
    }
    this.#batch.end();
    this.#setCloseDeadline(this.#options.closeTimeoutMs);
    // Reading goes on, or unread bytes would turn the end of the stream into a reset that overtakes the close frame.
    this.#discard();
  }

  // TransportListener

  onBytes(chunk: Buffer): void {
    this.#protocol.receive(chunk);
  }

  onDrain(): void {
    this.#batch.flush();
    this.#protocol.onOutputDrained();
  }

  onEnd(): void {
    if (this.#hasCloseFrame || this.#hasFailed) this.#batch.end();
    else this.#lose('ERR_CONNECTION_LOST', 'connection lost: the peer ended it without a close frame');
  }

  onClosed(error: Error | undefined): void {
    if (!this.#hasCloseFrame && !this.#hasFailed && !this.#isDestroyed) {
      const detail = error === undefined ? '' : `: ${error.message}`;
      this.#lose('ERR_CONNECTION_LOST', `connection lost${detail}`, error);
    }
    this.#isOver = true;
    if (this.#closeTicket !== undefined) timers.cancel(this, this.#closeTicket);
    this.#batch.close();
    this.#protocol.abandon();
    this.#listener.onTerminated(this.#closeCode, this.#closeReason, this.#hasCloseFrame && !this.#hasFailed);
  }

  // Deadline

  onDeadline(): void {
    this.#closeTicket = undefined;
    // After the handshake only TCP is left to end, and that does not need the peer.
    if (this.#hasCloseFrame || this.#hasFailed) this.#transport.destroy();
    else this.#lose('ERR_CLOSE_TIMEOUT', 'connection lost: the peer did not answer the close frame in time');
  }

  #lose(code: 'ERR_CONNECTION_LOST' | 'ERR_CLOSE_TIMEOUT', message: string, cause?: Error): void {
    this.#protocol.fail(new FourDError(code, message, { componentSignature: this.#signature, side: 'remote', cause }));
  }

  get #signature(): ComponentSignature {
    return this.#options.role === 'server' ? 'HTTP' : 'HTCL';
  }

  /** Tells whether one more message may be queued. Fails the connection when too much waits already. */
  #hasRoom(): boolean {
    if (!this.#batch.isBlocked && this.#protocol.waitingBytes === 0) return true;
    const { maxBufferedBytes } = this.#options;
    const waiting = this.bufferedBytes;
    if (waiting <= maxBufferedBytes || this.#protocol.isClosing) return true;
    this.fail(
      new FourDError(
        'ERR_BUFFER_FULL',
        `peer too slow: ${waiting} bytes wait to be sent (maxBufferedBytes ${maxBufferedBytes})`,
        { componentSignature: this.#signature, side: 'remote', limit: maxBufferedBytes, observed: waiting },
      ),
    );
    return false;
  }

  /** Reads on, unless an event has paused again. */
  #resumeTransport(): void {
    if (!this.#isPaused && !this.#isInflating) this.#transport.resume();
  }

  #discard(): void {
    this.#isDiscarding = true;
    // In a later turn, so that what was held back is not reported from within close() or fail().
    if (this.#isPaused) setImmediate(() => this.resume());
  }

  /** The connection ends after this time at the latest. An earlier deadline stays. */
  #setCloseDeadline(timeoutMs: number): void {
    if (timeoutMs === Infinity) return;
    const before = this.#closeTicket;
    const ticket = timers.schedule(this, timeoutMs);
    this.#closeTicket = Math.min(ticket, before ?? ticket);
    if (before !== undefined && before !== ticket) timers.cancel(this, Math.max(ticket, before));
  }
}
