import type { Inflater, TransformDone } from '../protocol/compression.ts';
import { type History, HistoryBudget } from './history.ts';

/**
 * After so many messages, a client that has referred to none before it is believed to obey. A client that keeps its
 * context refers back in its second message of JSON or words, and in one of the first thirty of numbers that hardly repeat.
 */
const PROBATION_MESSAGES = 8;

/** The memory that all clients together may take which do not obey, or have not shown yet that they do. */
export const lenientBudget: HistoryBudget = new HistoryBudget(67_108_864);

const EMPTY = Buffer.alloc(0);

/**
 * Inflates the messages of a client that was told to compress each message on its own, also when the client does not obey.
 *
 * @remarks RFC 7692 section 7.1.1.2 demands that a client obeys `client_no_context_takeover` in the answer. Those of Tornado
 * and Mojolicious do not, and browsers cannot be told from them by what they offer. The first message that refers to one
 * before it shows such a client, because its distances lead out of a fresh window. So the bytes of the first messages are
 * kept, and then forgotten if no such message has come.
 */
export class LenientInflater implements Inflater {
  readonly #obedient: Inflater;
  readonly #keeping: Inflater;
  readonly #history: History;
  #messagesLeft = PROBATION_MESSAGES;
  #refersBack = false;

  /**
   * @param obedient - inflates each message on its own
   * @param keeping - inflates with `history` as its window, to which it adds each result
   */
  constructor(obedient: Inflater, keeping: Inflater, history: History) {
    this.#obedient = obedient;
    this.#keeping = keeping;
    this.#history = history;
  }

  inflate(compressed: Buffer, maxBytes: number, done: TransformDone): void {
    if (this.#refersBack) this.#inflateKeeping(compressed, maxBytes, done);
    else if (this.#messagesLeft === 0) this.#obedient.inflate(compressed, maxBytes, explain(done));
    else {
      this.#obedient.inflate(compressed, maxBytes, (error, result) => {
        if (refersTooFarBack(error)) {
          this.#refersBack = true;
          this.#inflateKeeping(compressed, maxBytes, done);
        } else {
          if (error === undefined) this.#note(result);
          done(error, result);
        }
      });
    }
  }

  /** Frees the memory of a connection that is over. */
  end(): void {
    this.#history.end();
  }

  #inflateKeeping(compressed: Buffer, maxBytes: number, done: TransformDone): void {
    this.#keeping.inflate(compressed, maxBytes, explain(done));
  }

  #note(message: Buffer): void {
    this.#history.add(message);
    if (--this.#messagesLeft === 0) this.#history.end();
  }
}

function refersTooFarBack(error: Error | undefined): boolean {
  return error?.message === 'invalid distance too far back';
}

/** Tells in the error of a message what the client does, and what helps. */
function explain(done: TransformDone): TransformDone {
  return (error, result) => {
    if (!refersTooFarBack(error)) done(error, result);
    else {
      const advice = 'the client keeps its context against the agreement: see the setting clientNoContextTakeover';
      done(new Error(`${error?.message} (${advice})`, { cause: error }), EMPTY);
    }
  };
}
