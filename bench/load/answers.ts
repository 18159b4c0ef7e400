/** How far a connection has got with its answers. */
export interface AnswerPlace {
  /** Which answer comes next. */
  answerVariant: number;
  /** Bytes of it that have come. */
  unclaimedBytes: number;
}

/** What connections must get: the answers of all variants in turn, again and again. */
export interface Answers {
  /**
   * Compares `bytes[0..count)` with what must come next on a connection, and moves its place on.
   *
   * @returns how many answers are complete now that were not before; -1 when a byte is not right
   */
  read(place: AnswerPlace, count: number, bytes: Uint8Array): number;
}
