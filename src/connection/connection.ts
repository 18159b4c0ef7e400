import { randomFillSync } from 'node:crypto';
import { monotonicMs, setImmediate } from '../base/clock.ts';
import { type ComponentSignature, type EndCause, FourDError, withEnding } from '../errors.ts';
import { CLOSE_ABNORMAL, type Role } from '../protocol/constants.ts';
import type { MessageLimits } from '../protocol/message-assembler.ts';
import type { Compression } from '../protocol/compression.ts';
import type { PreparedMessage } from '../protocol/prepared-message.ts';
import { ProtocolConnection } from '../protocol/protocol-connection.ts';
import type { ProtocolSink } from '../protocol/sink.ts';
import { isReused } from '../protocol/assembly-memory.ts';
import { LARGE_PAYLOAD_BYTES } from '../protocol/frame-writer.ts';
import { ClosingState, type Ending, type ClosingListener } from './closing-state.ts';
import { Handover, type Leftovers } from './handover.ts';
import { type BacklogMessage, SendBacklog } from './send-backlog.ts';
import type { Transport, TransportListener } from '../transport/transport.ts';
import type { SendStatus } from './send-status.ts';
import { unsentBudget, type UnsentHolder } from './unsent-budget.ts';
import { PingQueue } from './ping-queue.ts';
import { PeerMonitor, type MonitoredPeer, type PeerLimits } from './peer-monitor.ts';
import { WriteBatch, type WriteBatchListener } from './write-batch.ts';

const NO_PAYLOAD = Buffer.alloc(0);
/** Length of the payload of a ping whose pong must be told from others. */
const PROOF_BYTES = 8;
/** Messages of this length leave at once, not at the end of the turn: see {@link WriteBatch}. */
const LONG_BYTES = 65_536;

/**
 * The effect of a send while more than `maxBufferedBytes` wait: `'close'` ends the connection with 1013;
 * `'drop-newest'` drops the new message; `'drop-oldest'` drops the oldest messages that were sent as droppable.
 */
export type BufferPolicy = 'close' | 'drop-newest' | 'drop-oldest';

/** Settings of one connection. */
export interface ConnectionOptions extends MessageLimits, PeerLimits {
  readonly role: Role;
  readonly decodesText: boolean;
  /** Whether the bytes of messages are valid only within {@link ConnectionListener.onMessage}. Default false. */
  readonly lendsBytes?: boolean | undefined;
  readonly compression?: Compression | undefined;
  /** Longest time for the peer to answer a close frame and to end TCP. */
  readonly closeTimeoutMs: number;
  /** Most bytes that may wait to be sent. */
  readonly maxBufferedBytes: number;
  /** The effect of a send while more than `maxBufferedBytes` wait. */
  readonly bufferPolicy: BufferPolicy;
  /**
   * Whether messages are kept until the system has been given all of their bytes, and messages for a blocked peer are not
   * framed before it takes them. Only on clients. Default false.
   */
  readonly keepsUnsent?: boolean | undefined;
  /** Whether pings are answered. Default true: else the user sends the pongs. */
  readonly answersPings?: boolean | undefined;
  /** Whether messages are reported that arrive between our close frame and that of the peer. Default false. */
  readonly readsWhileClosing?: boolean | undefined;
  /** Whether the answer to the close frame of the peer repeats its reason too. Default false: only its code. */
  readonly repeatsReason?: boolean | undefined;
}

/**
 * Receives the events of one connection, in this order: messages, `onClosing`, `onError` at most once, `onTerminated`
 * once.
 */
