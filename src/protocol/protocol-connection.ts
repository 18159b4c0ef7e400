import { type ComponentSignature, type ErrorCode, type ErrorDetails, FourDError } from '../errors.ts';
import { buildClosePayload, isSendableCloseCode, parseClosePayload } from './close.ts';
import {
  FIN_BIT,
  MAX_CONTROL_PAYLOAD_BYTES,
  MAX_HEADER_BYTES,
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_TEXT,
  type Role,
  RSV1_BIT,
} from './constants.ts';
import { frameHeaderBytes, writeFrameHeader } from './frame.ts';
import { type FrameListener, FrameParser } from './frame-parser.ts';
import { applyMask, copyMasked, nextMaskingKey } from './mask.ts';
import { MessageAssembler, type MessageLimits, type MessageListener } from './message-assembler.ts';
import type { Output } from './output.ts';
import type { Compression, TransformDone } from './compression.ts';
import { Queue } from './queue.ts';
import { type PreparedMessage, sharedMessage } from './prepared-message.ts';
import type { ProtocolSink } from './sink.ts';

/** What a connection is made of. */
export interface ProtocolOptions extends MessageLimits {
  readonly role: Role;
  /** Whether text messages arrive as strings (true) or as bytes (false). */
  readonly decodesText: boolean;
  /** The negotiated compression, when there is one. */
  readonly compression?: Compression | undefined;
}

/** Payloads from this size on are handed over as they are; below, copying is cheaper than one more piece to gather. */
export const LARGE_PAYLOAD_BYTES = 16_384;
/** Texts up to this length are encoded straight into the output: three bytes for each UTF-16 unit at most. */
const SHORT_TEXT_LENGTH = LARGE_PAYLOAD_BYTES / 3;

/** Large payloads of a client are masked in pieces of this size. */
const MAX_PIECE_BYTES = 65_536;

/** A message that waits because the one before it is still being compressed. */
interface WaitingMessage {
  readonly opcode: number;
  readonly payload: Buffer;
  readonly compresses: boolean;
  /** Set when other connections send the same. */
  readonly shared: PreparedMessage | undefined;
}

/**
 * The WebSocket protocol of one connection (RFC 6455), without I/O, clock or promises: bytes go in through
 * {@link receive}, intents through the other methods; frames come out through the {@link Output}, events through the
 * {@link ProtocolSink}.
 *
 * @remarks Pings and close frames are answered here. After a close frame or a failure all that still comes is discarded.
 */
export class ProtocolConnection implements FrameListener, MessageListener {
  readonly #sink: ProtocolSink;
  readonly #output: Output;
  readonly #isClient: boolean;
  readonly #compression: Compression | undefined;
  readonly #parser: FrameParser;
  readonly #assembler: MessageAssembler;
  #isClosing = false;
  #isDone = false;
  #isPaused = false;
  #isInflating = false;
  #isInflatingTold = false;
  /** Reports a message whose inflating ended during a pause. */
  #inflated: (() => void) | undefined;
  #isDeflating = false;
  #waitingBytes = 0;
  /** Number of the message, or of the control frame between messages, that comes next or has come in part. */
  #ordinal = 1;
  /** Messages behind the one that is being compressed. */
  #waiting: Queue<WaitingMessage> | undefined;
  /** Our close frame, behind the waiting messages. */
  #waitingClose: Buffer | undefined;
  /** The latest ping that could not be answered at once. */
  #waitingPong: Buffer | undefined;

  constructor(sink: ProtocolSink, output: Output, options: ProtocolOptions) {
    this.#sink = sink;
    this.#output = output;
    this.#isClient = options.role === 'client';
    this.#compression = options.compression;
    this.#parser = new FrameParser(this, !this.#isClient, options.compression === undefined ? 0 : RSV1_BIT);
    this.#assembler = new MessageAssembler(this, options, options.decodesText, options.compression?.inflater);
  }

