import { countVariants, type MessageShape } from '../messages.ts';
import type { AnswerPlace, Answers } from './answers.ts';
import { firstFrame, holdsCompressed, unmaskFrame } from './frames.ts';

/** Length of the longest frame of a compressed message. */
const MAX_FRAME_BYTES = 8 + 65_535;

/**
 * Answers that a server compresses in its own way, and not always to the same bytes: zlib writes the end of a flush
 * twice when the first end just fills its buffer, which happens to ws now and then. Each form is inflated and compared
 * once, then known. A bare server reads the compressed messages of clients in the same way.
 */
export class CompressedAnswers implements Answers {
  readonly #shape: MessageShape;
  readonly #isMasked: boolean;
  /** All known frames of each variant. */
  readonly #known: readonly Buffer[][];
  /** The beginnings of frames that are not complete, by connection. */
  readonly #rests = new Map<AnswerPlace, Buffer>();

  /** @param isMasked - true for messages of a client, false for answers of a server */
  constructor(shape: MessageShape, isMasked: boolean) {
    this.#shape = shape;
    this.#isMasked = isMasked;
    this.#known = Array.from({ length: countVariants(shape) }, () => []);
  }

  read(place: AnswerPlace, count: number, bytes: Uint8Array): number {
    const come = Buffer.from(bytes.buffer, bytes.byteOffset, count);
    const rest = this.#rests.get(place);
    let left = rest === undefined ? come : Buffer.concat([rest, come]);
    let answers = 0;
    for (let frame = firstFrame(left); frame !== undefined; frame = firstFrame(left)) {
      if (!this.#isAnswer(frame, place.answerVariant)) return -1;
      place.answerVariant = (place.answerVariant + 1) % this.#known.length;
      left = left.subarray(frame.length);
      answers++;
    }
    place.unclaimedBytes = left.length;
    // The rest is copied, because the next read of a socket overwrites the memory.
    if (left.length > 0) this.#rests.set(place, Buffer.from(left));
    else if (rest !== undefined) this.#rests.delete(place);
    return left.length < MAX_FRAME_BYTES ? answers : -1;
  }

  #isAnswer(sent: Buffer, variant: number): boolean {
    const frame = this.#isMasked ? unmaskFrame(sent) : sent;
    if (frame === undefined) return false;
    const known = this.#known[variant] as Buffer[];
    if (known.some((each) => each.equals(frame))) return true;
    if (!holdsCompressed(frame, this.#shape, variant)) return false;
    known.push(Buffer.from(frame));
    return true;
  }
}
