import type { ErrorCode } from '../errors.ts';
import {
  FIN_BIT,
  MASK_BIT,
  MAX_CONTROL_PAYLOAD_BYTES,
  MAX_HEADER_BYTES,
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_PONG,
  RSV_BITS,
} from './constants.ts';
import { applyMask, closeMaskingWindow, openMaskingWindow, rotateKey } from './mask.ts';
import { Queue } from '../base/queue.ts';

const EMPTY = Buffer.alloc(0);

/**
 * Receives the events of a {@link FrameParser}. The parser updates its state before each call, so a listener may pause
 * or stop the parser within the call.
 */
export interface FrameListener {
  /**
   * The header of a data frame has been read, but not its payload. The listener may stop the parser within this call,
   * but not pause it.
   *
   * @param firstByte - FIN, RSV bits and opcode
   * @returns false when the listener refused the frame and stopped the parser
   */
  onDataHeader(firstByte: number, payloadBytes: number): boolean;
  /**
   * The next payload bytes of the current data frame: `bytes[start..end)`, unmasked and valid only within the call.
   *
   * @param isAscii - true when all bytes are known to be ASCII, false when the parser does not know
   * @param isLast - true when the payload ends with these bytes
   */
  onDataPayload(bytes: Buffer, start: number, end: number, isAscii: boolean, isLast: boolean): void;
  /** A whole control frame. The payload is unmasked and valid only within the call. */
  onControlFrame(opcode: number, payload: Buffer): void;
  /** The peer broke a framing rule. The parser has stopped. */
  onFramingViolation(code: ErrorCode, message: string): void;
}

/**
 * Parses a byte stream into frames (RFC 6455 section 5), directly in the chunks that arrive.
 *
 * @remarks The split of the stream into chunks changes only the pieces in which data payloads are reported. Payloads
 * are unmasked in place. After a call, the parser keeps only the bytes of a header or control frame that the end of the
 * chunk has cut, or, while paused, a copy of the rest.
 */
export class FrameParser {
  readonly #listener: FrameListener;
  readonly #expectsMask: boolean;
  readonly #allowedReservedBits: number;
  #state: 'reading' | 'paused' | 'stopped' = 'reading';
  #isParsing = false;
  /** Copies of the bytes that arrived while paused. */
  #pausedChunks: Queue<Buffer> | undefined;
  /** An incomplete frame: the part of a header that has arrived, or the memory for the payload of a control frame. */
  #partial: Buffer | undefined;
  #isInPayload = false;
  #firstByte = 0;
  #missingBytes = 0;
  #key = 0;

  /**
   * @param expectsMask - true on the server: clients mask, servers do not (RFC 6455 section 5.1)
   * @param allowedReservedBits - the RSV bits of the first header byte that an extension has negotiated
   */
  constructor(listener: FrameListener, expectsMask: boolean, allowedReservedBits: number) {
    this.#listener = listener;
    this.#expectsMask = expectsMask;
    this.#allowedReservedBits = allowedReservedBits;
  }

  /** True after the first byte of a frame and before its last. */
  get isInFrame(): boolean {
    return this.#isInPayload || this.#partial !== undefined;
  }

  /** FIN, RSV bits and opcode of the frame whose header was read last. */
  get firstByte(): number {
    return this.#firstByte;
  }

  /** The number of payload bytes of that frame that have not arrived yet. */
  get missingBytes(): number {
    return this.#missingBytes;
  }

