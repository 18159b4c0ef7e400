/** Longest piece that is compared at a time, unless all the answers together are longer. */
const PIECE_BYTES = 65_536;

/** How far a connection has got with its answers. */
export interface AnswerPlace {
  /** Which answer comes next. */
  answerVariant: number;
  /** Bytes of it that have come. */
  unclaimedBytes: number;
}

/** What a connection must get: answers of any lengths, one after the other, again and again. */
export class AnswerBytes {
  readonly #lengths: readonly number[];
  /** Where each answer begins. */
  readonly #begins: readonly number[];
  readonly #cycleBytes: number;
  readonly #repeated: Buffer;

  /** @param answers - the bytes of each answer, by its variant */
  constructor(answers: readonly Buffer[]) {
    const cycle = Buffer.concat(answers);
    this.#lengths = answers.map(({ length }) => length);
    let begin = 0;
    this.#begins = this.#lengths.map((length) => (begin += length) - length);
    this.#cycleBytes = cycle.length;
    // More than the cycle, so that what goes over its end is mostly one piece.
    this.#repeated = Buffer.alloc(cycle.length + PIECE_BYTES, cycle);
  }

  /** Whether `bytes[0..count)` are what must come next. */
  match({ answerVariant, unclaimedBytes }: AnswerPlace, count: number, bytes: Uint8Array): boolean {
    const offset = (this.#begins[answerVariant] as number) + unclaimedBytes;
    for (let done = 0; done < count;) {
      const begin = (offset + done) % this.#cycleBytes;
      const piece = Math.min(count - done, this.#repeated.length - begin);
      if (this.#repeated.compare(bytes, done, done + piece, begin, begin + piece) !== 0) return false;
      done += piece;
    }
    return true;
  }

  /** Moves on by `count` bytes. Returns how many answers are complete now that were not before. */
  advance(place: AnswerPlace, count: number): number {
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
