import type { ErrorCode, ErrorDetails } from '../errors.ts';
import { FIN_BIT, OPCODE_CONTINUATION, OPCODE_TEXT, RSV1_BIT } from './constants.ts';
import type { Inflater } from './compression.ts';
import { partialMessageBudget, type PartialMessageHolder, PartialMessageMemory } from './partial-message-budget.ts';
import { INVALID_UTF8, readMessage } from './message-reader.ts';
import { Utf8Validator } from './utf8.ts';

/** A message that announces more than this gets its memory as the bytes come, not at once. */
const MAX_FIRST_BUFFER_BYTES = 1_048_576;
/** The first buffer of a message in several pieces has at least this size. */
const MIN_FIRST_BUFFER_BYTES = 256;
/** A size is believed when one in so many of its bytes has come: to announce much costs a sender something too. */
const MAX_ADVANCE = 16;

/** Limits on what a peer may make this end hold. */
export interface MessageLimits {
  /** Longest message in bytes, before and after inflating. */
  readonly maxMessageBytes: number;
  /** Most frames of one message. */
  readonly maxFragments: number;
}

/** What the assembler reports. */
export interface MessageListener {
  /** A whole message: text as a string (or as bytes when `decodesText` is off), binary as bytes of its own. */
  onAssembledMessage(data: string | Buffer, isText: boolean): void;
  /** The message is refused. The assembler takes nothing more. */
  onMessageViolation(code: ErrorCode, message: string, details?: ErrorDetails): void;
  /** A message is being inflated: no further frame may be read before the end of it. */
  onInflating(): void;
  /** Inflating is over. `report` makes the call that tells of its result, now or later. */
  onInflated(report: () => void): void;
}

/**
 * Joins data frames into messages (RFC 6455 section 5.4) and turns text into strings.
 *
 * @remarks For those that are compressed or do not come whole: the others are read without it. What has come is copied,
 * piece by piece, into one buffer that grows by doubling, so that memory follows bytes and not frames.
 */
export class MessageAssembler implements PartialMessageHolder {
  readonly #listener: MessageListener;
  readonly #limits: MessageLimits;
  readonly #decodesText: boolean;
  readonly #inflater: Inflater | undefined;
  /** Opcode of the unfinished message, 0 when there is none. */
  #opcode = 0;
  #isCompressed = false;
  #isFinalFrame = false;
  #fragments = 0;
  /** Bytes of the message with the whole of the current frame. */
  #announcedBytes = 0;
  #buffer: Buffer | undefined;
  #bufferedBytes = 0;
  /** What counts {@link #buffer} against the budget of the process. */
  #memory: PartialMessageMemory | undefined;
  #utf8: Utf8Validator | undefined;

  constructor(listener: MessageListener, limits: MessageLimits, decodesText: boolean, inflater: Inflater | undefined) {
    this.#listener = listener;
    this.#limits = limits;
    this.#decodesText = decodesText;
    this.#inflater = inflater;
  }

  /** Whether a message has begun and not ended. */
  get isIncomplete(): boolean {
    return this.#opcode !== 0;
  }

  /** Takes a data frame's header. Returns false when the message is refused. */
  begin(firstByte: number, payloadBytes: number): boolean {
    const opcode = firstByte & 0x0f;
    if (opcode === OPCODE_CONTINUATION) {
      if (this.#opcode === 0) {
        return this.#refuse('ERR_UNEXPECTED_CONTINUATION', 'invalid frame: a continuation without a message to go on');
      }
      if ((firstByte & RSV1_BIT) !== 0) {
        // RFC 7692 section 6.1: only the first frame of a message carries the bit.
        return this.#refuse('ERR_RESERVED_BITS', 'invalid frame: a reserved bit is set on a continuation');
      }
    } else {
      if (this.#opcode !== 0) {
        return this.#refuse('ERR_EXPECTED_CONTINUATION', 'invalid frame: a new message before the end of the last one');
      }
      this.#opcode = opcode;
      this.#isCompressed = (firstByte & RSV1_BIT) !== 0;
      this.#fragments = 0;
      this.#announcedBytes = 0;
      this.#bufferedBytes = 0;
    }
    this.#fragments++;
    this.#announcedBytes += payloadBytes;
    this.#isFinalFrame = firstByte >= FIN_BIT;
    const { maxFragments, maxMessageBytes } = this.#limits;
    if (this.#announcedBytes > maxMessageBytes) return this.#refuseSize(this.#announcedBytes);
    if (this.#fragments > maxFragments) {
      return this.#refuse(
        'ERR_TOO_MANY_FRAGMENTS',
        `too many fragments in one message: ${this.#fragments} (maxFragments ${maxFragments})`,
        { limit: maxFragments, observed: this.#fragments },
      );
    }
    return true;
  }

  /** Takes payload bytes of the current data frame: {@link FrameListener.onDataPayload}. */
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
      if (!this.#utf8.push(bytes, start, end) || (isEnd && !this.#utf8.isComplete)) {
        this.#refuseUtf8();
        return;
      }
    }
    if (this.#store(bytes, start, end) && isEnd) this.#finish(isText);
  }