  /** True from the moment a close frame was sent, or was to be sent: no further message goes out. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /**
   * Which message, or control frame between messages, has come in part only: a number that no other one has, 0 for none.
   */
  get incomplete(): number {
    return !this.#isClosing && (this.#parser.isInFrame || this.#assembler.isIncomplete) ? this.#ordinal : 0;
  }

  /** Payload bytes of messages that are being compressed, or wait behind one that is. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Takes bytes from the peer, which it may change, and which may be used again after the call. Never throws. */
  receive(chunk: Buffer): void {
    this.#parser.receive(chunk);
  }

  /** Reports nothing more, after the current event, until {@link resume}. */
  pause(): void {
    this.#isPaused = true;
    this.#parser.pause();
  }

  /** Goes on after {@link pause}. Events that were held back come before this call returns. */
  resume(): void {
    this.#isPaused = false;
    const inflated = this.#inflated;
    this.#inflated = undefined;
    if (inflated !== undefined) this.onInflated(inflated);
    else if (!this.#isInflating) this.#parser.resume();
  }

  /**
   * Sends a text message. Does nothing once the connection is closing.
   *
   * @param compress - whether to compress it where compression was negotiated; by default by its length
   */
  sendText(text: string, compress?: boolean): void {
    if (this.#isClosing) return;
    const shared = this.#isClient ? undefined : sharedMessage(text);
    const compresses = this.#compresses(text.length, compress);
    if (shared !== undefined) this.#sendShared(shared, compresses);
    else if (this.#isDeflating || compresses) {
      this.#sendInOrder({ opcode: OPCODE_TEXT, payload: Buffer.from(text, 'utf8'), compresses, shared });
    } else if (text.length <= SHORT_TEXT_LENGTH) this.#writeShortText(text);
    else this.#writeFrame(FIN_BIT | OPCODE_TEXT, Buffer.from(text, 'utf8'));
  }

  /**
   * Sends a binary message. Does nothing once the connection is closing.
   *
   * @param bytes - copied when shorter than 16 KiB; longer ones must not change until they have left
   */
  sendBinary(bytes: Buffer, compress?: boolean): void {
    if (this.#isClosing) return;
    const compresses = this.#compresses(bytes.length, compress);
    if (this.#isDeflating || compresses) {
      const payload = bytes.length < LARGE_PAYLOAD_BYTES ? Buffer.from(bytes) : bytes;
      this.#sendInOrder({ opcode: OPCODE_BINARY, payload, compresses, shared: undefined });
    } else this.#writeFrame(FIN_BIT | OPCODE_BINARY, bytes);
  }

  /** Sends a message that other connections send too. For servers only. Does nothing once the connection is closing. */
  sendPrepared(message: PreparedMessage, compress?: boolean): void {
    if (!this.#isClosing) this.#sendShared(message, this.#compresses(message.payload.length, compress));
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
    if (this.#isClosing) return;
    this.#isClosing = true;
    // What has come of an unfinished message will never be delivered.
    this.#assembler.clear();
    const payload = buildClosePayload(code, reason);
    if (this.#isDeflating) this.#waitingClose = payload;
    else this.#writeClose(payload);
  }

  /**
   * Ends the connection because of an error: sends its close code where there is one, and discards what still comes.
   * The sink hears `onFail`.
   *
   * @returns false when the connection is over already, and nothing happens
   */
  fail(error: FourDError): boolean {
    if (this.#isDone) return false;
    const isCloseSent = this.#isClosing && this.#waitingClose === undefined;
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
  onOutputDrained(): void {
    const pong = this.#waitingPong;
    this.#waitingPong = undefined;
    if (pong !== undefined && !this.#isClosing) this.#writeFrame(FIN_BIT | OPCODE_PONG, pong);
  }

  // FrameListener

  onDataHeader(firstByte: number, payloadBytes: number): boolean {
    // After our own close frame nothing is delivered any more, so nothing needs to be held or checked.
    return this.#isClosing || this.#assembler.begin(firstByte, payloadBytes);
  }

  onDataPayload(bytes: Buffer, start: number, end: number, isAscii: boolean, isLast: boolean): void {
    if (this.#isClosing) return;
    this.#assembler.take(bytes, start, end, isAscii, isLast);
    if (!this.#isInflating || this.#isInflatingTold) return;
    this.#isInflatingTold = true;
    this.#sink.onInflating(true);
  }

  onControlFrame(opcode: number, payload: Buffer): void {
    // One within a message does not make that a new one.
    if (!this.#assembler.isIncomplete) this.#ordinal++;
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
    this.#isInflating = true;
    this.#parser.pause();
  }

  onInflated(report: () => void): void {
    // An inflater may be done after the connection has begun to close: then nobody wants the result.
    if (!this.#isClosing) {
      if (this.#isPaused) {
        this.#inflated = report;
        return;
      }
      report();
    }
    this.#isInflating = false;
    if (this.#isInflatingTold) {
      this.#isInflatingTold = false;
      this.#sink.onInflating(false);
    }
    if (!this.#isPaused) this.#parser.resume();
  }

  #onCloseFrame(payload: Buffer): void {
    const close = parseClosePayload(payload);
    if ('error' in close) {
      this.onMessageViolation(close.error, close.message);
      return;
    }
    // RFC 6455 section 5.5.1: the answer repeats the code. A peer that has closed takes no messages: none is waited for.
    const answer = this.#isClosing ? this.#waitingClose : buildClosePayload(close.code, '');
    this.#finish();
    if (answer !== undefined) this.#writeClose(answer);
    this.#sink.onClose(close.code, close.reason);
  }

  #answerPing(payload: Buffer): void {
    // Deviation: RFC 6455 section 5.5.2 asks for an answer after our own close frame too, but a peer discards what follows
    // that frame.
    if (this.#isClosing) return;
    // RFC 6455 section 5.5.3 allows to answer the latest ping only: a peer that pings and does not read costs nothing.
    this.#waitingPong = this.#output.isBlocked ? Buffer.from(payload) : undefined;
    if (this.#waitingPong === undefined) this.#writeFrame(FIN_BIT | OPCODE_PONG, payload);
  }

  /** Lets go of all that waits, in and out. */
  #finish(): void {
    this.#isClosing = true;
    this.#isDone = true;
    this.#parser.stop();
    this.#assembler.clear();
    this.#inflated = undefined;
    this.#waiting = undefined;
    this.#waitingBytes = 0;
    this.#waitingClose = undefined;
    this.#waitingPong = undefined;
  }

  #sendControl(opcode: number, payload: Buffer): void {
    if (payload.length > MAX_CONTROL_PAYLOAD_BYTES) {
      throw new RangeError(`control frame too long: ${payload.length} bytes (at most ${MAX_CONTROL_PAYLOAD_BYTES})`);
    }
    if (!this.#isClosing) this.#writeFrame(FIN_BIT | opcode, payload);
  }

  #writeClose(payload: Buffer): void {
    this.#writeFrame(FIN_BIT | OPCODE_CLOSE, payload);
  }

  // Writing frames

  #writeShortText(text: string): void {
    const output = this.#output;
    const offset = output.reserve(MAX_HEADER_BYTES + text.length * 3);
    const { buffer } = output;
    // Most text is ASCII: the header is placed for that, and the payload moved when it turns out longer.
    const guessedStart = offset + frameHeaderBytes(text.length, this.#isClient);
    const payloadBytes = buffer.write(text, guessedStart, 'utf8');
    const start = offset + frameHeaderBytes(payloadBytes, this.#isClient);
    if (start !== guessedStart) buffer.copyWithin(start, guessedStart, guessedStart + payloadBytes);
    const key = this.#isClient ? nextMaskingKey() : undefined;
    writeFrameHeader(buffer, offset, FIN_BIT | OPCODE_TEXT, payloadBytes, key);
    const end = start + payloadBytes;
    if (key !== undefined) applyMask(buffer, start, end, key);
    output.commit(end - offset);
  }

  #writeFrame(firstByte: number, payload: Buffer): void {
    if (this.#isClient) {
      this.#writeMaskedFrame(firstByte, payload, nextMaskingKey());
      return;
    }
    const output = this.#output;
    const headerBytes = frameHeaderBytes(payload.length, false);
    if (payload.length >= LARGE_PAYLOAD_BYTES) {
      const header = Buffer.allocUnsafe(headerBytes);
      writeFrameHeader(header, 0, firstByte, payload.length, undefined);
      output.append(header);
      output.append(payload);
      return;
    }
    const offset = output.reserve(headerBytes + payload.length);
    const start = writeFrameHeader(output.buffer, offset, firstByte, payload.length, undefined);
    payload.copy(output.buffer, start);
    output.commit(headerBytes + payload.length);
  }

  /** A client has to copy every payload, so a large one goes through the memory of the output too, piece by piece. */
  #writeMaskedFrame(firstByte: number, payload: Buffer, key: number): void {
    const output = this.#output;
    const { length } = payload;
    const headerBytes = frameHeaderBytes(length, true);
    let end = Math.min(length, MAX_PIECE_BYTES);
    const offset = output.reserve(headerBytes + end);
    writeFrameHeader(output.buffer, offset, firstByte, length, key);
    copyMasked(payload, 0, end, output.buffer, offset + headerBytes, key);
    output.commit(headerBytes + end);
    while (end < length) {
      const start = end;
      end = Math.min(length, start + MAX_PIECE_BYTES);
      const pieceOffset = output.reserve(end - start);
      // Pieces are whole words, so the key needs no rotation.
      copyMasked(payload, start, end, output.buffer, pieceOffset, key);
      output.commit(end - start);
    }
  }

  #compresses(length: number, compress: boolean | undefined): boolean {
    return this.#compression !== undefined && (compress ?? length >= this.#compression.thresholdBytes);
  }

  #sendShared(shared: PreparedMessage, compresses: boolean): void {
    if (this.#isDeflating || compresses) {
      this.#sendInOrder({ opcode: shared.opcode, payload: shared.payload, compresses, shared });
    } else this.#output.appendShared(shared.frame);
  }

  /** Sends a message that is compressed, or comes behind one that is. */
  #sendInOrder(message: WaitingMessage): void {
    this.#waiting ??= new Queue();
    this.#waiting.push(message);
    this.#waitingBytes += message.payload.length;
    if (!this.#isDeflating) this.#deflateWaiting(true);
  }

  /** Compresses one message after the other. A loop, because a deflater may be done before its call returns. */
  #deflateWaiting(isAtOnce: boolean): void {
    let isLooping = true;
    for (let message = this.#waiting?.shift(); message !== undefined; message = this.#waiting?.shift()) {
      const { opcode, payload, compresses, shared } = message;
      if (!compresses) {
        this.#waitingBytes -= payload.length;
        this.#writeFrame(FIN_BIT | opcode, payload);
        continue;
      }
      this.#isDeflating = true;
      const { deflater } = this.#compression as Compression;
      const done: TransformDone = (error, result) => {
        this.#isDeflating = false;
        if (this.#isDone) return;
        this.#waitingBytes -= payload.length;
        if (error === undefined) this.#writeFrame(FIN_BIT | RSV1_BIT | opcode, result);
        // What cannot be compressed goes out as it is: RFC 7692 section 6 leaves that choice to each message.
        else this.#writeFrame(FIN_BIT | opcode, payload);
        if (!isLooping) this.#deflateWaiting(false);
      };
      if (shared !== undefined && deflater.isShared) shared.deflate(deflater, done);
      else deflater.deflate(payload, done);
      if (this.#isDeflating) {
        isLooping = false;
        return;
      }
    }
    const close = this.#waitingClose;
    this.#waitingClose = undefined;
    if (close !== undefined) this.#writeClose(close);
    else if (!isAtOnce) this.#sink.onCompressed();
  }
}
