import { setImmediate } from '../base/clock.ts';
import type { EndPhase, FourDError } from '../errors.ts';
import type { DialListener } from './dial.ts';

/** An attempt to connect. Its {@link DialListener} hears of the outcome in a later turn. */
export interface Attempt {
  /** The phase that the attempt has reached. */
  readonly phase: EndPhase;
  /** Gives up without a call to the listener. */
  abort(): void;
}

/**
 * An attempt that cannot be made. Like every other failure, the error is told in a later turn, when the caller has the
 * object.
 */
export class FailedAttempt implements Attempt {
  readonly phase = 'preparing';
  #listener: DialListener | undefined;

  constructor(error: FourDError, listener: DialListener) {
    this.#listener = listener;
    setImmediate(() => this.#listener?.onConnectFailed(error));
  }

  abort(): void {
    this.#listener = undefined;
  }
}
