import type { Deflater, TransformDone } from './compression.ts';
import { FIN_BIT, RSV1_BIT } from './constants.ts';
import type { PreparedMessage } from './prepared-message.ts';
import { Queue } from '../base/queue.ts';

/** A message that is to be compressed, or comes behind one that is. */
export interface DeflatableMessage {
  readonly opcode: number;
  readonly payload: Buffer;
  readonly compresses: boolean;
  /** Set when other connections send the same. */
  readonly shared: PreparedMessage | undefined;
}

/** Sends what a {@link DeflateQueue} is done with. */
export interface DeflateListener {
  onDeflated(firstByte: number, payload: Buffer): void;
  /** Our close frame, behind all messages. */
  onDeflatedClose(payload: Buffer): void;
  /** Nothing waits any more, in a later turn than that in which it was pushed. */
  onAllDeflated(): void;
}

/** Compresses the messages of one connection, one after the other, and keeps them in order (RFC 7692 section 7.2.1). */
export class DeflateQueue {
  readonly #listener: DeflateListener;
  readonly #deflater: Deflater;
  #waiting = new Queue<DeflatableMessage>();
  #waitingBytes = 0;
  #isDeflating = false;
  #isCleared = false;
  #close: Buffer | undefined;

  constructor(listener: DeflateListener, deflater: Deflater) {
    this.#listener = listener;
    this.#deflater = deflater;
  }

  /** Whether a message is being compressed: what is sent now has to wait behind it. */
  get isDeflating(): boolean {
    return this.#isDeflating;
  }

  /** Payload bytes of the message that is being compressed, and of those behind it. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Our close frame that waits, if there is one. */
  get waitingClose(): Buffer | undefined {
    return this.#close;
  }

  push(message: DeflatableMessage): void {
    this.#waiting.push(message);
    this.#waitingBytes += message.payload.length;
    if (!this.#isDeflating) this.#deflateAll(true);
  }

  /** Our close frame, behind the messages. Only while {@link isDeflating}. */
  pushClose(payload: Buffer): void {
    this.#close = payload;
  }

  /** Drops all. Nothing is reported any more. */
  clear(): void {
    this.#isCleared = true;
    this.#waiting = new Queue();
    this.#waitingBytes = 0;
    this.#close = undefined;
  }

  /** A loop, because a deflater may be done before its call returns. */
  #deflateAll(isAtOnce: boolean): void {
    let isLooping = true;
    for (let message = this.#waiting.shift(); message !== undefined; message = this.#waiting.shift()) {
      const { opcode, payload, compresses, shared } = message;
      if (!compresses) {
        this.#waitingBytes -= payload.length;
        this.#listener.onDeflated(FIN_BIT | opcode, payload);
        continue;
      }
      this.#isDeflating = true;
      const done: TransformDone = (error, result) => {
        this.#isDeflating = false;
        if (this.#isCleared) return;
        this.#waitingBytes -= payload.length;
        if (error === undefined) this.#listener.onDeflated(FIN_BIT | RSV1_BIT | opcode, result);
        // What cannot be compressed goes out as it is: RFC 7692 section 6 leaves that choice to each message.
        else this.#listener.onDeflated(FIN_BIT | opcode, payload);
        if (!isLooping) this.#deflateAll(false);
      };
      if (shared !== undefined && this.#deflater.isShared) shared.deflate(this.#deflater, done);
      else this.#deflater.deflate(payload, done);
      if (this.#isDeflating) {
        isLooping = false;
        return;
      }
    }
    const close = this.#close;
    this.#close = undefined;
    if (close !== undefined) this.#listener.onDeflatedClose(close);
    else if (!isAtOnce) this.#listener.onAllDeflated();
  }
}