export interface ConnectionListener {
  /** Calls `receive` with the other two, at once. It leads to {@link onMessage} for each message in the bytes. */
  runReading(receive: (connection: Connection, chunk: Buffer) => void, connection: Connection, chunk: Buffer): void;
  onMessage(data: string | Buffer, isText: boolean): void;
  /** A ping of the peer has arrived. The payload is valid only within the call. */
  onPing?(payload: Buffer): void;
  /** A pong of the peer has arrived. The payload is valid only within the call. */
  onPong?(payload: Buffer): void;
  /** A message has been framed that had been compressed, or had waited behind such a message. */
  onQueuedMessageFramed?(): void;
  /** The peer has sent a close frame, or the connection has failed: nothing can be sent any more. */
  onClosing(): void;
  /** The connection ends because of an error. */
  onError(error: FourDError): void;
  /** A message that waited was dropped, because of {@link ConnectionOptions.bufferPolicy}. */
  onDropped(): void;
  /** The connection can send again after {@link Connection.isBlocked} was true. */
  onWritable(): void;
  /**
   * The connection is over.
   *
   * @param leftovers - what became of the messages; undefined unless the connection {@link ConnectionOptions.keepsUnsent}
   */
  onTerminated(ending: Ending, leftovers: Leftovers | undefined): void;
}

/**
 * Joins a transport and a protocol: carries bytes between them, and sets a deadline for everything that the peer must
 * do.
 *
 * @remarks Only this file knows both the transport and the protocol.
 */
