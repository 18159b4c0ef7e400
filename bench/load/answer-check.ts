import { countVariants, type MessageShape } from '../messages.ts';
import type { AnswerPlace } from './answer-bytes.ts';
import type { Failure } from './failure.ts';
import { buildFrame, firstFrame, holdsCompressed } from './frames.ts';

/** What is known of a connection. */
interface Progress {
  /** What has come of answers that are not complete. */
  rest: Buffer;
  missing: number;
}

/**
 * Compares the first answers on each connection, byte by byte, with what they must be, and learns what those are that the
 * server compressed: every server compresses in its own way, but always alike.
 */
export class AnswerCheck {
  readonly #failure: Failure;
  readonly #shape: MessageShape;
  readonly #answersEach: number;
  /** By variant; holes are not known yet. */
  readonly #expected: (Buffer | undefined)[];
  readonly #progress = new Map<AnswerPlace, Progress>();
  #missing = 0;
  #resolve: (() => void) | undefined;

  /** @param answersEach - how many each connection gets: enough for all variants to come on one connection or another */
  constructor(failure: Failure, shape: MessageShape, answersEach: number) {
    this.#failure = failure;
    this.#shape = shape;
    this.#answersEach = answersEach;
    this.#expected = Array.from({ length: countVariants(shape) }, (_, variant) =>
      shape.isCompressed === true ? undefined : buildFrame(shape, false, variant),
    );
  }

  /**
   * @param count - of connections
   * @param send - makes the server send the answers to each of them
   * @returns all answers, by their variant
   */
  async run(count: number, send: () => void): Promise<readonly Buffer[]> {
    await this.#failure.guard(
      new Promise<void>((resolve) => {
        this.#resolve = resolve;
        this.#missing = count * this.#answersEach;
        send();
      }),
    );
    const known = this.#expected.filter((frame) => frame !== undefined);
    if (known.length !== this.#expected.length) {
      throw new Error(`only ${known.length} of ${this.#expected.length} messages were answered: send more of them`);
    }
    return known;
  }

  onBytes(connection: AnswerPlace, count: number, bytes: Uint8Array): void {
    const progress = this.#progress.get(connection) ?? { rest: Buffer.alloc(0), missing: this.#answersEach };
    this.#progress.set(connection, progress);
    progress.rest = Buffer.concat([progress.rest, bytes.subarray(0, count)]);
    while (progress.missing > 0 && this.#takeAnswer(connection, progress));
    if (progress.missing === 0 && progress.rest.length > 0) this.#failure.fail('more bytes came than were asked for');
    else if (this.#missing === 0) this.#resolve?.();
  }

  /** Takes an answer from what has come. Returns whether there was a whole one, and right. */
  #takeAnswer(connection: AnswerPlace, progress: Progress): boolean {
    const variant = connection.answerVariant;
    const expected = (this.#expected[variant] ??= this.#readFirst(progress.rest, variant));
    if (expected === undefined || progress.rest.length < expected.length) return false;
    if (!expected.equals(progress.rest.subarray(0, expected.length))) {
      this.#failure.fail('the answer is not the message that was sent');
      return false;
    }
    progress.rest = progress.rest.subarray(expected.length);
    progress.missing--;
    this.#missing--;
    connection.answerVariant = (variant + 1) % this.#expected.length;
    return true;
  }

  #readFirst(received: Buffer, variant: number): Buffer | undefined {
    const frame = firstFrame(received);
    if (frame !== undefined && !holdsCompressed(frame, this.#shape, variant)) {
      this.#failure.fail('the answer is not the message that was sent, or not compressed');
    }
    // A copy: the rest of what has come need not be kept with it.
    return frame && Buffer.from(frame);
  }
}
