import type { FourDError } from '../errors.ts';

/** The promises of a client's life: from the call that makes it connect to the end of its onTerminate. */
export class ClientLife {
  /**
   * Resolves to undefined when the first callback has run, or to the error when connecting has failed. Never rejects.
   */
  readonly result: Promise<FourDError | undefined>;
  /** Resolves when onTerminate has run. */
  readonly finished: Promise<void>;
  resolve!: (error: FourDError | undefined) => void;
  finish!: () => void;

  constructor() {
    this.result = new Promise((resolve) => {
      this.resolve = resolve;
    });
    this.finished = new Promise((resolve) => {
      this.finish = resolve;
    });
  }
}
