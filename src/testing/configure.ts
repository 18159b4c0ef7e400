import { readOptions } from '../session/option-checks.ts';
import { checkAmount } from './arguments.ts';
import { setDefaultWaitMs } from './recording.ts';

/** Settings of {@link configure}. */
export interface TestingSettings {
  /** Longest real time in milliseconds that `nextMessage`, `ended` and the like wait. Default 2 000. */
  readonly waitMs: number;
}

const KEYS: ReadonlySet<string> = new Set<keyof TestingSettings>(['waitMs']);

/**
 * Sets what holds for all pairs, servers and recording handlers of this process that are created from now on: for a file
 * that the test framework runs first, on a machine that is slow.
 *
 * @throws FourDError `ERR_INVALID_ARGUMENT` or `ERR_INVALID_OPTION`
 */
export function configure(settings: TestingSettings): void {
  const { waitMs } = readOptions(settings, KEYS, 'HTTP');
  setDefaultWaitMs(checkAmount('waitMs', waitMs, 1));
}
