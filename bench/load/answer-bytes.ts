import type { AnswerPlace, Answers } from './answers.ts';

/** Bytes behind one cycle of answers, so that a piece that goes over the end can be compared at once. */
const PIECE_BYTES = 65_536;

/** Answers of any lengths whose bytes are known beforehand. */
export class AnswerBytes implements Answers {
  readonly #lengths: readonly number[];
  /** Offset of each answer in the cycle. */
  readonly #begins: readonly number[];
  readonly #cycleBytes: number;
  readonly #repeated: Buffer;

  /** @param answers - the bytes of each answer, by its variant */
  constructor(answers: readonly Buffer[]) {
    const cycle = Buffer.concat(answers);
    this.#lengths = answers.map(({ length }) => length);
    let end = 0;
    this.#begins = this.#lengths.map((length) => (end += length) - length);
    this.#cycleBytes = cycle.length;
    // Longer than the cycle, so that bytes that go over its end are mostly compared in one piece.
    this.#repeated = Buffer.alloc(cycle.length + PIECE_BYTES, cycle);
  }

  read(place: AnswerPlace, count: number, bytes: Uint8Array): number {
    return this.#match(place, count, bytes) ? this.#advance(place, count) : -1;
  }

  #match({ answerVariant, unclaimedBytes }: AnswerPlace, count: number, bytes: Uint8Array): boolean {
    const offset = (this.#begins[answerVariant] as number) + unclaimedBytes;
    for (let done = 0; done < count;) {
      const begin = (offset + done) % this.#cycleBytes;
      const piece = Math.min(count - done, this.#repeated.length - begin);
      if (this.#repeated.compare(bytes, done, done + piece, begin, begin + piece) !== 0) return false;
      done += piece;
    }
    return true;
  }

  #advance(place: AnswerPlace, count: number): number {
    let { answerVariant } = place;
    let bytes = place.unclaimedBytes + count;
    let answers = 0;
    for (let length = this.#lengths[answerVariant] as number; bytes >= length; answers++) {
      bytes -= length;
      answerVariant = answerVariant + 1 === this.#lengths.length ? 0 : answerVariant + 1;
      length = this.#lengths[answerVariant] as number;
    }
    place.answerVariant = answerVariant;
    place.unclaimedBytes = bytes;
    return answers;
  }
}
