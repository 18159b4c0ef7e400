import { readFastUpgradeAnswer } from './fast-upgrade-answer.ts';
import { collectHeaders } from './multi-map.ts';

/** Headers of the answer to a handshake, by name in lower case. */
export type ResponseHeaders = Readonly<Record<string, string | readonly string[]>>;

/** The 101 of an open connection: kept as it came, and read when a program asks for its headers, which few do. */
export class StoredAnswer {
  #answer: string | readonly string[];
  #headers: ResponseHeaders | undefined;

  /** @param answer - a text that {@link readFastUpgradeAnswer} can read, or names and values in turn, as of node:http */
  constructor(answer: string | readonly string[]) {
    this.#answer = answer;
  }

  /** Frozen, without a prototype. A header that came more than once has an array. */
  get headers(): ResponseHeaders {
    if (this.#headers === undefined) {
      const answer = this.#answer;
      this.#headers = Object.freeze(
        typeof answer === 'string' ? (readFastUpgradeAnswer(answer) as ResponseHeaders) : collectHeaders(answer),
      );
      this.#answer = '';
    }
    return this.#headers;
  }
}
