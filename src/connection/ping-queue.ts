import { randomFillSync } from 'node:crypto';
import { monotonicMs } from '../base/clock.ts';

/** Length of the payload that tells a pong apart from others. */
const PAYLOAD_BYTES = 8;

interface WaitingPing {
  readonly payload: Buffer;
  readonly sentMs: number;
  readonly resolve: (roundTripMs: number | undefined) => void;
}

/** The pings that the user sent and that wait for their pongs, in order. */
export class PingQueue {
  #waiting: WaitingPing[] = [];

  /** Creates a ping: the payload to send, and a promise for the round-trip time in milliseconds. */
  create(): { readonly payload: Buffer; readonly answered: Promise<number | undefined> } {
    const payload = randomFillSync(Buffer.alloc(PAYLOAD_BYTES));
    const answered = new Promise<number | undefined>((resolve) => {
      this.#waiting.push({ payload, sentMs: monotonicMs(), resolve });
    });
    return { payload, answered };
  }

  /** Resolves the ping that a pong answers, and those before it: a peer may answer the latest ping only. */
  onPong(payload: Buffer): void {
    const index = this.#waiting.findIndex((ping) => ping.payload.equals(payload));
    for (const { sentMs, resolve } of this.#waiting.splice(0, index + 1)) resolve(monotonicMs() - sentMs);
  }

  /** Resolves all pings to undefined, because the connection is over. */
  end(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve(undefined);
  }
}
