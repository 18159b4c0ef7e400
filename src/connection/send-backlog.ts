import type { PreparedMessage } from '../protocol/prepared-message.ts';
import { Queue } from '../base/queue.ts';

/** A message that is not framed yet. */
export interface BacklogMessage {
  readonly data: string | Buffer | PreparedMessage;
  readonly compress: boolean | undefined;
  /** Size of the payload: bytes, or UTF-16 units of a string. */
  readonly bytes: number;
}

/** Messages for a peer that does not keep up. They are not framed yet, so that the oldest can still be dropped. */
export class SendBacklog {
  readonly #messages = new Queue<BacklogMessage>();
  /** The messages that may be dropped, oldest first. */
  readonly #droppable = new Set<BacklogMessage>();
  /** Messages that were dropped while they are still in {@link #messages}. */
  readonly #dropped = new WeakSet<BacklogMessage>();
  #bytes = 0;

  /** Size of all messages in the backlog. */
  get bytes(): number {
    return this.#bytes;
  }

  push(message: BacklogMessage, isDroppable: boolean): void {
    this.#messages.push(message);
    this.#bytes += message.bytes;
    if (isDroppable) this.#droppable.add(message);
  }

  /** Puts messages in front of all others. They cannot be dropped any more. */
  prepend(messages: readonly BacklogMessage[]): void {
    for (const message of messages.toReversed()) {
      this.#messages.unshift(message);
      this.#bytes += message.bytes;
    }
  }

  /** Drops the oldest droppable message. Returns false when there is none. */
  dropOldest(): boolean {
    for (const message of this.#droppable) {
      this.#droppable.delete(message);
      this.#dropped.add(message);
      this.#bytes -= message.bytes;
      return true;
    }
    return false;
  }

  /** Removes and returns the oldest message, undefined when the backlog is empty. */
  shift(): BacklogMessage | undefined {
    for (;;) {
      const message = this.#messages.shift();
      if (message === undefined) return undefined;
      this.#droppable.delete(message);
      if (this.#dropped.has(message)) continue;
      this.#bytes -= message.bytes;
      return message;
    }
  }
}
