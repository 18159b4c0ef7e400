import { readFrames } from './topic-dialect.ts';

/** The bytes that each connection must get. Those of the connection that is ahead of the others are read. */
export class SharedStream {
  #bytes: Buffer = Buffer.allocUnsafe(1_048_576);
  #length = 0;
  #read = 0;
  readonly #onText: (text: string) => void;

  constructor(onText: (text: string) => void) {
    this.#onText = onText;
  }

  get length(): number {
    return this.#length;
  }

  /** Whether it ends with the end of a message. */
  get isWhole(): boolean {
    return this.#read === this.#length;
  }

  reset(): void {
    this.#length = 0;
    this.#read = 0;
  }

  /**
   * Takes what one connection got behind its first `at` bytes.
   *
   * @throws Error when another connection got other bytes
   */
  take(at: number, chunk: Buffer): void {
    const known = Math.min(chunk.length, this.#length - at);
    if (this.#bytes.compare(chunk, 0, known, at, at + known) !== 0) throw new Error('two connections got other bytes');
    if (known === chunk.length) return;
    const length = at + chunk.length;
    if (length > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], length * 2);
    chunk.copy(this.#bytes, this.#length, known);
    this.#length = length;
    this.#read += readFrames(this.#bytes.subarray(this.#read, length), (payload) => this.#onText(payload.toString()));
  }
}
