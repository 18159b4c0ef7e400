/** What can be said of bytes that are not those of the answer that is due. */
export const WRONG_ANSWER =
  'an answer is not the message that was sent: it was changed, not compressed as agreed, lost, answered twice or overtaken by another';

/** The same of a message that a client sent. */
export const WRONG_MESSAGE =
  'a message is not the one whose turn it was: it was changed, not compressed as agreed, lost, sent twice or overtaken by another';

/** What went wrong, told to whoever waits and to whoever will wait. */
export class Failure {
  readonly #promise: Promise<never>;
  #reject: (error: Error) => void = () => {};
  #hasFailed = false;

  constructor() {
    this.#promise = new Promise((_, reject) => {
      this.#reject = reject;
    });
    // A failure that comes while nobody waits is told to the next who does.
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
