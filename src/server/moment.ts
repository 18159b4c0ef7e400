import { FourDError } from '../errors.ts';

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
 * @throws FourDError `ERR_INVALID_EXPIRY`
 */
export function checkMoment(name: string, value: unknown): number | undefined {
  const moment = readMoment(value);
  if (moment === undefined || (typeof moment === 'number' && Number.isFinite(moment))) return moment;
  throw new FourDError(
    'ERR_INVALID_EXPIRY',
    `invalid ${name}: it must be a valid Date, a number of milliseconds since 1970, or undefined`,
    { componentSignature: 'HTTP' },
  );
}
