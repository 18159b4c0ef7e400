import type { Duplex } from 'node:stream';
import { Connection } from '../connection/connection.ts';
import type { Ending } from '../connection/closing-state.ts';
import type { SendStatus } from '../connection/send-status.ts';
import { callbackFailed, type FourDError, textOfThrown } from '../errors.ts';
import { isSendableCloseCode } from '../protocol/close.ts';
import type { Compression } from '../protocol/compression.ts';
import { CLOSE_NO_STATUS, FIN_BIT, OPCODE_BINARY, OPCODE_CONTINUATION, OPCODE_TEXT } from '../protocol/constants.ts';
import type { PreparedMessage } from '../protocol/prepared-message.ts';
import { SocketTransport } from '../transport/socket-transport.ts';
import type { ConnectionSettings } from './connection-settings.ts';
import { type SendCallback, SendCallbacks } from './send-callbacks.ts';

/**
 * Hears what happens to one connection, in this order: messages, pings and pongs; `onClosing` and `onError` at most once;
 * `onClose` once, as the last. A method that throws ends the connection with 1011.
 */
export interface SocketListener {
  /**
   * A message has arrived.
   *
   * @param data - a string for a text, bytes for a binary message, and for a text unless the settings decode it. The bytes
   *   belong to the listener
   */
  onMessage(data: string | Buffer, isText: boolean): void;
  /** A ping has arrived, and was answered unless the settings say otherwise. The payload is valid within the call only. */
  onPing?(payload: Buffer): void;
  /** A pong has arrived. The payload is valid within the call only. */
  onPong?(payload: Buffer): void;
  /** The connection was blocked, and takes messages again without keeping them in memory. */
  onWritable?(): void;
  /** The peer has closed, or the connection has failed: nothing can be sent any more. */
  onClosing?(): void;
  /** The connection ends because of an error. */
  onError?(error: FourDError): void;
  /** The connection is over. */
  onClose(ending: Ending): void;
}

/** A socket whose opening handshake is over, and what was agreed on in it. */
export interface OpenedSocket {
  /** Bytes of the peer that came behind the handshake. Default none. */
  readonly head?: Buffer | undefined;
  /** The answer to the handshake, in Latin-1, which a server still has to write. Default none. */
  readonly answer?: string | undefined;
  /** What `createCompression` made of the agreed parameters. Default none: messages are not compressed. */
  readonly compression?: Compression | undefined;
}

const NO_BYTES = Buffer.alloc(0);

/**
 * One WebSocket connection over a socket of `node:net` or `node:tls`, or another duplex stream: frames, compression,
 * closing, the limits of its settings; what is sent in one turn of the event loop leaves in one write.
 *
 * @remarks The connection owns the socket from now on: nobody else may read from it or write to it. Reading begins with
 * {@link resume}.
 */
export class SocketConnection {
  /** The stream below. */
  readonly socket: Duplex;
  readonly #listener: SocketListener;
  readonly #connection: Connection;
  readonly #closeTimeoutMs: number;
  readonly #isServer: boolean;
  #callbacks: SendCallbacks | undefined;

  constructor(socket: Duplex, settings: ConnectionSettings, listener: SocketListener, opened: OpenedSocket = {}) {
    const { head = NO_BYTES, answer = '', compression } = opened;
    const options = settings.optionsWith(compression);
    this.socket = socket;
    this.#listener = listener;
    this.#closeTimeoutMs = options.closeTimeoutMs;
    this.#isServer = options.role === 'server';
    this.#connection = new Connection(new SocketTransport(socket), head, options);
    if (answer !== '') this.#connection.writeHead(answer);
    this.#connection.start(this);
  }

  /** Bytes that were sent and are not with the system yet. */
  get bufferedBytes(): number {
    return this.#connection.bufferedBytes;
  }

  /** Whether the peer does not keep up. `onWritable` tells when that ends. */
  get isBlocked(): boolean {
    return this.#connection.isBlocked;
  }

  /** Begins to read, or reads on after {@link pause}. Messages that were held back may be reported within the call. */
  resume(): void {
    this.#connection.resume();
  }

  /** Stops reading and reporting until {@link resume}. Does nothing once the connection is closing. */
  pause(): void {
    this.#connection.pause();
  }

  /**
   * Sends a message.
   *
   * @param data - a string for a text, bytes for a binary message, or a message that many connections share. A server
   *   copies bytes from 16 KiB on when they leave, all others are copied at the call
   * @param compress - whether to compress where that was agreed on; by default the length decides
   * @param done - called when the message is with the system, or with an error when it never will be
   * @returns `'sent'`, `'queued'` when the peer does not keep up, `'dropped'` when the connection is closing
   */
  send(data: string | Buffer | PreparedMessage, compress?: boolean, done?: SendCallback): SendStatus {
    return this.#note(this.#connection.send(data, compress), done);
  }

  /** Sends a text whose UTF-8 bytes are known. They are not checked. Otherwise as {@link send}. */
  sendTextBytes(bytes: Buffer, compress?: boolean, done?: SendCallback): SendStatus {
    return this.#note(this.#connection.sendFrame(FIN_BIT | OPCODE_TEXT, bytes, compress), done);
  }

