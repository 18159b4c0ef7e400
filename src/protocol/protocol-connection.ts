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
import { type FrameListener, FrameParser } from './frame-parser.ts';
import { MessageAssembler, type MessageLimits, type MessageListener } from './message-assembler.ts';
import type { FrameOutput } from './frame-output.ts';
import type { Compression } from './compression.ts';
import { type DeflatableMessage, type DeflateListener, DeflateQueue } from './deflate-queue.ts';
import { type PreparedMessage, sharedMessage } from './prepared-message.ts';
import { INVALID_UTF8, readMessage } from './message-reader.ts';
import type { ProtocolSink } from './sink.ts';
import { LARGE_PAYLOAD_BYTES, SHORT_TEXT_LENGTH, writeFrame, writeShortText } from './frame-writer.ts';

/** What a connection is made of. */
export interface ProtocolOptions extends MessageLimits {
  readonly role: Role;
  /** Whether text messages arrive as strings (true) or as bytes (false). */
  readonly decodesText: boolean;
  /** The negotiated compression, when there is one. */
  readonly compression?: Compression | undefined;
}

/**
 * `open`: messages go both ways. `closeSent`: our close frame was sent, or waits behind messages that are being
 * compressed; only the peer's close frame counts. `done`: both close frames were sent, or the connection failed.
 */
type ProtocolState = 'open' | 'closeSent' | 'done';

/** A message that is being inflated. */
interface Inflating {
  /** Whether the sink knows: it is not told of what takes no time. */
  isTold: boolean;
  /** Reports the result, when inflating has ended during a pause. */
  report: (() => void) | undefined;
}

/**
 * The WebSocket protocol of one connection (RFC 6455), without I/O, clock or promises: bytes go in through
 * {@link receive}, intents through the other methods; frames come out through the {@link FrameOutput}, events through the
 * {@link ProtocolSink}.
 *
 * @remarks Pings and close frames are answered here. After a close frame or a failure all that still comes is discarded.
 */
export class ProtocolConnection implements FrameListener, MessageListener, DeflateListener {
  readonly #sink: ProtocolSink;
  readonly #output: FrameOutput;
  readonly #options: ProtocolOptions;
  /** Undefined once the connection is done: what still comes is discarded. */
  #parser: FrameParser | undefined;
  /** Only while there is a message that is compressed, or not whole. */
  #assembler: MessageAssembler | undefined;
  #state: ProtocolState = 'open';
  #isPaused = false;
  #inflating: Inflating | undefined;
  /** Made with the first message that is compressed. */
  #deflating: DeflateQueue | undefined;
  /** Number of the message, or of the control frame between messages, that comes next or has come in part. */
  #ordinal = 1;
  /** The latest ping that could not be answered at once. */
  #waitingPong: Buffer | undefined;

  constructor(sink: ProtocolSink, output: FrameOutput, options: ProtocolOptions) {
    this.#sink = sink;
    this.#output = output;
    this.#options = options;
    this.#parser = new FrameParser(this, !this.#isClient, options.compression === undefined ? 0 : RSV1_BIT);
  }

  /** True from the moment a close frame was sent, or was to be sent: no further message goes out. */
  get isClosing(): boolean {
    return this.#state !== 'open';
  }

  /**
   * Which message, or control frame between messages, has come in part only: a number that no other one has, 0 for none.
   */
  get partialMessageId(): number {
    const isPartial = this.#state === 'open' && (this.#parser?.isInFrame === true || this.#isInMessage);
    return isPartial ? this.#ordinal : 0;
  }

  /** Payload bytes of messages that are being compressed, or wait behind one that is. */
  get waitingBytes(): number {
    return this.#deflating?.waitingBytes ?? 0;
  }

  /** Takes bytes from the peer, which it may change, and which may be used again after the call. Never throws. */
  receive(chunk: Buffer): void {
    this.#parser?.receive(chunk);
  }

  /** Reports nothing more, after the current event, until {@link resume}. */
  pause(): void {
    this.#isPaused = true;
    this.#parser?.pause();
  }

