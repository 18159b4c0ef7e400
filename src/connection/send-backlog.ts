import type { PreparedMessage } from '../protocol/prepared-message.ts';
import { Queue } from '../base/queue.ts';

/** A message that is not framed yet. */
export interface BacklogMessage {
  readonly data: string | Buffer | PreparedMessage;
  readonly compress: boolean | undefined;
  /** Size of its payload; of a text its UTF-16 units. */
  readonly bytes: number;
}

/** Messages for a peer that does not keep up, kept whole so that the oldest of them can still be dropped. */
export class SendBacklog {
  readonly #messages = new Queue<BacklogMessage>();
  /** Those of them that may be dropped, in the same order. */
  readonly #droppable = new Set<BacklogMessage>();
  readonly #dropped = new WeakSet<BacklogMessage>();
  #bytes = 0;

  /** Size of all messages that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  push(message: BacklogMessage, isDroppable: boolean): void {
    this.#messages.push(message);
    this.#bytes += message.bytes;
    if (isDroppable) this.#droppable.add(message);
  }

  /** Drops the oldest message that may be dropped. Returns false when there is none. */
  dropOldest(): boolean {
    for (const message of this.#droppable) {
      this.#droppable.delete(message);
      this.#dropped.add(message);
      this.#bytes -= message.bytes;
      return true;
    }
    return false;
  }

  /** Takes the oldest message, undefined when none is left. */
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
