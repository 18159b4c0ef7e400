/** Longest piece that is compared at a time, unless one answer is longer. */
const PIECE_BYTES = 65_536;

/** What a connection must get: the same answer again and again. */
export class AnswerBytes {
  /** Length of one answer. */
  readonly length: number;
  readonly #repeated: Buffer;

  /** @param answer - the bytes of every answer */
  constructor(answer: Buffer) {
    this.length = answer.length;
    this.#repeated = Buffer.concat(Array.from({ length: Math.ceil(PIECE_BYTES / answer.length) + 1 }, () => answer));
  }

  /**
   * Whether `bytes[0..count)` are what must come next.
   *
   * @param offset - how many bytes of answers came before them
   */
  match(bytes: Uint8Array, count: number, offset: number): boolean {
    for (let done = 0; done < count;) {
      const begin = (offset + done) % this.length;
      const piece = Math.min(count - done, this.#repeated.length - begin);
      if (this.#repeated.compare(bytes, done, done + piece, begin, begin + piece) !== 0) return false;
      done += piece;
    }
    return true;
  }
}
