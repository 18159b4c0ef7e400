/** The position of a connection in its answers. */
export interface AnswerPlace {
  /** Number of the next answer. */
  answerVariant: number;
  /** Number of bytes of that answer that have come. */
  unclaimedBytes: number;
}

/** The expected answers of a connection: the answers of all variants in turn, again and again. */
export interface Answers {
  /**
   * Compares `bytes[0..count)` with the next bytes that must come on a connection, and advances its place.
   *
   * @returns the number of answers that these bytes complete; -1 when a byte is wrong
   */
  read(place: AnswerPlace, count: number, bytes: Uint8Array): number;
}