  /** Lets go of an unfinished message. */
  clear(): void {
    if (this.#memory !== undefined) partialMessageBudget.release(this.#memory);
    this.#memory = undefined;
    this.#buffer = undefined;
    this.#utf8 = undefined;
  }

  onBudgetExceeded(limitBytes: number, observedBytes: number): void {
    this.#refuse(
      'ERR_INCOMPLETE_BUDGET',
      `too many bytes in unfinished messages: ${observedBytes} in this process (maxIncompleteBytes ${limitBytes})`,
      { limit: limitBytes, observed: observedBytes },
    );
  }

  #finish(isText: boolean): void {
    const payload = (this.#buffer as Buffer).subarray(0, this.#bufferedBytes);
    this.#opcode = 0;
    this.clear();
    if (this.#isCompressed) this.#inflate(payload, isText);
    // The pieces have been checked as they came.
    else this.#listener.onAssembledMessage(isText && this.#decodesText ? payload.toString('utf8') : payload, isText);
  }

  #inflate(compressed: Buffer, isText: boolean): void {
    const { maxMessageBytes } = this.#limits;
    this.#listener.onInflating();
    // RSV1 passes the frame parser only when compression was negotiated.
    (this.#inflater as Inflater).inflate(compressed, maxMessageBytes, (error, result) => {
      this.#listener.onInflated(() => {
        if (error instanceof RangeError) this.#refuseSize(undefined);
        else if (error !== undefined) {
          this.#refuse('ERR_INVALID_COMPRESSED_DATA', `invalid compressed data: ${error.message}`, { cause: error });
        } else if (isText) this.#deliver(result, 0, result.length, true, false);
        else this.#listener.onAssembledMessage(result, false);
      });
    });
  }

  /** Reports a message that is there as a whole. */
  #deliver(bytes: Buffer, start: number, end: number, isText: boolean, isAscii: boolean): void {
    const data = readMessage(bytes, start, end, isText, isAscii, this.#decodesText);
    if (data === undefined) this.#refuseUtf8();
    else this.#listener.onAssembledMessage(data, isText);
  }

  /** Returns false when the message has been refused because of the budget of the process. */
  #store(bytes: Buffer, start: number, end: number): boolean {
    const needed = this.#bufferedBytes + end - start;
    const buffer = this.#buffer;
    if (buffer === undefined || buffer.length < needed) {
      const most = this.#isFinalFrame ? this.#announcedBytes : this.#limits.maxMessageBytes;
      const size = Math.min(grownSize(buffer, needed, this.#announcedBytes), most);
      this.#memory ??= new PartialMessageMemory(this);
      if (!partialMessageBudget.hold(this.#memory, size)) return false;
      this.#buffer = Buffer.allocUnsafeSlow(size);
      if (buffer !== undefined) buffer.copy(this.#buffer, 0, 0, this.#bufferedBytes);
    }
    bytes.copy(this.#buffer as Buffer, this.#bufferedBytes, start, end);
    this.#bufferedBytes = needed;
    return true;
  }

  #refuseUtf8(): void {
    this.#refuse('ERR_INVALID_UTF8', INVALID_UTF8);
  }

  #refuseSize(observed: number | undefined): false {
    const { maxMessageBytes } = this.#limits;
    const figure = observed === undefined ? 'more bytes when inflated' : `${observed} bytes`;
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

/** Size of the buffer in place of `buffer`, for `neededBytes` that have come of a message. */
function grownSize(buffer: Buffer | undefined, neededBytes: number, announcedBytes: number): number {
  const grown = Math.max(neededBytes, buffer === undefined ? MIN_FIRST_BUFFER_BYTES : buffer.length * 2);
  const announced = Math.min(announcedBytes, MAX_FIRST_BUFFER_BYTES);
  // All or nothing: with memory for a part of it, a message of 1 MiB was copied once more when its last piece came.
  return neededBytes * MAX_ADVANCE < announced ? grown : Math.max(grown, announced);
}
