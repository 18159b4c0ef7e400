import { ignoreRejection } from '../base/promises.ts';
import { textOfThrown } from '../errors.ts';
import { invalidOption, readGuarded } from '../session/option-checks.ts';
import { forgetAbort, listenForAbort } from './abort-signals.ts';

/**
 * The option `signal`: an AbortSignal, or an object of the user with the same members, which may throw.
 */
export class SignalOption {
  readonly #signal: AbortSignal;
  #onAbort: (() => void) | undefined;

  /** @throws FourDError `ERR_INVALID_OPTION` */
  constructor(signal: unknown) {
    const isSignal = readGuarded('signal', () => hasMembersOfSignal(signal), 'HTCL');
    if (!isSignal) throw invalidOption('signal must be an AbortSignal', 'HTCL');
    this.#signal = signal as AbortSignal;
  }

  /** @throws FourDError `ERR_INVALID_OPTION` */
  get isAborted(): boolean {
    return readGuarded('signal.aborted', () => this.#signal.aborted, 'HTCL');
  }

  /** Why the signal was aborted; what reading the reason throws is as good a reason. */
  get reason(): unknown {
    try {
      return this.#signal.reason;
    } catch (thrown) {
      ignoreRejection(thrown);
      return thrown;
    }
  }

  /**
   * Calls `onAbort` when the signal is aborted, until {@link forget}.
   *
   * @throws FourDError `ERR_INVALID_OPTION`
   */
  listen(onAbort: () => void): void {
    this.#onAbort = onAbort;
    try {
      listenForAbort(this.#signal, onAbort);
    } catch (thrown) {
      throw invalidOption(`signal takes no listener: ${textOfThrown(thrown)}`, 'HTCL', 'option', thrown);
    }
  }

  /** Removes the listener. Never throws. */
  forget(): void {
    if (this.#onAbort === undefined) return;
    try {
      forgetAbort(this.#signal, this.#onAbort);
    } catch (thrown) {
      // The client is over, so a listener that stays does nothing.
      ignoreRejection(thrown);
    }
    this.#onAbort = undefined;
  }
}

function hasMembersOfSignal(signal: unknown): boolean {
  const { aborted, addEventListener, removeEventListener } = (signal ?? {}) as Partial<AbortSignal>;
  return (
    typeof aborted === 'boolean' && typeof addEventListener === 'function' && typeof removeEventListener === 'function'
  );
}
