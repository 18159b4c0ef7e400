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

const NOTHING = Buffer.alloc(0);

/**
 * What the parser reports. Each call comes after the parser's own state is up to date, so that the listener may pause
 * or stop it from within.
 */
export interface FrameListener {
  /**
   * The header of a data frame is complete, its payload not read yet. The listener may stop the parser here, but not
   * pause it.
   *
   * @param firstByte - FIN, RSV bits and opcode
   * @returns false when the frame is refused; the listener has then stopped the parser
   */
  onDataHeader(firstByte: number, payloadBytes: number): boolean;
  /**
   * Payload bytes `bytes[start..end)` of the current data frame, unmasked. They are gone after the call.
   *
   * @param isAscii - true when all are known to be ASCII, false when they may be or not
   * @param isLast - whether the frame ends here
   */
  onDataPayload(bytes: Buffer, start: number, end: number, isAscii: boolean, isLast: boolean): void;
  /** A whole control frame, unmasked. The payload is gone after the call. */
  onControlFrame(opcode: number, payload: Buffer): void;
  /** The peer broke a rule of the framing. The parser has stopped. */
  onFramingViolation(code: ErrorCode, message: string): void;
}

/**
 * Cuts a byte stream into frames (RFC 6455 section 5), directly over the chunks that it is given.
 *
 * @remarks Any split of the stream gives the same calls but for the pieces of data payloads. Payloads are unmasked in
 * the chunk itself. Nothing is kept of a chunk but the bytes of a header or control frame that it cuts, unless the
 * parser is paused.
 */
export class FrameParser {
  readonly #listener: FrameListener;
  readonly #expectsMask: boolean;
  readonly #allowedReservedBits: number;
  #state: 'reading' | 'paused' | 'stopped' = 'reading';
  #isRunning = false;
  /** What came while paused. */
  #rest: Queue<Buffer> | undefined;
  /** What the end of a chunk cut: as much of a header as has come, or room for the payload of a control frame. */
  #cut: Buffer | undefined;
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

  /** Whether a frame has begun and not ended. */
  get isInFrame(): boolean {
    return this.#isInPayload || this.#cut !== undefined;
  }

  /** FIN, RSV bits and opcode of the last frame that has begun. */
  get firstByte(): number {
    return this.#firstByte;
  }

  /** How much of its payload has not come yet. */
  get missingBytes(): number {
    return this.#missingBytes;
  }

