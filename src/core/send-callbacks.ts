import type { Duplex } from 'node:stream';
import { setImmediate } from '../base/clock.ts';
import { Queue } from '../base/queue.ts';
import type { Connection } from '../connection/connection.ts';

/** Is called when a message is with the system, or with the reason why it never will be. */
export type SendCallback = (error?: Error) => void;

interface WaitingCallback {
  readonly callback: SendCallback;
  /** What has been sent when this many bytes were written, or this many messages were framed. */
  readonly position: number;
}

const NOTHING = Buffer.alloc(0);

/**
 * Calls back when messages have been given to the system, in the order in which they were sent.
 *
 * @remarks Nothing of this exists on a connection whose user passes no callback.
 */
export class SendCallbacks {
  readonly #connection: Connection;
  readonly #socket: Duplex;
  /** Callbacks of messages that are being compressed, or wait behind one, by the count of framed messages. */
  readonly #unframed = new Queue<WaitingCallback>();
  /** Callbacks of messages that were framed, by the count of bytes. */
  readonly #framed = new Queue<WaitingCallback>();
  /** Callbacks of messages that were written to the socket, which has not sent all of them. */
  readonly #written = new Queue<SendCallback>();
  #framedCount = 0;
  /** Callbacks that were ever written, and those of them that were called. */
  #writtenCount = 0;
  #calledCount = 0;
  #isScheduled = false;

  constructor(connection: Connection, socket: Duplex) {
    this.#connection = connection;
    this.#socket = socket;
  }

  /** Adds the callback of the message that was sent last. */
  add(callback: SendCallback): void {
    const { waitingMessages, acceptedBytes } = this.#connection;
    if (waitingMessages > 0) this.#unframed.push({ callback, position: this.#framedCount + waitingMessages });
    else this.#framed.push({ callback, position: acceptedBytes });
    this.#schedule();
  }

  onQueuedMessageFramed(): void {
    this.#framedCount++;
    const { acceptedBytes } = this.#connection;
    for (let next = this.#unframed.first; next !== undefined; next = this.#unframed.first) {
      if (next.position > this.#framedCount) break;
      this.#framed.push({ callback: next.callback, position: acceptedBytes });
      this.#unframed.shift();
    }
    this.#schedule();
  }

  /** Looks what has been sent. To be called when the connection is writable again, and after each turn. */
  settle(): void {
    const { writtenBytes } = this.#connection;
    const before = this.#writtenCount;
    for (let next = this.#framed.first; next !== undefined; next = this.#framed.first) {
      if (next.position > writtenBytes) break;
      this.#written.push(next.callback);
      this.#framed.shift();
      this.#writtenCount++;
    }
    // Without bytes that the socket still holds, none of an earlier look are left either.
    const count = this.#writtenCount;
    if (this.#socket.writableLength === 0 && !this.#socket.destroyed) this.#callUntil(count);
    else if (count > before && this.#socket.writable) {
      // The callback of an empty write comes when all that was written before has been sent.
      this.#socket.write(NOTHING, (error) => {
        if (error === null || error === undefined) this.#callUntil(count);
      });
    }
    const isHeldBack = this.#framed.length > 0 && !this.#connection.isBlocked;
    if (isHeldBack) this.#schedule();
  }

  /** Calls all callbacks that are left, because nothing more is sent. */
  fail(error: Error): void {
    for (let callback = this.#written.shift(); callback !== undefined; callback = this.#written.shift())
      callback(error);
    for (const queue of [this.#framed, this.#unframed]) {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) next.callback(error);
    }
  }

  #callUntil(count: number): void {
    while (this.#calledCount < count) {
      this.#calledCount++;
      this.#written.shift()?.();
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // The batch of the connection was scheduled before, so it has been written by then.
    setImmediate(() => {
      this.#isScheduled = false;
      this.settle();
    });
  }
}
