import type { AnswerPlace, Answers } from './answers.ts';
import { type Failure, WRONG_ANSWER } from './failure.ts';

/** Waits until each connection has got exactly one answer. */
export class AnswerCheck {
  readonly #failure: Failure;
  readonly #answers: Answers;
  readonly #answered = new Set<AnswerPlace>();
  #connections = 0;
  #resolve: (() => void) | undefined;

  constructor(failure: Failure, answers: Answers) {
    this.#failure = failure;
    this.#answers = answers;
  }

  /** @param send - makes the server send one answer to each connection */
  run(connections: number, send: () => void): Promise<void> {
    return this.#failure.guard(
      new Promise((resolve) => {
        this.#resolve = resolve;
        this.#connections = connections;
        send();
      }),
    );
  }

  onBytes(connection: AnswerPlace, count: number, bytes: Uint8Array): void {
    const answers = this.#answers.read(connection, count, bytes);
    if (answers < 0) this.#failure.fail(WRONG_ANSWER);
    else if (this.#answered.has(connection) || answers > 1 || (answers === 1 && connection.unclaimedBytes > 0)) {
      this.#failure.fail('more bytes came than the answer has');
    } else if (answers === 1 && this.#answered.add(connection).size === this.#connections) this.#resolve?.();
  }
}
