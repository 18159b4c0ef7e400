import type { ErrorCode, ErrorDetails } from '../errors.ts';
import { FIN_BIT, OPCODE_CONTINUATION, OPCODE_TEXT, RSV1_BIT } from './constants.ts';
import type { Inflater } from './compression.ts';
import { partialMessageBudget, type PartialMessageHolder, PartialMessageMemory } from './partial-message-budget.ts';
import { allocateMessageMemory, giveAssemblyMemoryBack, takeAssemblyMemory } from './assembly-memory.ts';
import { INVALID_UTF8, readMessage } from './message-reader.ts';
import { decodeText, Utf8Validator } from './utf8.ts';

/** The largest first buffer for an announced size. A larger message gets its memory as its bytes arrive. */
const MAX_FIRST_BUFFER_BYTES = 1_048_576;
/** The smallest first buffer of a message in several pieces. */
const MIN_FIRST_BUFFER_BYTES = 256;
/** The announced size is allocated once 1/16 of it has arrived, so that a sender must pay for the memory it claims. */
const MAX_ADVANCE = 16;

/** Limits on the messages of a peer, which bound the memory of this end. */
export interface MessageLimits {
  /** The longest message in bytes, before and after inflating. */
  readonly maxMessageBytes: number;
  /** The largest number of frames in one message. */
  readonly maxFragments: number;
}

/** Receives the events of a {@link MessageAssembler}. */
export interface MessageListener {
  /** How long the unfinished message has stood still: see {@link PartialMessageHolder.staleMs}. */
  readonly staleMs: number;
  /**
   * A whole message: text as a string (as bytes when `decodesText` is false), binary data as a copy of the bytes, which is
   * valid only within the call when the assembler `lendsBytes`.
   */
  onAssembledMessage(data: string | Buffer, isText: boolean): void;
  /** The message breaks a rule or a limit. The assembler must not be called again. */
  onMessageViolation(code: ErrorCode, message: string, details?: ErrorDetails): void;
  /** Inflating has begun: no further frame may be read before {@link onInflated}. */
  onInflating(): void;
  /** Inflating has ended. The listener calls `report`, now or later, to receive the message or the violation. */
  onInflated(report: () => void): void;
}

/**
 * Joins data frames into messages (RFC 6455 section 5.4) and turns text into strings.
 *
 * @remarks Only a message that is compressed, or does not arrive whole in one chunk, needs an assembler. Its bytes are
 * copied into one buffer that grows by doubling, so that memory depends on bytes and not on frames.
 */
export class MessageAssembler implements PartialMessageHolder {
  readonly #listener: MessageListener;
  readonly #limits: MessageLimits;
  readonly #decodesText: boolean;
  readonly #lendsBytes: boolean;
  readonly #inflater: Inflater | undefined;
  /** The opcode of the unfinished message, 0 when there is none. */
  #opcode = 0;
  #isCompressed = false;
  #isFinalFrame = false;
  #fragmentCount = 0;
  /** Payload bytes of the message up to the end of the current frame. */
  #announcedBytes = 0;
  #buffer: Buffer | undefined;
  #bufferedBytes = 0;
  /** The entry of {@link #buffer} in the budget of the process. */
  #memory: PartialMessageMemory | undefined;
  #utf8: Utf8Validator | undefined;

  constructor(
    listener: MessageListener,
    limits: MessageLimits,
    decodesText: boolean,
    inflater: Inflater | undefined,
    lendsBytes = false,
  ) {
    this.#listener = listener;
    this.#limits = limits;
    this.#decodesText = decodesText;
    this.#lendsBytes = lendsBytes;
    this.#inflater = inflater;
  }

  /** True after the first frame of a message has begun and before the last one has ended. */
  get isIncomplete(): boolean {
    return this.#opcode !== 0;
  }

  /** Bytes of the unfinished message that are stored. */
  get storedBytes(): number {
    return this.#bufferedBytes;
  }

  get staleMs(): number {
    return this.#listener.staleMs;
  }

