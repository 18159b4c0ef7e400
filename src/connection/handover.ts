import { setImmediate } from '../base/clock.ts';
import { Queue } from '../base/queue.ts';
import type { BacklogMessage } from './send-backlog.ts';

/** A message that lies among the bytes of a connection. */
interface FramedMessage {
  readonly message: BacklogMessage;
  /** How many bytes the connection has written up to the end of the message. */
  readonly endBytes: number;
}

/** What became of the messages of a connection that is over. */
export interface Leftovers {
  /** Messages of which the system was not given all bytes, so that the peer cannot have them. In order. */
  readonly unsent: readonly BacklogMessage[];
  /** How many messages were handed to the system, and may have arrived or not. */
  readonly uncertainCount: number;
}

/**
 * Keeps the messages of a connection until the system has been given all of their bytes, so that the next connection of
 * a client can send what this one could not.
 */
export class Handover {
  readonly #handedBytes: () => number;
  /** Messages that are being compressed, or wait behind such a message. */
  readonly #unframed = new Queue<BacklogMessage>();
  /** Messages in front of all that are in {@link #unframed}. */
  readonly #framed = new Queue<FramedMessage>();
  /** Messages that are not kept any more, because the system has been given all of their bytes. */
  #handedCount = 0;
  /** The payload of the last ping, and how many messages are in front of it. */
  #lastPing: { readonly payload: Buffer; readonly count: number } | undefined;
  /** Messages that the peer has read, as far as known. */
  #readCount = 0;
  #isForgetting = false;

  /** @param handedBytes - returns how many bytes of the connection the system has been given */
  constructor(handedBytes: () => number) {
    this.#handedBytes = handedBytes;
  }

  /** Counts a message that need not be kept, because the system has been given all of it. Only behind no kept message. */
  countHanded(): void {
    this.forget();
    this.#handedCount++;
  }

  /** Keeps a message whose frame is written. */
  addFramed(message: BacklogMessage, endBytes: number): void {
    this.#framed.push({ message, endBytes });
    this.#forgetSoon();
  }

  /** Keeps a message whose frame is written later: see {@link frameNext}. */
  addUnframed(message: BacklogMessage): void {
    this.#unframed.push(message);
  }

  /** Notes that the oldest message without a frame has got it. Does nothing when there is none. */
  frameNext(endBytes: number): void {
    const message = this.#unframed.shift();
    if (message !== undefined) this.addFramed(message, endBytes);
  }

  /** Forgets the messages that the system has been given. */
  forget(): void {
    const handedBytes = this.#handedBytes();
    for (;;) {
      const { first } = this.#framed;
      if (first === undefined || first.endBytes > handedBytes) return;
      this.#framed.shift();
      this.#handedCount++;
    }
  }

  /** Notes that a ping is about to be written. Its payload tells its pong from others. */
  notePing(payload: Buffer): void {
    this.#lastPing = { payload, count: this.#handedCount + this.#framed.length };
  }

  /** Takes the payload of a pong: the answer to the last ping proves that the peer has read all messages before it. */
  onPong(payload: Buffer): void {
    if (this.#lastPing?.payload.equals(payload) === true) this.#readCount = this.#lastPing.count;
  }

  /** Takes all messages, because the connection is over. */
  take(): Leftovers {
    this.forget();
    const unsent: BacklogMessage[] = [];
    for (let next = this.#framed.shift(); next !== undefined; next = this.#framed.shift()) unsent.push(next.message);
    for (let next = this.#unframed.shift(); next !== undefined; next = this.#unframed.shift()) unsent.push(next);
    return { unsent, uncertainCount: this.#handedCount - this.#readCount };
  }

  /** Forgets at the end of this turn, when the write batch has been flushed. */
  #forgetSoon(): void {
    if (this.#isForgetting) return;
    this.#isForgetting = true;
    setImmediate(() => {
      this.#isForgetting = false;
      this.forget();
    });
  }
}
