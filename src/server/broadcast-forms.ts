import { PreparedMessage } from '../protocol/prepared-message.ts';
import type { SessionTopics } from './topic-seam.ts';

/** One message for many connections, in the two forms that they may need: as it is, and as a frame of topics. */
export class BroadcastForms {
  readonly #message: unknown;
  readonly #wire: string | Buffer;
  #plain: PreparedMessage | undefined;
  #framed: PreparedMessage | undefined;

  /** @param wire - what `toWire` made of the message */
  constructor(message: unknown, wire: string | Buffer) {
    this.#message = message;
    this.#wire = wire;
  }

  /** Returns the message for a connection with these topics. */
  for(topics: SessionTopics | undefined): PreparedMessage {
    if (topics?.isFramed !== true) return (this.#plain ??= new PreparedMessage(this.#wire));
    return (this.#framed ??= new PreparedMessage(topics.toFrame(this.#message, this.#wire)));
  }
}
