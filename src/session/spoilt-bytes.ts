import { markAsReused } from '../protocol/assembly-memory.ts';
import { callHandler } from './call-handler.ts';
import type { CallbackOwner, MessageGuard, RunUnlessMuted } from './callback-queue.ts';
import type { MessageEvent } from './events.ts';

const POISON = 0xdb;

/** The bytes of a message that a callback gets on loan, when the user wants to find out who keeps them: `borrowed: 'poison'`. */
class SpoiltBytes {
  /** A view that the user does not have, and so cannot put members on. */
  readonly #bytes: Uint8Array;

  constructor(bytes: Buffer) {
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    // What the callback sends must leave as it is now.
    markAsReused(bytes);
  }

  /** Overwrites the bytes. What keeps them sees it at once, not only when another message happens to come. */
  spoil(): void {
    // The user may have transferred the bytes away.
    if (this.#bytes.length > 0) this.#bytes.fill(POISON);
  }
}

/** Spoils the bytes of each message when its callback has returned. */
export const spoilingGuard: MessageGuard = {
  deliver(event: MessageEvent<unknown>, { handler, subject }: CallbackOwner, run: RunUnlessMuted): unknown {
    const bytes = Buffer.isBuffer(event.data) ? new SpoiltBytes(event.data) : undefined;
    try {
      return run(() => callHandler(handler, 'onMessage', subject, event));
    } finally {
      bytes?.spoil();
    }
  },
};
