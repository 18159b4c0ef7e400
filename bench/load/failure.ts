/** The reason when bytes differ from the expected answer. */
export const WRONG_ANSWER =
  'an answer is not the expected one: the message was changed, not compressed as agreed, lost, ' +
  'answered twice or overtaken';

/** The reason when bytes differ from the expected message of a client. */
export const WRONG_MESSAGE =
  'a message is not the expected one: it was changed, not compressed as agreed, lost, sent twice or overtaken';

/** The first failure of a load. It rejects current and later waits. */
export class Failure {
  readonly #promise: Promise<never>;
  #reject: (error: Error) => void = () => {};
  #hasFailed = false;

  constructor() {
    this.#promise = new Promise((_, reject) => {
      this.#reject = reject;
    });
    // A failure while nobody waits must not be an unhandled rejection: it rejects the next wait.
    this.#promise.catch(() => {});
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  fail(reason: string): void {
    this.#hasFailed = true;
    this.#reject(new Error(reason));
  }

  /** Waits for `work`, or rejects with the failure. */
  guard<T>(work: Promise<T>): Promise<T> {
    return Promise.race([this.#promise, work]);
  }
}
