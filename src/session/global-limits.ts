import type { FourDError } from '../errors.ts';
import { generateError } from '../workers/error-handling.ts';
import { unsentBudget } from '../connection/unsent-budget.ts';
import { partialMessageBudget } from '../protocol/partial-message-budget.ts';
import { checkNumbers, COUNT, type NumberRange, readOptions } from './option-checks.ts';

/** Limits that hold for all connections of the process together. */
export interface GlobalLimits {
  /**
   * Most bytes of memory that the unfinished messages of all connections may take together. Default 268 435 456;
   * Infinity sets no limit. When they take more, the connection whose message has stood still for longest ends with 1013,
   * or that of the youngest message when none stands still. Stops thousands of peers that each hold a little less than
   * `maxMessageBytes`.
   */
  readonly maxIncompleteBytes?: number | undefined;
  /**
   * Most bytes that may wait to be sent on all connections together. Default 536 870 912; Infinity sets no limit. When
   * more wait, the connection on which most of them wait ends with `ERR_BUFFER_BUDGET`, 1013. Stops a hundred peers that
   * do not read, and each hold a little less than `maxBufferedBytes` of their connection. A message that is sent to many
   * counts for each of them.
   */
  readonly maxBufferedBytes?: number | undefined;
}

/**
 * Sets the limits that hold for all connections of the process together, open connections included.
 *
 * @param limits - limits that are left out go back to their defaults
 * @throws FourDError (or what `onErrCall` makes of it) `ERR_INVALID_OPTION`: no limit changes
 */
export function setGlobalLimits(limits: GlobalLimits): void {
  try {
    const { maxIncompleteBytes, maxBufferedBytes } = checkGlobalLimits(limits);
    partialMessageBudget.limitBytes = maxIncompleteBytes;
    unsentBudget.limitBytes = maxBufferedBytes;
  } catch (error) {
    generateError(error as FourDError, undefined);
  }
}

/**
 * Checks the limits of the process and fills in the defaults.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
function checkGlobalLimits(limits: GlobalLimits): Readonly<Record<keyof GlobalLimits, number>> {
  const numbers: Readonly<Record<keyof GlobalLimits, NumberRange>> = {
    maxIncompleteBytes: { default: partialMessageBudget.defaultBytes, ...COUNT },
    maxBufferedBytes: { default: unsentBudget.defaultBytes, ...COUNT },
  };
  return checkNumbers(readOptions(limits, new Set(Object.keys(numbers)), 'host'), numbers, 'host');
}