  /** Takes the next chunk, which is unmasked in place and gone after the call. Must not be called from a listener. */
  receive(chunk: Buffer): void {
    if (this.#state === 'stopped') return;
    if (this.#rest !== undefined) {
      this.#rest.push(Buffer.from(chunk));
      return;
    }
    const window = this.#expectsMask ? openMaskingWindow(chunk) : undefined;
    const offset = this.#run(window ?? chunk, chunk.length);
    if (window !== undefined) closeMaskingWindow();
    if (offset === chunk.length) return;
    this.#rest = new Queue();
    // A copy, because a small rest must not hold a whole read buffer for as long as the pause takes.
    this.#rest.push(Buffer.from(chunk.subarray(offset)));
  }

  /** Stops reporting after the current call until {@link resume}. */
  pause(): void {
    if (this.#state === 'reading') this.#state = 'paused';
  }

  /** Goes on after {@link pause}: what came in the meantime is reported before this call returns. */
  resume(): void {
    if (this.#state === 'paused') this.#state = 'reading';
    const rest = this.#rest;
    if (rest === undefined || this.#isRunning) return;
    for (let chunk = rest.shift(); chunk !== undefined; chunk = rest.shift()) {
      const offset = this.#run(chunk, chunk.length);
      if (offset < chunk.length) {
        rest.unshift(chunk.subarray(offset));
        return;
      }
    }
    this.#rest = undefined;
  }

  /** Discards all that comes from now on. */
  stop(): void {
    this.#state = 'stopped';
    this.#rest = undefined;
    this.#cut = undefined;
  }

  /** A listener may have stopped the parser within the call that is running. */
  get #hasStopped(): boolean {
    return this.#state === 'stopped';
  }

  /** Reads `bytes[0..end)` until the end, a pause or a stop. Returns how much is done with. */
  #run(bytes: Buffer, end: number): number {
    let offset = 0;
    this.#isRunning = true;
    while (offset < end && this.#state === 'reading') {
      if (!this.#isInPayload) {
        offset += this.#cut === undefined ? this.#beginHeader(bytes, offset, end) : this.#continueHeader(bytes, end);
        if (!this.#isInPayload) continue;
        if (isDataFrame(this.#firstByte) && !this.#listener.onDataHeader(this.#firstByte, this.#missingBytes)) break;
      }
      // An empty frame ends with its header, a longer one may have nothing here yet.
      if (offset < end || this.#missingBytes === 0) offset = this.#readPayload(bytes, offset, end);
    }
    this.#isRunning = false;
    return this.#hasStopped ? end : offset;
  }

  /** Reads a header that begins in this chunk. Returns the bytes taken. */
  #beginHeader(bytes: Buffer, offset: number, end: number): number {
    const available = end - offset;
    const headerBytes = this.#readHeader(bytes, offset, available);
    if (headerBytes > 0) return headerBytes;
    if (!this.#hasStopped) this.#cut = joined(NOTHING, bytes, offset, end);
    return available;
  }

  /** Reads on in a header that began in an earlier chunk. Returns the bytes taken from this one. */
  #continueHeader(bytes: Buffer, end: number): number {
    const before = this.#cut as Buffer;
    const header = joined(before, bytes, 0, Math.min(end, MAX_HEADER_BYTES - before.length));
    const headerBytes = this.#readHeader(header, 0, header.length);
    this.#cut = headerBytes > 0 || this.#hasStopped ? undefined : header;
    return headerBytes > 0 ? headerBytes - before.length : end;
  }

  /** Reads and checks the header at `offset`. Returns its size, or 0 when it is cut or refused. */
  #readHeader(bytes: Buffer, offset: number, available: number): number {
    if (available < 2) return 0;
    const first = bytes[offset] as number;
    const second = bytes[offset + 1] as number;
    const masked = second >= MASK_BIT;
    const shortLength = second & 0x7f;
    if (!this.#checkFirstBytes(first, masked, shortLength)) return 0;

    let next = offset + 2;
    let payloadBytes = shortLength;
    const lengthBytes = shortLength < 126 ? 0 : shortLength === 126 ? 2 : 8;
    const headerBytes = 2 + lengthBytes + (masked ? 4 : 0);
    if (available < headerBytes) return 0;
    if (lengthBytes === 2) {
      payloadBytes = bytes.readUInt16BE(next);
      next += 2;
      if (payloadBytes < 126) return this.#violation('ERR_LENGTH_NOT_MINIMAL', notMinimal(payloadBytes));
    } else if (lengthBytes === 8) {
      const high = bytes.readUInt32BE(next);
      payloadBytes = high * 0x1_0000_0000 + bytes.readUInt32BE(next + 4);
      next += 8;
      if (payloadBytes < 65_536) return this.#violation('ERR_LENGTH_NOT_MINIMAL', notMinimal(payloadBytes));
      // Lengths from 2^53 on lose bits here, but no limit lets them pass: only the highest bit breaks the framing.
      if (high >= 0x8000_0000) {
        return this.#violation('ERR_LENGTH_NOT_MINIMAL', 'invalid frame: the highest bit of a 64-bit length is set');
      }
    }
    this.#key = masked ? bytes.readInt32BE(next) : 0;
    this.#firstByte = first;
    this.#missingBytes = payloadBytes;
    this.#isInPayload = true;
    return headerBytes;
  }

  /** The rules that the first two bytes can break (RFC 6455 sections 5.1, 5.2 and 5.5). */
  #checkFirstBytes(first: number, masked: boolean, shortLength: number): boolean {
    const opcode = first & 0x0f;
    if ((first & RSV_BITS & ~this.#allowedReservedBits) !== 0) {
      this.#violation('ERR_RESERVED_BITS', 'invalid frame: a reserved bit is set that no extension uses');
    } else if (opcode > OPCODE_PONG || (opcode > OPCODE_BINARY && opcode < OPCODE_CLOSE)) {
      this.#violation('ERR_RESERVED_OPCODE', `invalid frame: opcode ${opcode} is reserved`);
    } else if (masked !== this.#expectsMask) {
      if (masked) this.#violation('ERR_MASK_FORBIDDEN', 'invalid frame: a server must not mask');
      else this.#violation('ERR_MASK_REQUIRED', 'invalid frame: a client must mask');
    } else if (opcode < OPCODE_CLOSE) {
      return true;
    } else if (first < FIN_BIT) {
      this.#violation('ERR_CONTROL_FRAME_FRAGMENTED', 'invalid frame: a control frame must not be fragmented');
    } else if ((first & RSV_BITS) !== 0) {
      // RFC 7692 section 6.1: only data frames are compressed.
      this.#violation('ERR_RESERVED_BITS', 'invalid frame: a reserved bit is set on a control frame');
    } else if (shortLength > MAX_CONTROL_PAYLOAD_BYTES) {
      this.#violation(
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
    if (!isLast || this.#cut !== undefined) {
      this.#cut ??= Buffer.alloc(piece.length + this.#missingBytes);
      piece.copy(this.#cut, this.#cut.length - this.#missingBytes - piece.length);
      payload = this.#cut;
    }
    if (!isLast) return;
    this.#cut = undefined;
    this.#listener.onControlFrame(this.#firstByte & 0x0f, payload);
  }

  #violation(code: ErrorCode, message: string): 0 {
    this.stop();
    this.#listener.onFramingViolation(code, message);
    return 0;
  }
}

function isDataFrame(firstByte: number): boolean {
  return (firstByte & 0x0f) <= OPCODE_BINARY;
}

/** Memory of its own, and of no pool: it may be held for as long as the peer likes. */
function joined(front: Buffer, bytes: Buffer, start: number, end: number): Buffer {
  const whole = Buffer.alloc(front.length + end - start);
  front.copy(whole);
  bytes.copy(whole, front.length, start, end);
  return whole;
}

function notMinimal(payloadBytes: number): string {
  return `invalid frame: the length ${payloadBytes} is not in its shortest form`;
}