  /** Takes the header of a data frame. Returns false when the message is refused. */
  begin(firstByte: number, payloadBytes: number): boolean {
    const opcode = firstByte & 0x0f;
    if (opcode === OPCODE_CONTINUATION) {
      if (this.#opcode === 0) {
        return this.#refuse(
          'ERR_UNEXPECTED_CONTINUATION',
          'invalid frame: a continuation frame came while no message was unfinished',
        );
      }
      if ((firstByte & RSV1_BIT) !== 0) {
        // RFC 7692 section 6.1: only the first frame of a message may have RSV1 set.
        return this.#refuse('ERR_RESERVED_BITS', 'invalid frame: a reserved bit is set on a continuation frame');
      }
    } else {
      if (this.#opcode !== 0) {
        return this.#refuse(
          'ERR_EXPECTED_CONTINUATION',
          'invalid frame: a new message began before the last one was finished',
        );
      }
      this.#opcode = opcode;
      this.#isCompressed = (firstByte & RSV1_BIT) !== 0;
      this.#fragmentCount = 0;
      this.#announcedBytes = 0;
      this.#bufferedBytes = 0;
    }
    this.#fragmentCount++;
    this.#announcedBytes += payloadBytes;
    this.#isFinalFrame = firstByte >= FIN_BIT;
    const { maxFragments, maxMessageBytes } = this.#limits;
    if (this.#announcedBytes > maxMessageBytes) return this.#refuseSize(this.#announcedBytes);
    if (this.#fragmentCount > maxFragments) {
      return this.#refuse(
        'ERR_TOO_MANY_FRAGMENTS',
        `too many fragments in one message: ${this.#fragmentCount} (maxFragments ${maxFragments})`,
        { limit: maxFragments, observed: this.#fragmentCount },
      );
    }
    return true;
  }

  /** Takes payload bytes of the current data frame, as `FrameListener.onDataPayload` reports them. */
  take(bytes: Buffer, start: number, end: number, isAscii: boolean, isLast: boolean): void {
    const isEnd = isLast && this.#isFinalFrame;
    const isText = this.#opcode === OPCODE_TEXT;
    if (isEnd && this.#bufferedBytes === 0 && !this.#isCompressed) {
      this.#opcode = 0;
      this.#deliver(bytes, start, end, isText, isAscii);
      return;
    }
    if (isText && !this.#isCompressed) {
      this.#utf8 ??= new Utf8Validator();
      if (!this.#utf8.push(bytes, start, end, isAscii) || (isEnd && !this.#utf8.isComplete)) {
        this.#refuseUtf8();
        return;
      }
    }
    if (this.#store(bytes, start, end) && isEnd) this.#finish(isText);
  }

  /** Frees the memory of an unfinished message. */
  clear(): void {
    const buffer = this.#release();
    if (buffer !== undefined) giveAssemblyMemoryBack(buffer);
  }

  onBudgetExceeded(limitBytes: number, observedBytes: number): void {
    this.#refuse(
      'ERR_INCOMPLETE_BUDGET',
      `too many bytes in unfinished messages: ${observedBytes} in this process (maxIncompleteBytes ${limitBytes})`,
      { limit: limitBytes, observed: observedBytes },
    );
  }

  #finish(isText: boolean): void {
    const isAscii = this.#utf8?.isAscii === true;
    const buffer = this.#release() as Buffer;
    this.#opcode = 0;
    if (this.#isCompressed) this.#inflate(buffer, this.#bufferedBytes, isText);
    else if (isText && this.#decodesText) {
      // The validator has checked the text piece by piece.
      const text = decodeText(buffer, 0, this.#bufferedBytes, isAscii);
      giveAssemblyMemoryBack(buffer);
      this.#listener.onAssembledMessage(text, true);
    } else {
      this.#listener.onAssembledMessage(buffer.subarray(0, this.#bufferedBytes), isText);
      if (this.#lendsBytes) giveAssemblyMemoryBack(buffer);
    }
  }

  #inflate(buffer: Buffer, byteCount: number, isText: boolean): void {
    const { maxMessageBytes } = this.#limits;
    this.#listener.onInflating();
    // There is an inflater: the frame parser accepts RSV1 only when compression was negotiated.
    (this.#inflater as Inflater).inflate(buffer.subarray(0, byteCount), maxMessageBytes, (error, result) => {
      giveAssemblyMemoryBack(buffer);
      this.#listener.onInflated(() => {
        if (error instanceof RangeError) this.#refuseSize(undefined);
        else if (error !== undefined && isOutOfMemory(error)) {
          this.#refuse('ERR_COMPRESSION_FAILED', `cannot inflate a message: ${error.message}`, {
            cause: error,
            side: 'local',
          });
        } else if (error !== undefined) {
          this.#refuse('ERR_INVALID_COMPRESSED_DATA', `invalid compressed data: ${error.message}`, { cause: error });
        } else if (isText) this.#deliver(result, 0, result.length, true, false);
        else this.#listener.onAssembledMessage(result, false);
      });
    });
  }

  /** Reports a message whose bytes are all in `bytes[start..end)`. */
  #deliver(bytes: Buffer, start: number, end: number, isText: boolean, isAscii: boolean): void {
    const data = readMessage(bytes, start, end, isText, isAscii, this.#decodesText);
    if (data === undefined) this.#refuseUtf8();
    else this.#listener.onAssembledMessage(data, isText);
  }

  /** Copies bytes to the buffer. Returns false when the budget of the process refused the message. */
  #store(bytes: Buffer, start: number, end: number): boolean {
    const neededBytes = this.#bufferedBytes + end - start;
    const buffer = this.#buffer;
    if (buffer === undefined || buffer.length < neededBytes) {
      const maxBytes = this.#isFinalFrame ? this.#announcedBytes : this.#limits.maxMessageBytes;
      const sizeBytes = Math.min(growBytes(buffer, neededBytes, this.#announcedBytes), maxBytes);
      this.#memory ??= new PartialMessageMemory(this);
      if (!partialMessageBudget.update(this.#memory, sizeBytes)) return false;
      this.#buffer = this.#isMemoryReused ? takeAssemblyMemory(sizeBytes) : allocateMessageMemory(sizeBytes);
      if (buffer !== undefined) {
        buffer.copy(this.#buffer, 0, 0, this.#bufferedBytes);
        giveAssemblyMemoryBack(buffer);
      }
    }
    bytes.copy(this.#buffer as Buffer, this.#bufferedBytes, start, end);
    this.#bufferedBytes = neededBytes;
    return true;
  }

  /** Whether the receiver gets something else than the memory of the message, or must not keep it. */
  get #isMemoryReused(): boolean {
    return this.#lendsBytes || this.#isCompressed || (this.#opcode === OPCODE_TEXT && this.#decodesText);
  }

  /** Takes the memory of the message away from this assembler and out of the budget. */
  #release(): Buffer | undefined {
    const buffer = this.#buffer;
    if (this.#memory !== undefined) partialMessageBudget.remove(this.#memory);
    this.#memory = undefined;
    this.#buffer = undefined;
    this.#utf8 = undefined;
    return buffer;
  }

  #refuseUtf8(): void {
    this.#refuse('ERR_INVALID_UTF8', INVALID_UTF8);
  }

  #refuseSize(observed: number | undefined): false {
    const { maxMessageBytes } = this.#limits;
    const figure = observed === undefined ? 'the inflated size is over the limit' : `${observed} bytes`;
    return this.#refuse('ERR_MESSAGE_TOO_BIG', `message too big: ${figure} (maxMessageBytes ${maxMessageBytes})`, {
      limit: maxMessageBytes,
      ...(observed !== undefined && { observed }),
    });
  }

  #refuse(code: ErrorCode, message: string, details?: ErrorDetails): false {
    this.clear();
    this.#listener.onMessageViolation(code, message, details);
    return false;
  }
}

/** Returns the size of the buffer that replaces `buffer` once `neededBytes` of a message have arrived. */
function growBytes(buffer: Buffer | undefined, neededBytes: number, announcedBytes: number): number {
  const grownBytes = Math.max(neededBytes, buffer === undefined ? MIN_FIRST_BUFFER_BYTES : buffer.length * 2);
  const trustedBytes = Math.min(announcedBytes, MAX_FIRST_BUFFER_BYTES);
  // A buffer for a part of the announced size made a message of 1 MiB be copied once more when its last piece arrived.
  return neededBytes * MAX_ADVANCE < trustedBytes ? grownBytes : Math.max(grownBytes, trustedBytes);
}

/** Whether zlib failed for want of memory, which is not the peer's mistake. */
function isOutOfMemory(error: Error): boolean {
  const { code } = error as { readonly code?: unknown };
  return code === 'Z_MEM_ERROR' || code === 'ERR_ZLIB_INITIALIZATION_FAILED';
}