  /**
   * Parses the next chunk. The parser unmasks the chunk in place and does not use it after the call. Must not be called
   * by the listener.
   */
  receive(chunk: Buffer): void {
    if (this.#state === 'stopped') return;
    if (this.#pausedChunks !== undefined) {
      this.#pausedChunks.push(Buffer.from(chunk));
      return;
    }
    const window = this.#expectsMask ? openMaskingWindow(chunk) : undefined;
    const offset = this.#parse(window ?? chunk, chunk.length);
    if (window !== undefined) closeMaskingWindow();
    if (offset === chunk.length) return;
    this.#pausedChunks = new Queue();
    // A slice would keep the whole read buffer in memory for as long as the pause lasts.
    this.#pausedChunks.push(Buffer.from(chunk.subarray(offset)));
  }

  /** Reports nothing after the current call of the listener until {@link resume}. */
  pause(): void {
    if (this.#state === 'reading') this.#state = 'paused';
  }

  /** Continues after {@link pause}. Frames that arrived meanwhile are reported before this call returns. */
  resume(): void {
    if (this.#state === 'paused') this.#state = 'reading';
    const chunks = this.#pausedChunks;
    if (chunks === undefined || this.#isParsing) return;
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
      const offset = this.#parse(chunk, chunk.length);
      if (offset < chunk.length) {
        chunks.unshift(chunk.subarray(offset));
        return;
      }
    }
    this.#pausedChunks = undefined;
  }

  /** Ends parsing for good: discards all bytes that are kept, and all that arrive later. */
  stop(): void {
    this.#state = 'stopped';
    this.#pausedChunks = undefined;
    this.#partial = undefined;
  }

  /** Reads the state anew, because a listener may have stopped the parser within a call. */
  get #hasStopped(): boolean {
    return this.#state === 'stopped';
  }

  /** Parses `bytes[0..end)` up to the end, a pause or a stop. Returns the number of bytes that are done. */
  #parse(bytes: Buffer, end: number): number {
    let offset = 0;
    this.#isParsing = true;
    while (offset < end && this.#state === 'reading') {
      if (!this.#isInPayload) {
        offset +=
          this.#partial === undefined ? this.#beginHeader(bytes, offset, end) : this.#continueHeader(bytes, end);
        if (!this.#isInPayload) continue;
        if (isDataFrame(this.#firstByte) && !this.#listener.onDataHeader(this.#firstByte, this.#missingBytes)) break;
      }
      // A frame without payload is complete here. The payload of any other may not have arrived yet.
      if (offset < end || this.#missingBytes === 0) offset = this.#readPayload(bytes, offset, end);
    }
    this.#isParsing = false;
    return this.#hasStopped ? end : offset;
  }

  /** Reads a header that begins in this chunk. Returns the number of bytes read. */
  #beginHeader(bytes: Buffer, offset: number, end: number): number {
    const available = end - offset;
    const headerBytes = this.#readHeader(bytes, offset, available);
    if (headerBytes > 0) return headerBytes;
    if (!this.#hasStopped) this.#partial = concat(EMPTY, bytes, offset, end);
    return available;
  }

  /** Continues a header that began in an earlier chunk. Returns the number of bytes read from this chunk. */
  #continueHeader(bytes: Buffer, end: number): number {
    const front = this.#partial as Buffer;
    const header = concat(front, bytes, 0, Math.min(end, MAX_HEADER_BYTES - front.length));
    const headerBytes = this.#readHeader(header, 0, header.length);
    this.#partial = headerBytes > 0 || this.#hasStopped ? undefined : header;
    return headerBytes > 0 ? headerBytes - front.length : end;
  }

  /** Reads and checks the header at `offset`. Returns its size in bytes, 0 when it is incomplete or invalid. */
  #readHeader(bytes: Buffer, offset: number, available: number): number {
    if (available < 2) return 0;
    const firstByte = bytes[offset] as number;
    const secondByte = bytes[offset + 1] as number;
    const isMasked = secondByte >= MASK_BIT;
    const shortLength = secondByte & 0x7f;
    if (!this.#checkFirstBytes(firstByte, isMasked, shortLength)) return 0;

    let next = offset + 2;
    let payloadBytes = shortLength;
    const lengthBytes = shortLength < 126 ? 0 : shortLength === 126 ? 2 : 8;
    const headerBytes = 2 + lengthBytes + (isMasked ? 4 : 0);
    if (available < headerBytes) return 0;
    if (lengthBytes === 2) {
      payloadBytes = bytes.readUInt16BE(next);
      next += 2;
      if (payloadBytes < 126) return this.#reportViolation('ERR_LENGTH_NOT_MINIMAL', describeLongForm(payloadBytes));
    } else if (lengthBytes === 8) {
      const highWord = bytes.readUInt32BE(next);
      payloadBytes = highWord * 0x1_0000_0000 + bytes.readUInt32BE(next + 4);
      next += 8;
      if (payloadBytes < 65_536) return this.#reportViolation('ERR_LENGTH_NOT_MINIMAL', describeLongForm(payloadBytes));
      // A length of 2^53 or more is not exact as a number, but is above every limit. Only the highest bit breaks a
      // rule.
      if (highWord >= 0x8000_0000) {
        return this.#reportViolation(
          'ERR_LENGTH_NOT_MINIMAL',
          'invalid frame: the highest bit of a 64-bit payload length is set',
        );
      }
    }
    this.#key = isMasked ? bytes.readInt32BE(next) : 0;
    this.#firstByte = firstByte;
    this.#missingBytes = payloadBytes;
    this.#isInPayload = true;
    return headerBytes;
  }

  /** Checks the rules that the first two bytes can break (RFC 6455 sections 5.1, 5.2 and 5.5). */
  #checkFirstBytes(firstByte: number, isMasked: boolean, shortLength: number): boolean {
    const opcode = firstByte & 0x0f;
    if ((firstByte & RSV_BITS & ~this.#allowedReservedBits) !== 0) {
      this.#reportViolation(
        'ERR_RESERVED_BITS',
        'invalid frame: a reserved bit is set, but no negotiated extension uses it',
      );
    } else if (opcode > OPCODE_PONG || (opcode > OPCODE_BINARY && opcode < OPCODE_CLOSE)) {
      this.#reportViolation('ERR_RESERVED_OPCODE', `invalid frame: opcode ${opcode} is reserved`);
    } else if (isMasked !== this.#expectsMask) {
      if (isMasked) this.#reportViolation('ERR_MASK_FORBIDDEN', 'invalid frame: a server must not mask its frames');
      else this.#reportViolation('ERR_MASK_REQUIRED', 'invalid frame: a client must mask its frames');
    } else if (opcode < OPCODE_CLOSE) {
      return true;
    } else if (firstByte < FIN_BIT) {
      this.#reportViolation('ERR_CONTROL_FRAME_FRAGMENTED', 'invalid frame: a control frame must not be fragmented');
    } else if ((firstByte & RSV_BITS) !== 0) {
      // RFC 7692 section 6.1: only data frames are compressed.
      this.#reportViolation('ERR_RESERVED_BITS', 'invalid frame: a reserved bit is set on a control frame');
    } else if (shortLength > MAX_CONTROL_PAYLOAD_BYTES) {
      this.#reportViolation(
        'ERR_CONTROL_FRAME_TOO_LONG',
        `invalid frame: a control frame must not have more than ${MAX_CONTROL_PAYLOAD_BYTES} payload bytes`,
      );
    } else {
      return true;
    }
    return false;
  }

  #readPayload(bytes: Buffer, offset: number, bytesEnd: number): number {
    const end = Math.min(offset + this.#missingBytes, bytesEnd);
    let isAscii = false;
    if (this.#expectsMask) {
      isAscii = applyMask(bytes, offset, end, this.#key);
      this.#key = rotateKey(this.#key, end - offset);
    }
    this.#missingBytes -= end - offset;
    const isLast = this.#missingBytes === 0;
    if (isLast) this.#isInPayload = false;
    if (isDataFrame(this.#firstByte)) this.#listener.onDataPayload(bytes, offset, end, isAscii, isLast);
    else this.#readControlPayload(bytes.subarray(offset, end), isLast);
    return end;
  }

  #readControlPayload(piece: Buffer, isLast: boolean): void {
    let payload = piece;
    if (!isLast || this.#partial !== undefined) {
      this.#partial ??= Buffer.alloc(piece.length + this.#missingBytes);
      piece.copy(this.#partial, this.#partial.length - this.#missingBytes - piece.length);
      payload = this.#partial;
    }
    if (!isLast) return;
    this.#partial = undefined;
    this.#listener.onControlFrame(this.#firstByte & 0x0f, payload);
  }

  #reportViolation(code: ErrorCode, message: string): 0 {
    this.stop();
    this.#listener.onFramingViolation(code, message);
    return 0;
  }
}

function isDataFrame(firstByte: number): boolean {
  return (firstByte & 0x0f) <= OPCODE_BINARY;
}

/**
 * Returns `front` and `bytes[start..end)` in one new buffer. Buffer.alloc takes no memory from a pool, which the peer
 * could keep alive by never finishing the frame.
 */
function concat(front: Buffer, bytes: Buffer, start: number, end: number): Buffer {
  const whole = Buffer.alloc(front.length + end - start);
  front.copy(whole);
  bytes.copy(whole, front.length, start, end);
  return whole;
}

function describeLongForm(payloadBytes: number): string {
  return `invalid frame: the payload length ${payloadBytes} is not in its shortest form`;
}
