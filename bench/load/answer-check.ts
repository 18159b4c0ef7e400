import type { Failure } from './failure.ts';
import type { RawConnection } from './raw-connection.ts';

/** Compares the first answer on each connection, byte by byte, with what it must be. */
export class AnswerCheck {
  readonly #failure: Failure;
  readonly #expected: Buffer;
  readonly #received = new Map<RawConnection, Buffer>();
  #missing = 0;
  #resolve: (() => void) | undefined;

  constructor(failure: Failure, expected: Buffer) {
    this.#failure = failure;
    this.#expected = expected;
  }

  /** @param send - makes the server send one message to each of `count` connections */
  run(count: number, send: () => void): Promise<void> {
    return this.#failure.guard(
      new Promise((resolve) => {
        this.#resolve = resolve;
        this.#missing = count;
        send();
      }),
    );
  }

  onBytes(connection: RawConnection, count: number, bytes: Uint8Array): void {
    const before = this.#received.get(connection);
    const received = Buffer.concat([before ?? new Uint8Array(0), bytes.subarray(0, count)]);
    this.#received.set(connection, received);
    if (received.length < this.#expected.length) return;
    if (!received.equals(this.#expected)) this.#failure.fail('the answer is not the message that was sent');
    else if (--this.#missing === 0) this.#resolve?.();
  }
}
