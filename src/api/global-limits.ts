import type { FourDError } from '../errors.ts';
import { generateError } from '../process/error-handling.ts';
import { incompleteBudget } from '../protocol/incomplete-budget.ts';
import { checkGlobalLimits, type GlobalLimits } from './options.ts';

/**
 * Sets the limits that hold for all connections of the process together, those that are open included.
 *
 * @param limits - those that are left out go back to their defaults
 * @throws FourDError `ERR_INVALID_OPTION`, where no error handler takes it: then nothing changes
 */
export function setGlobalLimits(limits: GlobalLimits): void {
  try {
    incompleteBudget.limitBytes = checkGlobalLimits(limits).maxIncompleteBytes;
  } catch (error) {
    generateError(error as FourDError, undefined);
  }
}
