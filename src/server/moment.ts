import { invalidOption } from '../session/option-checks.ts';

/** Returns the time of a Date, NaN when reading it throws, and any other value as it is. */
export function readMoment(moment: unknown): unknown {
  try {
    return moment instanceof Date ? moment.getTime() : moment;
  } catch {
    return NaN;
  }
}

/**
 * Checks a moment that may be left out.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkMoment(name: string, value: unknown): number | undefined {
  const moment = readMoment(value);
  if (moment === undefined || (typeof moment === 'number' && Number.isFinite(moment))) return moment;
  throw invalidOption(`${name} must be a valid Date, or a number of milliseconds since 1970`, 'HTTP');
}
