import { countVariants, type MessageShape } from '../messages.ts';
import type { AnswerPlace, Answers } from './answers.ts';
import { firstFrame, holdsCompressed, unmaskFrame } from './frames.ts';

/** A message that was compressed has no longer frame than this. */
const MAX_FRAME_BYTES = 8 + 65_535;

/**
 * Answers that a server compresses in its own way, and one message not always alike: zlib writes the end of a flush twice
 * when that of the first just fills its memory, which happens to ws now and then. Each way is inflated and compared once,
 * and then known. Messages of a client that compresses are read alike: those that a bare server must get.
 */
export class CompressedAnswers implements Answers {
  readonly #shape: MessageShape;
  readonly #isMasked: boolean;
  /** By variant, all the frames that retainTurn it. */
  readonly #known: readonly Buffer[][];
  /** Beginnings of frames. */
  readonly #rests = new Map<AnswerPlace, Buffer>();

  /** @param isMasked - whether a client sends them, or a server */
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
    // A copy: the memory that a socket reads into is used again.
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
