import { type ComponentSignature, type ErrorCode, type ErrorDetails, FourDError } from '../errors.ts';
import { buildClosePayload, isSendableCloseCode, parseClosePayload } from './close.ts';
import {
  FIN_BIT,
  MAX_CONTROL_PAYLOAD_BYTES,
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_TEXT,
  type Role,
  RSV1_BIT,
} from './constants.ts';
import { headerBytesOf } from './frame-header.ts';
import { type FrameListener, FrameParser } from './frame-parser.ts';
import { MessageAssembler, type MessageLimits, type MessageListener } from './message-assembler.ts';
import type { FrameOutput } from './frame-output.ts';
import type { Compression, Inflater } from './compression.ts';
import { type DeflatableMessage, type DeflateListener, DeflateQueue } from './deflate-queue.ts';
import { type PreparedMessage, sharedMessage } from './prepared-message.ts';
import { giveAssemblyMemoryBack, takeLentMemory } from './assembly-memory.ts';
import { INVALID_UTF8, readMessage } from './message-reader.ts';
import type { ProtocolSink } from './sink.ts';
import { SHORT_TEXT_LENGTH, writeFrame, writeLongText, writeShortText } from './frame-writer.ts';

/** The options of a {@link ProtocolConnection}. */
export interface ProtocolOptions extends MessageLimits {
  readonly role: Role;
  /** True when text messages arrive as strings, false when they arrive as bytes. */
  readonly decodesText: boolean;
  /** Whether the bytes of messages are valid only within `onMessage` of the sink. Default false: the receiver keeps them. */
  readonly lendsBytes?: boolean | undefined;
  /** The negotiated compression, undefined when none was negotiated. */
  readonly compression?: Compression | undefined;
  /** Whether pings are answered. Default true: else the user sends the pongs. */
  readonly answersPings?: boolean | undefined;
  /** Whether messages are reported that arrive between our close frame and that of the peer. Default false. */
  readonly readsWhileClosing?: boolean | undefined;
  /** Whether the answer to the close frame of the peer repeats its reason too. Default false: only its code. */
  readonly repeatsReason?: boolean | undefined;
}

/** The first bytes of frames that hold a whole, uncompressed message. */
const TEXT = FIN_BIT | OPCODE_TEXT;
const BINARY = FIN_BIT | OPCODE_BINARY;

/**
 * `open`: messages go both ways. `closeSent`: our close frame was sent, or waits behind messages that are being
 * compressed; only the peer's close frame counts. `done`: both close frames were sent, or the connection failed.
 */
type ProtocolState = 'open' | 'closeSent' | 'done';

/** A message that is being inflated. */
interface Inflating {
  /** True once the sink has been told, which happens only when inflating is asynchronous. */
  isReported: boolean;
  /** Reports the result. Set when inflating has ended during a pause. */
  report: (() => void) | undefined;
}

/**
 * The WebSocket protocol of one connection (RFC 6455), without I/O, clock or promises: bytes go in through
 * {@link receive}, intents through the other methods; frames come out through the {@link FrameOutput}, events through
 * the {@link ProtocolSink}.
 *
 * @remarks This class answers pings and close frames. After a close frame or a failure, all further input is discarded.
 */
export class ProtocolConnection implements FrameListener, MessageListener, DeflateListener {
  readonly #sink: ProtocolSink;
  readonly #output: FrameOutput;
  readonly #options: ProtocolOptions;
  /** The parser, undefined once the connection is done and all further input is discarded. */
  #parser: FrameParser | undefined;
  /** The assembler, which exists only while a message is compressed or incomplete. */
  #assembler: MessageAssembler | undefined;
  /** The inflater of this connection, read with the first message that needs an assembler. */
  #inflater: Inflater | undefined;
  #state: ProtocolState = 'open';
  #isPaused = false;
  #inflating: Inflating | undefined;
  /** The queue of messages to compress, created for the first of them. */
  #deflateQueue: DeflateQueue | undefined;
  /** The number of the next or incomplete message, or of the control frame between messages. */
  #ordinal = 1;
  /** The payload of the latest ping, when the output was too busy for the pong. */
  #waitingPong: Buffer | undefined;