  /**
   * Sends a fragment of a message, uncompressed. Only other fragments may follow until the last one.
   *
   * @param kind - what the message is, for its first fragment; `'more'` for the others
   */
  sendFragment(bytes: Buffer, kind: 'text' | 'binary' | 'more', isLast: boolean, done?: SendCallback): SendStatus {
    const opcode = kind === 'more' ? OPCODE_CONTINUATION : kind === 'text' ? OPCODE_TEXT : OPCODE_BINARY;
    return this.#note(this.#connection.sendFrame((isLast ? FIN_BIT : 0) | opcode, bytes), done);
  }

  /**
   * Sends a finished frame of a server, which must not change until it has been sent.
   *
   * @throws TypeError when this end is the client, whose frames are masked one by one
   */
  sendFrame(frame: Buffer, done?: SendCallback): SendStatus {
    if (!this.#isServer) throw new TypeError('only a server can send finished frames: a client masks each one');
    return this.#note(this.#connection.sendFinished(frame), done);
  }

  /**
   * Sends a ping. Its payload has 125 bytes at most.
   *
   * @throws RangeError when the payload is longer
   */
  ping(payload: Buffer = NO_BYTES, done?: SendCallback): void {
    this.#connection.sendControl('ping', payload);
    this.#addCallback(done);
  }

  /**
   * Sends a pong. Its payload has 125 bytes at most.
   *
   * @throws RangeError when the payload is longer
   */
  pong(payload: Buffer = NO_BYTES, done?: SendCallback): void {
    this.#connection.sendControl('pong', payload);
    this.#addCallback(done);
  }

  /** Writes what was sent in this turn so far, instead of at its end. */
  flush(): void {
    this.#connection.flush();
  }

  /**
   * Begins the closing handshake: everything that was sent leaves before.
   *
   * @param code - 1000 to 1003, 1007 to 1014 or 3000 to 4999; 1005 for a close frame without a code. Default 1005
   * @param reason - cut to 123 bytes
   * @throws RangeError when the code must not be sent
   */
  close(code: number = CLOSE_NO_STATUS, reason = ''): void {
    if (code !== CLOSE_NO_STATUS && !isSendableCloseCode(code)) {
      throw new RangeError(`close code ${code} must not be sent (allowed: 1000-1003, 1007-1014, 3000-4999)`);
    }
    this.#connection.close(code, reason, this.#closeTimeoutMs);
  }

  /** Ends the connection because of an error: with the close code of the error. */
  fail(error: FourDError): void {
    this.#connection.fail(error);
  }

  /** Ends the connection without a closing handshake. The peer still gets what the system has taken. */
  terminate(): void {
    this.#connection.cut('local');
  }

  // ConnectionListener

  /** @internal */
  runReading(receive: (connection: Connection, chunk: Buffer) => void, connection: Connection, chunk: Buffer): void {
    receive(connection, chunk);
  }

  /** @internal */
  onMessage(data: string | Buffer, isText: boolean): void {
    try {
      this.#listener.onMessage(data, isText);
    } catch (thrown) {
      this.#failCallback('onMessage', thrown);
    }
  }

  /** @internal */
  onPing(payload: Buffer): void {
    this.#call('onPing', () => this.#listener.onPing?.(payload));
  }

  /** @internal */
  onPong(payload: Buffer): void {
    this.#call('onPong', () => this.#listener.onPong?.(payload));
  }

  /** @internal */
  onQueuedMessageFramed(): void {
    this.#callbacks?.onQueuedMessageFramed();
  }

  /** @internal */
  onClosing(): void {
    this.#call('onClosing', () => this.#listener.onClosing?.());
  }

  /** @internal */
  onError(error: FourDError): void {
    this.#call('onError', () => this.#listener.onError?.(error));
  }

  /** @internal */
  onDropped(): void {
    // Nothing is sent as droppable.
  }

  /** @internal */
  onWritable(): void {
    this.#callbacks?.settle();
    this.#call('onWritable', () => this.#listener.onWritable?.());
  }

  /** @internal */
  onTerminated(ending: Ending): void {
    this.#callbacks?.fail(new Error('the connection ended before the message was sent', { cause: ending.error }));
    this.#call('onClose', () => this.#listener.onClose(ending));
  }

  #note(status: SendStatus, done: SendCallback | undefined): SendStatus {
    if (done === undefined) return status;
    if (status === 'dropped')
      process.nextTick(done, new Error('the connection is closing: nothing can be sent any more'));
    else this.#addCallback(done);
    return status;
  }

  #addCallback(done: SendCallback | undefined): void {
    if (done === undefined) return;
    this.#callbacks ??= new SendCallbacks(this.#connection, this.socket);
    // What a callback throws would else lie in the way of other connections, which are written in the same turn.
    this.#callbacks.add((error) => this.#call('the callback of send', () => done(error)));
  }

  #call(where: string, call: () => void): void {
    try {
      call();
    } catch (thrown) {
      this.#failCallback(where, thrown);
    }
  }

  #failCallback(where: string, thrown: unknown): void {
    if (this.#connection.fail(callbackFailed(where, thrown))) return;
    // The connection is over, or has failed already: nobody else hears of it.
    process.emitWarning(`${where} failed: ${textOfThrown(thrown)}`, 'WebSocketWarning');
  }
}
