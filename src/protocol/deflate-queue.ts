import { type Deflater, NOT_COMPRESSED, type TransformDone } from './compression.ts';
import { RSV1_BIT } from './constants.ts';
import type { PreparedMessage } from './prepared-message.ts';
import { Queue } from '../base/queue.ts';

/** A message that is to be compressed, or is queued behind such a message. */
export interface DeflatableMessage {
  /** The first byte of the frame: its opcode, and FIN unless the message is a fragment. */
  readonly firstByte: number;
  readonly payload: Buffer;
  readonly compresses: boolean;
  /** The shared form of the message, when other connections send the same. */
  readonly shared: PreparedMessage | undefined;
}

/** Sends the frames that a {@link DeflateQueue} has finished. */
export interface DeflateListener {
  /** The next message is ready to be sent. */
  onDeflated(firstByte: number, payload: Buffer): void;
  /** All messages have been reported, so our close frame can be sent. */
  onDeflatedClose(payload: Buffer): void;
  /** A message cannot be compressed, so that no message behind it can be sent. The queue is cleared. */
  onDeflateFailed(error: Error): void;
  /** The queue is empty again, after a message was deflated asynchronously. */
  onAllDeflated(): void;
}

/** Compresses the messages of one connection one by one and keeps them in order (RFC 7692 section 7.2.1). */
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

  /** True while a message is being compressed: messages sent meanwhile must be pushed behind it. */
  get isDeflating(): boolean {
    return this.#isDeflating;
  }

  /** Payload bytes of the message that is being compressed and of all messages behind it. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** The message that is being compressed and all messages behind it. */
  get waitingMessages(): number {
    return this.#waiting.length + (this.#isDeflating ? 1 : 0);
  }

  /** The payload of our close frame while it waits behind messages. */
  get waitingClose(): Buffer | undefined {
    return this.#close;
  }

  push(message: DeflatableMessage): void {
    this.#waiting.push(message);
    this.#waitingBytes += message.payload.length;
    if (!this.#isDeflating) this.#deflateAll(true);
  }

  /** Queues our close frame behind all messages. Must be called only while {@link isDeflating}. */
  pushClose(payload: Buffer): void {
    this.#close = payload;
  }

  /** Drops all messages and the close frame. The listener is not called again. */
  clear(): void {
    this.#isCleared = true;
    this.#waiting = new Queue();
    this.#waitingBytes = 0;
    this.#close = undefined;
  }

  /**
   * Deflates messages in a loop, because a deflater may call back before it returns.
   *
   * @param isSynchronous - true within {@link push}, false after a deflater has called back later
   */
  #deflateAll(isSynchronous: boolean): void {
    let isLooping = true;
    for (let message = this.#waiting.shift(); message !== undefined; message = this.#waiting.shift()) {
      const { firstByte, payload, compresses, shared } = message;
      if (!compresses) {
        this.#waitingBytes -= payload.length;
        this.#listener.onDeflated(firstByte, payload);
        continue;
      }
      this.#isDeflating = true;
      const done: TransformDone = (error, result) => {
        this.#isDeflating = false;
        if (this.#isCleared) return;
        this.#waitingBytes -= payload.length;
        if (error === undefined) this.#listener.onDeflated(RSV1_BIT | firstByte, result);
        // RFC 7692 section 6 allows an uncompressed message at any time. A broadcast uses that also when zlib fails, because
        // the failure is not that of any one receiver.
        else if (error === NOT_COMPRESSED || shared !== undefined) this.#listener.onDeflated(firstByte, payload);
        else {
          this.clear();
          this.#listener.onDeflateFailed(error);
        }
        if (!isLooping && !this.#isCleared) this.#deflateAll(false);
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
    else if (!isSynchronous) this.#listener.onAllDeflated();
  }
}