  constructor(sink: ProtocolSink, output: FrameOutput, options: ProtocolOptions) {
    this.#sink = sink;
    this.#output = output;
    this.#options = options;
    this.#parser = new FrameParser(this, !this.#isClient, options.compression === undefined ? 0 : RSV1_BIT);
  }

  /** True once a close frame was sent or queued, or the connection failed: no further message is sent. */
  get isClosing(): boolean {
    return this.#state !== 'open';
  }

  /**
   * A number that identifies the message, or the control frame between messages, that has arrived only in part; 0 when
   * there is none.
   */
  get partialMessageId(): number {
    const isPartial = this.#state === 'open' && (this.#parser?.isInFrame === true || this.#isInMessage);
    return isPartial ? this.#ordinal : 0;
  }

  /** Payload bytes of the incomplete message that are stored. */
  get partialMessageBytes(): number {
    return this.#assembler?.storedBytes ?? 0;
  }

  /** True while a message is being compressed. Messages that are sent meanwhile wait behind it. */
  get isDeflating(): boolean {
    return this.#deflateQueue?.isDeflating === true;
  }

  /** Payload bytes of the message that is being compressed and of all messages behind it. */
  get waitingBytes(): number {
    return this.#deflateQueue?.waitingBytes ?? 0;
  }

  /** The message that is being compressed and all messages behind it. */
  get waitingMessages(): number {
    return this.#deflateQueue?.waitingMessages ?? 0;
  }

  /** Takes bytes from the peer. The chunk may be changed, and may be used again after the call. Never throws. */
  receive(chunk: Buffer): void {
    this.#parser?.receive(chunk);
  }

  /** Reports no event after the current one until {@link resume}. */
  pause(): void {
    this.#isPaused = true;
    this.#parser?.pause();
  }

  /** Continues after {@link pause}. The events that were held back are reported before this call returns. */
  resume(): void {
    this.#isPaused = false;
    const inflating = this.#inflating;
    if (inflating === undefined) this.#parser?.resume();
    else if (inflating.report !== undefined) {
      const { report } = inflating;
      inflating.report = undefined;
      this.onInflated(report);
    }
  }

