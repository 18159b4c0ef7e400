import type { MessageShape } from '../messages.ts';
import type { Failure } from './failure.ts';
import { buildFrame, firstFrame, holdsCompressed } from './frames.ts';
import type { RawConnection } from './raw-connection.ts';

/** Compares the first answer on each connection, byte by byte, with what it must be. */
export class AnswerCheck {
  readonly #failure: Failure;
  readonly #shape: MessageShape;
  /** Of compressed messages the first answer: every server compresses in its own way, but always alike. */
  #expected: Buffer | undefined;
  readonly #received = new Map<RawConnection, Buffer>();
  #missing = 0;
  #resolve: (() => void) | undefined;

  constructor(failure: Failure, shape: MessageShape) {
    this.#failure = failure;
    this.#shape = shape;
    this.#expected = shape.isCompressed === true ? undefined : buildFrame(shape, false);
  }

  /** Every answer, once {@link run} has ended. */
  get answer(): Buffer | undefined {
    return this.#expected;
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
    this.#expected ??= this.#readFirst(received);
    if (this.#expected === undefined || received.length < this.#expected.length) return;
    if (!received.equals(this.#expected)) this.#failure.fail('the answer is not the message that was sent');
    else if (--this.#missing === 0) this.#resolve?.();
  }
  #readFirst(received: Buffer): Buffer | undefined {
    const frame = firstFrame(received);
    if (frame !== undefined && !holdsCompressed(frame, this.#shape)) {
      this.#failure.fail('the answer is not the message that was sent, or not compressed');
    }
    return frame;
  }
}