  /** Goes on after {@link pause}. Events that were held back come before this call returns. */
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
   * @param compress - whether to compress it where compression was negotiated; by default by its length
   */
  sendText(text: string, compress?: boolean): void {
    if (this.#state !== 'open') return;
    const shared = this.#isClient ? undefined : sharedMessage(text);
    const compresses = this.#compresses(text.length, compress);
    if (shared !== undefined) this.#sendShared(shared, compresses);
    else if (compresses || this.#isDeflating) {
      this.#sendInOrder({ opcode: OPCODE_TEXT, payload: Buffer.from(text, 'utf8'), compresses, shared });
    } else if (text.length <= SHORT_TEXT_LENGTH) writeShortText(this.#output, text, this.#isClient);
    else this.#writeFrame(FIN_BIT | OPCODE_TEXT, Buffer.from(text, 'utf8'));
  }

  /**
   * Sends a binary message. Does nothing once the connection is closing.
   *
   * @param bytes - copied when shorter than 16 KiB; longer ones must not change until they have left
   */
  sendBinary(bytes: Buffer, compress?: boolean): void {
    if (this.#state !== 'open') return;
    const compresses = this.#compresses(bytes.length, compress);
    if (compresses || this.#isDeflating) {
      const payload = bytes.length < LARGE_PAYLOAD_BYTES ? Buffer.from(bytes) : bytes;
      this.#sendInOrder({ opcode: OPCODE_BINARY, payload, compresses, shared: undefined });
    } else this.#writeFrame(FIN_BIT | OPCODE_BINARY, bytes);
  }

  /** Sends a message that other connections send too. For servers only. Does nothing once the connection is closing. */
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
   * Begins the closing handshake (RFC 6455 section 7.1.2). Messages that come after this call are discarded; those that
   * are still being compressed leave in front of the close frame.
   *
   * @param code - a code that may be sent, or 1005 for an empty close frame
   * @param reason - cut to 123 bytes at a code point
   */
  close(code: number, reason: string): void {
    if (this.#state !== 'open') return;
    this.#state = 'closeSent';
    // What has come of an unfinished message will never be delivered.
    this.#forgetMessage();
    const payload = buildClosePayload(code, reason);
    if (this.#deflating?.isDeflating === true) this.#deflating.pushClose(payload);
    else this.#writeClose(payload);
  }

  /**
   * Ends the connection because of an error: sends its close code where there is one, and discards what still comes.
   * The sink hears `onFail`.
   *
   * @returns false when the connection is over already, and nothing happens
   */
  fail(error: FourDError): boolean {
    if (this.#state === 'done') return false;
    const isCloseSent = this.#state === 'closeSent' && this.#deflating?.waitingClose === undefined;
    this.#finish();
    // The peer gets the code, and no detail of what went wrong here.
    if (!isCloseSent && isSendableCloseCode(error.closeCode)) this.#writeClose(buildClosePayload(error.closeCode, ''));
    this.#sink.onFail(error);
    return true;
  }

  /** Ends the connection without a word: the transport is gone. */
  abandon(): void {
    this.#finish();
  }

  /** To be called when the output takes bytes again: a pong that had to wait goes out. */
  onOutputWritable(): void {
    const pong = this.#waitingPong;
    this.#waitingPong = undefined;
    if (pong !== undefined && this.#state === 'open') this.#writeFrame(FIN_BIT | OPCODE_PONG, pong);
  }

  // FrameListener

  onDataHeader(firstByte: number, payloadBytes: number): boolean {
    // After our own close frame nothing is delivered any more, so nothing needs to be held or checked.
    if (this.#state !== 'open') return true;
    if (this.#assembler === undefined) {
      // Whether an assembler is needed shows with the payload.
      if (isWholeMessage(firstByte) && payloadBytes <= this.#options.maxMessageBytes) return true;
      this.#assembler = this.#createAssembler();
    }
    return this.#assembler.begin(firstByte, payloadBytes);
  }

  onDataPayload(bytes: Buffer, start: number, end: number, isAscii: boolean, isLast: boolean): void {
    if (this.#state !== 'open') return;
    let assembler = this.#assembler;
    if (assembler === undefined) {
      const { firstByte, missingBytes } = this.#parser as FrameParser;
      if (isLast) {
        this.#deliver(bytes, start, end, firstByte === (FIN_BIT | OPCODE_TEXT), isAscii);
        return;
      }
      assembler = this.#createAssembler();
      this.#assembler = assembler;
      assembler.begin(firstByte, end - start + missingBytes);
    }
    assembler.take(bytes, start, end, isAscii, isLast);
    if (!assembler.isIncomplete) this.#assembler = undefined;
    if (this.#inflating === undefined || this.#inflating.isTold) return;
    this.#inflating.isTold = true;
    this.#sink.onInflating(true);
  }

  onControlFrame(opcode: number, payload: Buffer): void {
    // One within a message does not make that a new one.
    if (!this.#isInMessage) this.#ordinal++;
    if (opcode === OPCODE_CLOSE) this.#onCloseFrame(payload);
    else if (opcode === OPCODE_PONG) this.#sink.onPong(payload);
    else {
      this.#answerPing(payload);
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
    this.fail(new FourDError(code, message, { ...details, componentSignature, side: 'remote' }));
  }

  onInflating(): void {
    this.#inflating = { isTold: false, report: undefined };
    this.#parser?.pause();
  }

  onInflated(report: () => void): void {
    const inflating = this.#inflating as Inflating;
    // An inflater may be done after the connection has begun to close: then nobody wants the result.
    if (this.#state === 'open') {
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
  }

  onDeflatedClose(payload: Buffer): void {
    this.#writeClose(payload);
  }

  onAllDeflated(): void {
    this.#sink.onCompressed();
  }

  get #isClient(): boolean {
    return this.#options.role === 'client';
  }

  get #isDeflating(): boolean {
    return this.#deflating?.isDeflating === true;
  }

  /** Whether a message has begun and not ended, and this is not its only frame. */
  get #isInMessage(): boolean {
    return this.#assembler?.isIncomplete === true;
  }

  #createAssembler(): MessageAssembler {
    const { decodesText, compression } = this.#options;
    return new MessageAssembler(this, this.#options, decodesText, compression?.inflater);
  }

  /** Reports a message that has come whole. */
  #deliver(bytes: Buffer, start: number, end: number, isText: boolean, isAscii: boolean): void {
    const data = readMessage(bytes, start, end, isText, isAscii, this.#options.decodesText);
    if (data === undefined) this.onMessageViolation('ERR_INVALID_UTF8', INVALID_UTF8);
    else this.onAssembledMessage(data, isText);
  }

  #endInflating({ isTold }: Inflating): void {
    this.#inflating = undefined;
    if (isTold) this.#sink.onInflating(false);
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
    // RFC 6455 section 5.5.1: the answer repeats the code. A peer that has closed takes no messages: none is waited for.
    const answer = this.#state === 'open' ? buildClosePayload(close.code, '') : this.#deflating?.waitingClose;
    this.#finish();
    if (answer !== undefined) this.#writeClose(answer);
    this.#sink.onClose(close.code, close.reason);
  }

  #answerPing(payload: Buffer): void {
    // Deviation: RFC 6455 section 5.5.2 asks for an answer after our own close frame too, but a peer discards what follows
    // that frame.
    if (this.#state !== 'open') return;
    // RFC 6455 section 5.5.3 allows to answer the latest ping only: a peer that pings and does not read costs nothing.
    this.#waitingPong = this.#output.isBlocked ? Buffer.from(payload) : undefined;
    if (this.#waitingPong === undefined) this.#writeFrame(FIN_BIT | OPCODE_PONG, payload);
  }

  /** Lets go of all that waits, in and out. */
  #finish(): void {
    this.#state = 'done';
    this.#parser?.stop();
    this.#parser = undefined;
    this.#forgetMessage();
    this.#deflating?.clear();
    this.#deflating = undefined;
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
    if (compresses || this.#isDeflating) {
      this.#sendInOrder({ opcode: shared.opcode, payload: shared.payload, compresses, shared });
    } else this.#output.appendShared(shared.frame);
  }

  /** Sends a message that is compressed, or comes behind one that is. */
  #sendInOrder(message: DeflatableMessage): void {
    this.#deflating ??= new DeflateQueue(this, (this.#options.compression as Compression).deflater);
    this.#deflating.push(message);
  }
}

/** Whether the first byte of a frame says that this is all of a message, and not compressed. */
function isWholeMessage(firstByte: number): boolean {
  return firstByte === (FIN_BIT | OPCODE_TEXT) || firstByte === (FIN_BIT | OPCODE_BINARY);
}