  /**
   * Sends a text message. Does nothing once the connection is closing.
   *
   * @param compress - true or false to compress or not where compression was negotiated; by default the length decides
   */
  sendText(text: string, compress?: boolean): void {
    if (this.#state !== 'open') return;
    const shared = this.#isClient ? undefined : sharedMessage(text);
    const compresses = this.#compresses(text.length, compress);
    if (shared !== undefined) this.#sendShared(shared, compresses);
    else if (compresses || this.isDeflating) {
      this.#sendInOrder({ firstByte: TEXT, payload: Buffer.from(text, 'utf8'), compresses, shared });
    } else if (text.length <= SHORT_TEXT_LENGTH) writeShortText(this.#output, text, this.#isClient);
    else writeLongText(this.#output, text, this.#isClient);
  }

  /**
   * Sends a binary message. Does nothing once the connection is closing.
   *
   * @param bytes - copied at the call. A server copies uncompressed bytes from 16 KiB on piece by piece, when the output
   *   takes them, unless they lie in memory that was lent to the user
   */
  sendBinary(bytes: Buffer, compress?: boolean): void {
    this.sendFrame(BINARY, bytes, compress);
  }

  /**
   * Sends a text whose UTF-8 bytes are known, a binary message, or a fragment. Does nothing once the connection is closing.
   *
   * @param firstByte - FIN unless it is a fragment with others behind it, and the opcode
   * @param bytes - as for {@link sendBinary}
   * @param compress - as for {@link sendText}. Fragments are never compressed
   */
  sendFrame(firstByte: number, bytes: Buffer, compress?: boolean): void {
    if (this.#state !== 'open') return;
    const compresses = isWholeMessage(firstByte) && this.#compresses(bytes.length, compress);
    if (compresses || this.isDeflating) {
      // The bytes wait, or another thread reads them: the user may change them meanwhile, or give their memory away.
      this.#sendInOrder({ firstByte, payload: Buffer.from(bytes), compresses, shared: undefined });
    } else writeFrame(this.#output, firstByte, bytes, this.#isClient, true);
  }

  /**
   * Sends a finished frame: header and payload, not masked. Only for servers. Does nothing once the connection is closing.
   *
   * @param frame - must not change until it has been sent
   */
  sendFinished(frame: Buffer): void {
    if (this.#state !== 'open') return;
    if (this.isDeflating) {
      const payload = frame.subarray(headerBytesOf(frame));
      this.#sendInOrder({ firstByte: frame[0] as number, payload, compresses: false, shared: undefined });
    } else this.#output.appendShared(frame);
  }

  /** Sends a message that other connections send too. Only for servers. Does nothing once the connection is closing. */
  sendPrepared(message: PreparedMessage, compress?: boolean): void {
    if (this.#state === 'open') this.#sendShared(message, this.#compresses(message.payload.length, compress));
  }

  /**
   * Sends a ping. Does nothing once the connection is closing.
   *
   * @throws RangeError when the payload is longer than 125 bytes
   */
  sendPing(payload: Buffer): void {
    this.#sendControl(OPCODE_PING, payload);
  }

  /**
   * Sends a pong that no ping asked for (RFC 6455 section 5.5.3). Does nothing once the connection is closing.
   *
   * @throws RangeError when the payload is longer than 125 bytes
   */
  sendPong(payload: Buffer): void {
    this.#sendControl(OPCODE_PONG, payload);
  }

  /**
   * Starts the closing handshake (RFC 6455 section 7.1.2). Messages that arrive after this call are discarded. Messages
   * that are still being compressed are sent before the close frame.
   *
   * @param code - a code that may be sent, or 1005 for an empty close frame
   * @param reason - cut between code points when longer than 123 bytes of UTF-8
   */
  close(code: number, reason: string): void {
    if (this.#state !== 'open') return;
    this.#state = 'closeSent';
    // An unfinished message will never be delivered, so its memory is freed.
    if (!this.#reads) this.#forgetMessage();
    const payload = buildClosePayload(code, reason);
    if (this.#deflateQueue?.isDeflating === true) this.#deflateQueue.pushClose(payload);
    else this.#writeClose(payload);
  }

  /**
   * Ends the connection because of an error: sends the close code of the error if it may be sent, discards all further
   * input, and calls `onFail` of the sink.
   *
   * @returns false when the connection was over already and nothing was done
   */
  fail(error: FourDError): boolean {
    if (this.#state === 'done') return false;
    const isCloseSent = this.#state === 'closeSent' && this.#deflateQueue?.waitingClose === undefined;
    this.#finish();
    // The close frame has no reason, so that the peer learns no details of an error at this end.
    if (!isCloseSent && isSendableCloseCode(error.closeCode)) this.#writeClose(buildClosePayload(error.closeCode, ''));
    this.#sink.onFail(error);
    return true;
  }

  /** Ends the connection without sending or reporting anything, because the transport is gone. */
  abandon(): void {
    this.#finish();
  }

  /** Sends a pong that had to wait. To be called when the output accepts bytes again. */
  onOutputWritable(): void {
    const pong = this.#waitingPong;
    this.#waitingPong = undefined;
    if (pong !== undefined && this.#state === 'open') this.#writeFrame(FIN_BIT | OPCODE_PONG, pong);
  }

  // FrameListener

  onDataHeader(firstByte: number, payloadBytes: number): boolean {
    // After our close frame no message is delivered, so none needs to be kept or checked.
    if (this.#state !== 'open' && !this.#reads) return true;
    if (this.#assembler === undefined) {
      // The payload will show whether an assembler is needed.
      if (isWholeMessage(firstByte) && payloadBytes <= this.#options.maxMessageBytes) return true;
      this.#assembler = this.#createAssembler();
    }
    return this.#assembler.begin(firstByte, payloadBytes);
  }

  onDataPayload(bytes: Buffer, start: number, end: number, isAscii: boolean, isLast: boolean): void {
    if (this.#state !== 'open' && !this.#reads) return;
    let assembler = this.#assembler;
    if (assembler === undefined) {
      const { firstByte, missingBytes } = this.#parser as FrameParser;
      if (isLast) {
        this.#deliver(bytes, start, end, firstByte === TEXT, isAscii);
        return;
      }
      assembler = this.#createAssembler();
      this.#assembler = assembler;
      assembler.begin(firstByte, end - start + missingBytes);
    }
    assembler.take(bytes, start, end, isAscii, isLast);
    if (!assembler.isIncomplete) this.#assembler = undefined;
    if (this.#inflating === undefined || this.#inflating.isReported) return;
    this.#inflating.isReported = true;
    this.#sink.onInflating(true);
  }

  onControlFrame(opcode: number, payload: Buffer): void {
    // A control frame between the fragments of a message does not change the number of that message.
    if (!this.#isInMessage) this.#ordinal++;
    if (opcode === OPCODE_CLOSE) this.#onCloseFrame(payload);
    else if (opcode === OPCODE_PONG) this.#sink.onPong(payload);
    else {
      if (this.#options.answersPings !== false) this.#answerPing(payload);
      this.#sink.onPing(payload);
    }
  }

  onFramingViolation(code: ErrorCode, message: string): void {
    this.onMessageViolation(code, message);
  }

  // MessageListener

  onAssembledMessage(data: string | Buffer, isText: boolean): void {
    this.#ordinal++;
    this.#sink.onMessage(data, isText);
  }

  onMessageViolation(code: ErrorCode, message: string, details?: ErrorDetails): void {
    const componentSignature: ComponentSignature = this.#isClient ? 'HTCL' : 'HTTP';
    this.fail(new FourDError(code, message, { side: 'remote', ...details, componentSignature }));
  }

  get staleMs(): number {
    return this.#sink.partialMessageStaleMs;
  }

  onInflating(): void {
    this.#inflating = { isReported: false, report: undefined };
    this.#parser?.pause();
  }

  onInflated(report: () => void): void {
    const inflating = this.#inflating as Inflating;
    // The connection may have begun to close while a message was inflated: then the result is dropped.
    if (this.#reads) {
      if (this.#isPaused) {
        inflating.report = report;
        return;
      }
      report();
    }
    this.#endInflating(inflating);
    if (!this.#isPaused) this.#parser?.resume();
  }

  // DeflateListener

  onDeflated(firstByte: number, payload: Buffer): void {
    this.#writeFrame(firstByte, payload);
    this.#sink.onQueuedMessageFramed();
  }

  onDeflatedClose(payload: Buffer): void {
    this.#writeClose(payload);
  }

  onDeflateFailed(cause: Error): void {
    const message = `cannot compress a message: ${cause.message}`;
    const componentSignature = this.#isClient ? 'HTCL' : 'HTTP';
    this.fail(new FourDError('ERR_COMPRESSION_FAILED', message, { componentSignature, cause }));
  }

  onAllDeflated(): void {
    this.#sink.onCompressed();
  }

  get #isClient(): boolean {
    return this.#options.role === 'client';
  }

  /** Whether messages of the peer are reported. */
  get #reads(): boolean {
    return this.#state === 'open' || (this.#state === 'closeSent' && this.#options.readsWhileClosing === true);
  }

  /** True while the assembler holds an unfinished message. */
  get #isInMessage(): boolean {
    return this.#assembler?.isIncomplete === true;
  }

  #createAssembler(): MessageAssembler {
    const { decodesText, compression, lendsBytes } = this.#options;
    this.#inflater ??= compression?.inflater;
    return new MessageAssembler(this, this.#options, decodesText, this.#inflater, lendsBytes);
  }

  /** Reports a message whose bytes are all in `bytes[start..end)`. */
  #deliver(bytes: Buffer, start: number, end: number, isText: boolean, isAscii: boolean): void {
    const { decodesText, lendsBytes } = this.#options;
    // The user gets no slice of the chunk: whoever transferred the memory of a chunk away, would take it from the socket
    // that reads into it. A copy to memory that is in the cache takes 0.3 microseconds for 16 KiB, where new memory takes 3.
    const memory = lendsBytes === true ? takeLentMemory(end - start) : undefined;
    const data = readMessage(bytes, start, end, isText, isAscii, decodesText, memory);
    if (data === undefined) this.onMessageViolation('ERR_INVALID_UTF8', INVALID_UTF8);
    else this.onAssembledMessage(data, isText);
    if (memory !== undefined) giveAssemblyMemoryBack(memory);
  }

  #endInflating({ isReported }: Inflating): void {
    this.#inflating = undefined;
    if (isReported) this.#sink.onInflating(false);
  }

  #forgetMessage(): void {
    this.#assembler?.clear();
    this.#assembler = undefined;
  }

  #onCloseFrame(payload: Buffer): void {
    const close = parseClosePayload(payload);
    if ('error' in close) {
      this.onMessageViolation(close.error, close.message);
      return;
    }
    // RFC 6455 section 5.5.1: the answer repeats the code. After its close frame the peer discards messages, so
    // messages that are still being compressed are dropped.
    const reason = this.#options.repeatsReason === true ? close.reason : undefined;
    const isOpen = this.#state === 'open';
    const answer = isOpen ? buildClosePayload(close.code, reason ?? '') : this.#deflateQueue?.waitingClose;
    this.#finish();
    if (answer !== undefined) this.#writeClose(answer);
    this.#sink.onClose(close.code, close.reason);
  }

  #answerPing(payload: Buffer): void {
    // Deviation: RFC 6455 section 5.5.2 demands a pong after our close frame too, but the peer discards what follows
    // that frame.
    if (this.#state !== 'open') return;
    // RFC 6455 section 5.5.3 allows a pong for the latest ping only, so pongs to a slow reader do not pile up.
    this.#waitingPong = this.#output.isBlocked ? Buffer.from(payload) : undefined;
    if (this.#waitingPong === undefined) this.#writeFrame(FIN_BIT | OPCODE_PONG, payload);
  }

  /** Ends parsing, and drops incoming and outgoing messages that are not complete. */
  #finish(): void {
    this.#inflater?.end?.();
    this.#state = 'done';
    this.#parser?.stop();
    this.#parser = undefined;
    this.#forgetMessage();
    this.#deflateQueue?.clear();
    this.#deflateQueue = undefined;
    this.#waitingPong = undefined;
    if (this.#inflating?.report !== undefined) this.#endInflating(this.#inflating);
  }

  #sendControl(opcode: number, payload: Buffer): void {
    if (payload.length > MAX_CONTROL_PAYLOAD_BYTES) {
      throw new RangeError(`control frame too long: ${payload.length} bytes (at most ${MAX_CONTROL_PAYLOAD_BYTES})`);
    }
    if (this.#state === 'open') this.#writeFrame(FIN_BIT | opcode, payload);
  }

  #writeClose(payload: Buffer): void {
    this.#writeFrame(FIN_BIT | OPCODE_CLOSE, payload);
  }

  #writeFrame(firstByte: number, payload: Buffer): void {
    writeFrame(this.#output, firstByte, payload, this.#isClient);
  }

  #compresses(length: number, compress: boolean | undefined): boolean {
    const { compression } = this.#options;
    return compression !== undefined && (compress ?? length >= compression.thresholdBytes);
  }

  #sendShared(shared: PreparedMessage, compresses: boolean): void {
    if (compresses || this.isDeflating) {
      this.#sendInOrder({ firstByte: FIN_BIT | shared.opcode, payload: shared.payload, compresses, shared });
    } else this.#output.appendShared(shared.frame);
  }

  /** Sends a message that is to be compressed, or is queued behind such a message. */
  #sendInOrder(message: DeflatableMessage): void {
    this.#deflateQueue ??= new DeflateQueue(this, (this.#options.compression as Compression).deflater);
    this.#deflateQueue.push(message);
  }
}

/** Tells whether the first byte of a frame announces a whole, uncompressed message. */
function isWholeMessage(firstByte: number): boolean {
  return firstByte === TEXT || firstByte === BINARY;
}