export class Connection
  implements ProtocolSink, TransportListener, ClosingListener, MonitoredPeer, WriteBatchListener, UnsentHolder
{
  readonly #transport: Transport;
  /** {@link #receive} as a function, which needs no closure for each chunk. */
  static readonly #receiveIn = (connection: Connection, chunk: Buffer): void => connection.#receive(chunk);

  #listener!: ConnectionListener;
  readonly #options: ConnectionOptions;
  readonly #batch: WriteBatch;
  readonly #protocol: ProtocolConnection;
  readonly #monitor: PeerMonitor;
  /** Bytes of the peer that came with the handshake, until reading begins. */
  #head: Buffer | undefined;
  #isPaused = true;
  #isInflating = false;
  /** Defined once the connection begins to end: from then on bytes of the peer are read and dropped. */
  #closing: ClosingState | undefined;
  /** Messages that are not framed yet, so that they can still be dropped, or sent by another connection. */
  #backlog: SendBacklog | undefined;
  /** Created with the first ping of the user. */
  #pings: PingQueue | undefined;
  readonly #handover: Handover | undefined;
  /** Bytes that came behind the handshake. */
  bytesReceived = 0;
  /** Whole milliseconds, because V8 stores a fraction as an extra object: see `TimerWheel.nowMs`. */
  readonly #openedAtMs: number = Math.floor(monotonicMs());

  /** @param head - bytes of the peer that came with the handshake */
  constructor(transport: Transport, head: Buffer, options: ConnectionOptions) {
    this.#transport = transport;
    this.#head = head;
    this.#options = options;
    this.#batch = new WriteBatch(transport, this);
    this.#protocol = new ProtocolConnection(this, this.#batch, options);
    this.#monitor = new PeerMonitor(this, options);
    if (options.keepsUnsent === true) this.#handover = new Handover(() => this.bytesSent);
  }

  /** Begins to report to `listener`. Reading begins with {@link resume}. */
  start(listener: ConnectionListener): void {
    this.#listener = listener;
    this.#transport.start(this);
  }

  /** Bytes that were sent on this connection and have not left this process. */
  get bufferedBytes(): number {
    return this.#batch.bufferedBytes + this.#protocol.waitingBytes + (this.#backlog?.bytes ?? 0);
  }

  /**
   * Whether the peer does not keep up, or a message is being compressed. {@link ConnectionListener.onWritable} tells
   * when that ends.
   */
  get isBlocked(): boolean {
    return this.#batch.isBlocked || this.#protocol.waitingBytes > 0 || this.#backlog !== undefined;
  }

  /** Writes the HTTP answer to the handshake, which goes in front of all frames. */
  writeHead(head: string): void {
    const offset = this.#batch.reserve(head.length);
    this.#batch.commit(this.#batch.buffer.write(head, offset, 'latin1'));
  }

  /** Begins to read, or reads on after {@link pause}. Events that were held back may be reported within this call. */
  resume(): void {
    if (!this.#isPaused || this.#closing?.isOver === true) return;
    this.#isPaused = false;
    const head = this.#head;
    this.#head = undefined;
    this.#monitor.onResume();
    if (head === undefined) {
      this.#protocol.resume();
      this.#noteBytes();
    } else if (head.length > 0) this.onBytes(head);
    this.#resumeTransport();
  }

  /** Stops reading from the peer and reporting messages until {@link resume}. */
  pause(): void {
    if (this.#isPaused || this.#closing !== undefined) return;
    this.#isPaused = true;
    this.#monitor.onPause();
    this.#protocol.pause();
    this.#transport.pause();
  }

  /**
   * Sends a message.
   *
   * @param data - a string for a text message, bytes for a binary one (see {@link ProtocolConnection.sendBinary} for
   *   when they are copied), or a message that many connections share
   * @param isDroppable - whether the message may be dropped while it waits, when `bufferPolicy` is `'drop-oldest'`
   */
  send(data: string | Buffer | PreparedMessage, compress?: boolean, isDroppable = false): SendStatus {
    if (this.#protocol.isClosing) return 'dropped';
    if (this.isBlocked) return this.#sendBlocked(data, compress, isDroppable);
    if (this.#handover === undefined) this.#write(data, compress);
    else this.#writeAndKeep(this.#handover, data, compress);
    // The message may have filled the batch, and the memory of an earlier message may be gone.
    if (this.#protocol.isClosing) return 'dropped';
    return this.#protocol.waitingBytes === 0 ? 'sent' : this.#countQueued();
  }

  /**
   * Sends a text whose UTF-8 bytes are known, a binary message, or a fragment: see {@link ProtocolConnection.sendFrame}.
   * Only where {@link ConnectionOptions.bufferPolicy} is `'close'`, because no part of a message may be dropped.
   */
  sendFrame(firstByte: number, bytes: Buffer, compress?: boolean): SendStatus {
    if (!this.#hasRoom()) return 'dropped';
    this.#protocol.sendFrame(firstByte, bytes, compress);
    return this.#countFramed();
  }

  /** Sends a finished frame: see {@link ProtocolConnection.sendFinished}. Only as {@link sendFrame}, and for servers. */
  sendFinished(frame: Buffer): SendStatus {
    if (!this.#hasRoom()) return 'dropped';
    this.#protocol.sendFinished(frame);
    return this.#countFramed();
  }

  /**
   * Sends a ping or a pong with this payload.
   *
   * @throws RangeError when the payload is longer than 125 bytes
   */
  sendControl(kind: 'ping' | 'pong', payload: Buffer): void {
    if (kind === 'pong') this.#protocol.sendPong(payload);
    else {
      this.#protocol.sendPing(payload);
      this.#monitor.onPingSent();
    }
  }

  /** Messages that are being compressed, or wait behind one that is. */
  get waitingMessages(): number {
    return this.#protocol.waitingMessages;
  }

  /** Writes what was sent in this turn so far. */
  flush(): void {
    this.#batch.flush();
  }

  /** Bytes that were framed so far. Only while the connection is not over. */
  get acceptedBytes(): number {
    return this.#batch.acceptedBytes;
  }

  /** Bytes of these that were handed to the transport. */
  get writtenBytes(): number {
    return this.#batch.bytesWritten;
  }

  /** Sends a ping; resolves to its round-trip time in milliseconds, or to undefined if the connection ends first. */
  ping(): Promise<number | undefined> {
    if (this.#protocol.isClosing) return Promise.resolve(undefined);
    this.#pings ??= new PingQueue();
    const { payload, answered } = this.#pings.create();
    this.#handover?.notePing(payload);
    this.#protocol.sendPing(payload);
    this.#monitor.onPingSent();
    return answered;
  }

  /**
   * Begins the closing handshake and stops reporting messages. A further call can only shorten the deadline.
   *
   * @param timeoutMs - time for the peer to answer and to end TCP; Infinity waits for the answer without a deadline
   */
  close(code: number, reason: string, timeoutMs: number, cause: EndCause = 'local'): void {
    const closing = this.#beginClosing();
    if (closing.isOver) return;
    this.#frameBacklog(false);
    closing.cause ??= cause;
    if (closing.outcome === undefined) closing.sentCode ??= code;
    this.#protocol.close(code, reason);
    closing.setDeadline(timeoutMs);
    this.#discard();
  }

  /**
   * Ends the connection because of an error that was found above the protocol.
   *
   * @returns whether `onError` was called: false when the connection is over or has failed already
   */
  fail(error: FourDError): boolean {
    return this.#closing?.isOver !== true && this.#protocol.fail(error);
  }

  /**
   * Ends the connection at once, without a close frame, an orderly end of TCP or an error.
   *
   * @param cause - why this program ends the connection, also when a close frame was sent for another reason
   */
  destroy(cause: EndCause = 'local'): void {
    this.#abandon(cause);
    this.#transport.reset();
  }

  /**
   * Ends the connection because the time for its end is over, without an error. The peer still gets what the system has
   * taken.
   *
   * @param cause - as for {@link destroy}
   */
  cut(cause: EndCause): void {
    if (this.#closing?.outcome === 'destroyed') return;
    this.#batch.flush();
    this.#abandon(cause);
    this.#transport.destroy();
  }

  // ProtocolSink

  onMessage(data: string | Buffer, isText: boolean): void {
    if (this.#monitor.allowsMessage()) this.#listener.onMessage(data, isText);
  }

  onPing(payload: Buffer): void {
    this.#monitor.countControlFrame();
    this.#listener.onPing?.(payload);
  }

  onPong(payload: Buffer): void {
    this.#handover?.onPong(payload);
    this.#monitor.onPong();
    this.#pings?.onPong(payload);
    this.#listener.onPong?.(payload);
  }

  onQueuedMessageFramed(): void {
    this.#handover?.frameNext(this.#batch.acceptedBytes);
    this.#listener.onQueuedMessageFramed?.();
  }

  onCompressed(): void {
    this.#frameBacklog(true);
    this.#reportWritable();
  }

  onInflating(isInflating: boolean): void {
    this.#isInflating = isInflating;
    if (isInflating) this.#transport.pause();
    else this.#resumeTransport();
  }

  onClose(code: number, reason: string | undefined): void {
    const closing = this.#beginClosing();
    closing.outcome = 'close-frame';
    closing.cause ??= 'peer-closed';
    closing.code = code;
    closing.reason = reason;
    this.#listener.onClosing();
    // RFC 6455 section 7.1.1: the server ends TCP first; the client only when the server does not.
    if (this.#options.role === 'server') this.#batch.end();
    closing.setDeadline(this.#options.closeTimeoutMs);
    this.#discard();
  }

  onFail(error: FourDError): void {
    const closing = this.#beginClosing();
    closing.outcome = 'failure';
    if (closing.cause !== undefined) closing.phase = 'closing';
    closing.cause = withEnding(error, closing.phase, 'local').endCause;
    closing.code = error.closeCode;
    closing.error = error;
    this.#listener.onClosing();
    this.#listener.onError(error);
    if (error.closeCode === CLOSE_ABNORMAL) {
      this.#transport.destroy();
      return;
    }
    this.#batch.end();
    closing.setDeadline(this.#options.closeTimeoutMs);
    // Reading goes on: with unread bytes the system would send a reset, which overtakes the close frame.
    this.#discard();
  }

  get partialMessageStaleMs(): number {
    return this.#monitor.staleMs(this.#protocol.partialMessageId);
  }

  // TransportListener

  onBytes(chunk: Buffer): void {
    this.#listener.runReading(Connection.#receiveIn, this, chunk);
  }

  #receive(chunk: Buffer): void {
    this.bytesReceived += chunk.length;
    // Bytes are not counted while the connection closes: they are discarded anyway, and exceeding a limit could destroy
    // the transport before the close frame has reached the peer.
    if (this.#closing !== undefined || this.#monitor.allowsBytes(chunk.length)) this.#protocol.receive(chunk);
    this.#noteBytes();
  }

  onWritable(): void {
    this.#batch.onWritable();
    this.#handover?.forget();
    this.#protocol.onOutputWritable();
    this.#frameBacklog(true);
    this.#reportWritable();
  }

  onEnd(): void {
    if (this.#closing?.isHandshakeOver === true) this.#batch.end();
    else {
      const missing = this.#protocol.isClosing ? 'an answer to the close frame' : 'a close frame';
      this.#lose('ERR_CONNECTION_LOST', `connection lost: the peer ended TCP without ${missing}`, 'peer-ended');
    }
  }

  onClosed(error: Error | undefined): void {
    const closing = this.#beginClosing();
    if (closing.outcome === undefined) {
      const detail = error === undefined ? 'the socket was destroyed' : `TCP was reset or failed (${error.message})`;
      this.#lose('ERR_CONNECTION_LOST', `connection lost: ${detail}`, 'peer-reset', error);
    }
    closing.finish();
    this.#pings?.end();
    this.#monitor.stop();
    this.#batch.close();
    const leftovers = this.#takeLeftovers(closing.isAnswered);
    unsentBudget.remove(this);
    this.#protocol.abandon();
    const ending = {
      code: closing.code,
      reason: closing.reason,
      wasClean: closing.outcome === 'close-frame',
      cause: closing.cause ?? 'local',
      phase: closing.phase,
      error: closing.error,
      bytesReceived: this.bytesReceived,
      bytesSent: this.bytesSent,
      openMs: Math.round(monotonicMs() - this.#openedAtMs),
    };
    this.#listener.onTerminated(ending, leftovers);
  }

  // MonitoredPeer

  get component(): ComponentSignature {
    return this.#options.role === 'server' ? 'HTTP' : 'HTCL';
  }

  get isReading(): boolean {
    return !this.#isPaused && !this.#isInflating;
  }

  sendPing(): void {
    // The payload tells the pong from others, as an answer that proves what the peer has read.
    const payload = this.#handover === undefined ? NO_PAYLOAD : randomFillSync(Buffer.alloc(PROOF_BYTES));
    this.#handover?.notePing(payload);
    this.#protocol.sendPing(payload);
  }

  sendPong(): void {
    this.#protocol.sendPong(NO_PAYLOAD);
  }

  onLimitExceeded(error: FourDError): void {
    // The closing handshake is over: only TCP is left to end, so exceeding a limit is no error.
    if (this.#closing?.isHandshakeOver === true) this.#transport.destroy();
    else this.#protocol.fail(error);
  }

  // UnsentHolder

  onUnsentBudgetExceeded(limitBytes: number, observedBytes: number): void {
    // What waits is dropped, since its memory is needed. A close frame would wait behind it.
    this.#batch.close();
    this.fail(
      new FourDError(
        'ERR_BUFFER_BUDGET',
        `too many bytes wait to be sent: ${observedBytes} in this process (setGlobalLimits: maxBufferedBytes ` +
          `${limitBytes}), and most of them for this peer; await drained() before sending more`,
        { componentSignature: this.component, side: 'remote', limit: limitBytes, observed: observedBytes },
      ),
    );
    this.#transport.reset();
  }

  // WriteBatchListener

  onBlocked(): void {
    unsentBudget.update(this, this.bufferedBytes);
  }

  onMessageDetached(hasBegun: boolean): void {
    this.fail(
      new FourDError(
        'ERR_MESSAGE_DETACHED',
        'cannot send: the bytes of a large message were transferred, resized or put out of bounds before they were ' +
          'sent; send a copy, or await drained() first',
        { componentSignature: this.component },
      ),
    );
    // No frame can follow a part of one: the close frame that waits does not leave.
    if (hasBegun) this.#transport.destroy();
  }

  // ClosingListener

  onCloseTimeout(): void {
    const closing = this.#beginClosing();
    // The closing handshake is over: only TCP is left to end, which does not need the peer.
    if (closing.isHandshakeOver) this.#transport.destroy();
    else {
      const message = `connection lost: the peer did not answer the close frame within ${closing.shortestTimeoutMs} ms`;
      this.#lose('ERR_CLOSE_TIMEOUT', message, 'timeout');
    }
  }

  #noteBytes(): void {
    this.#monitor.onBytes(this.#protocol.partialMessageId, this.#protocol.partialMessageBytes);
  }

  /** Drops what was not handed to the transport, and reports no error from now on. */
  #abandon(cause: EndCause): void {
    const closing = this.#beginClosing();
    if (closing.outcome === undefined) {
      if (closing.cause !== undefined) closing.phase = 'closing';
      closing.outcome = 'destroyed';
      closing.cause = cause;
    }
    this.#batch.close();
    this.#protocol.abandon();
  }

  #beginClosing(): ClosingState {
    this.#closing ??= new ClosingState(this);
    return this.#closing;
  }

  #lose(code: 'ERR_CONNECTION_LOST' | 'ERR_CLOSE_TIMEOUT', message: string, endCause: EndCause, cause?: Error): void {
    const componentSignature = this.component;
    this.#protocol.fail(new FourDError(code, message, { componentSignature, side: 'remote', endCause, cause }));
  }

  /** Bytes that the system was given: those that the transport has not dropped. */
  get bytesSent(): number {
    return this.#batch.bytesWritten - this.#transport.droppedBytes;
  }

  /** Writes a message of the user, and keeps a copy until the system has been given all of it. */
  #writeAndKeep(handover: Handover, data: string | Buffer | PreparedMessage, compress: boolean | undefined): void {
    this.#write(data, compress);
    // Most of a long message has left already. When the rest leaves too, no copy is needed.
    if (Buffer.isBuffer(data) && data.length >= LONG_BYTES) this.#batch.flush();
    if (this.#protocol.isClosing) return;
    if (!this.#protocol.isDeflating && this.#batch.acceptedBytes === this.bytesSent) handover.countHanded();
    else this.#keep(handover, this.#toBacklogMessage(data, compress));
  }

  #keep(handover: Handover, message: BacklogMessage): void {
    if (this.#protocol.isDeflating) handover.addUnframed(message);
    else handover.addFramed(message, this.#batch.acceptedBytes);
  }

  /** @param isAnswered - whether the peer has read all that was handed to the system */
  #takeLeftovers(isAnswered: boolean): Leftovers | undefined {
    const backlog = this.#backlog;
    this.#backlog = undefined;
    const leftovers = this.#handover?.take();
    if (leftovers === undefined) return undefined;
    const unsent = [...leftovers.unsent];
    for (let message = backlog?.shift(); message !== undefined; message = backlog?.shift()) unsent.push(message);
    return { unsent, uncertainCount: isAnswered ? 0 : leftovers.uncertainCount };
  }

  #write(data: string | Buffer | PreparedMessage, compress: boolean | undefined): void {
    if (typeof data === 'string') this.#protocol.sendText(data, compress);
    else if (Buffer.isBuffer(data)) this.#protocol.sendBinary(data, compress);
    else this.#protocol.sendPrepared(data, compress);
  }

  /** Queues one more message while the connection is blocked; `bufferPolicy` decides above `maxBufferedBytes`. */
  #sendBlocked(
    data: string | Buffer | PreparedMessage,
    compress: boolean | undefined,
    isDroppable: boolean,
  ): SendStatus {
    const { maxBufferedBytes, bufferPolicy } = this.#options;
    while (this.bufferedBytes > maxBufferedBytes) {
      if (bufferPolicy === 'drop-newest') return 'dropped';
      if (bufferPolicy === 'drop-oldest' && this.#backlog?.dropOldest() === true) {
        this.#listener.onDropped();
        continue;
      }
      if (bufferPolicy === 'drop-oldest' && isDroppable) return 'dropped';
      this.#failBufferFull(this.bufferedBytes);
      return 'dropped';
    }
    if (bufferPolicy !== 'drop-oldest' && this.#handover === undefined) {
      this.#write(data, compress);
      return this.#countQueued();
    }
    this.#backlog ??= new SendBacklog();
    this.#backlog.push(this.#toBacklogMessage(data, compress), isDroppable);
    return this.#countQueued();
  }

  /** Whether something more may be sent; ends the connection when too much waits. */
  #hasRoom(): boolean {
    if (this.#protocol.isClosing) return false;
    const { maxBufferedBytes } = this.#options;
    const isFull = this.isBlocked && this.bufferedBytes > maxBufferedBytes;
    if (isFull) this.#failBufferFull(this.bufferedBytes);
    return !isFull;
  }

  /** Counts what was framed, or queued to be compressed, after {@link #hasRoom}. */
  #countFramed(): SendStatus {
    if (this.#protocol.isClosing) return 'dropped';
    return this.isBlocked ? this.#countQueued() : 'sent';
  }

  #toBacklogMessage(data: string | Buffer | PreparedMessage, compress: boolean | undefined): BacklogMessage {
    const isBytes = Buffer.isBuffer(data);
    const bytes = typeof data === 'string' || isBytes ? data.length : data.payload.length;
    // The bytes are copied where framing would copy them: all of a client, and of a server short ones and those that were
    // lent to the user.
    const isCopied = isBytes && (this.#options.role === 'client' || bytes < LARGE_PAYLOAD_BYTES || isReused(data));
    return { data: isCopied ? Buffer.from(data) : data, compress, bytes };
  }

  /** Counts a message that has been queued in the budget of all connections, which may end this connection. */
  #countQueued(): SendStatus {
    // Writing the message may have ended this connection already.
    if (!this.#protocol.isClosing) unsentBudget.update(this, this.bufferedBytes);
    // A message that is kept is still sent: by the next connection.
    return this.#protocol.isClosing && this.#handover === undefined ? 'dropped' : 'queued';
  }

  #failBufferFull(waitingBytes: number): void {
    const { maxBufferedBytes } = this.#options;
    this.fail(
      new FourDError(
        'ERR_BUFFER_FULL',
        `the peer reads too slowly: ${waitingBytes} bytes wait to be sent (maxBufferedBytes ${maxBufferedBytes}); ` +
          'await drained() before sending more',
        { componentSignature: this.component, side: 'remote', limit: maxBufferedBytes, observed: waitingBytes },
      ),
    );
  }

  /** Frames the messages of the backlog; with `stopsWhenBlocked`, only until the connection is blocked again. */
  #frameBacklog(stopsWhenBlocked: boolean): void {
    const backlog = this.#backlog;
    if (backlog === undefined) return;
    for (;;) {
      // The connection has failed, or the peer has closed it.
      if (this.#protocol.isClosing) return;
      if (stopsWhenBlocked && (this.#batch.isBlocked || this.#protocol.waitingBytes > 0)) return;
      const message = backlog.shift();
      if (message === undefined) break;
      if (Buffer.isBuffer(message.data) && message.data.length !== message.bytes) {
        this.onMessageDetached(false);
        return;
      }
      this.#write(message.data, message.compress);
      if (this.#handover === undefined) continue;
      // A message that cannot be compressed has ended the connection.
      if (this.#protocol.isClosing) backlog.prepend([message]);
      else this.#keep(this.#handover, message);
    }
    this.#backlog = undefined;
  }

  #reportWritable(): void {
    if (this.isBlocked) return;
    unsentBudget.remove(this);
    this.#listener.onWritable();
  }

  /** Reads on, unless a listener has paused again within an event. */
  #resumeTransport(): void {
    if (this.isReading) this.#transport.resume();
  }

  #discard(): void {
    // Reading goes on in a later turn, so that close() and fail() report no event that was held back.
    if (this.#isPaused) setImmediate(() => this.resume());
  }
}
