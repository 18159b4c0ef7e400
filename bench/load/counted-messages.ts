import type { AnswerPlace, Answers } from './answers.ts';

/** Messages whose frames all have the same size: their bytes are counted, not compared. */
export class CountedMessages implements Answers {
  readonly #frameBytes: number;
  readonly #variants: number;

  constructor(frameBytes: number, variants: number) {
    this.#frameBytes = frameBytes;
    this.#variants = variants;
  }

  read(place: AnswerPlace, count: number): number {
    const bytes = place.unclaimedBytes + count;
    const messages = Math.floor(bytes / this.#frameBytes);
    place.unclaimedBytes = bytes - messages * this.#frameBytes;
    place.answerVariant = (place.answerVariant + messages) % this.#variants;
    return messages;
  }
}
