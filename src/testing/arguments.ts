import { FourDError } from '../errors.ts';
import { checkNumber } from '../session/option-checks.ts';

/** Builds the error of an argument that a function of the testing kit cannot use. */
export function invalidArgument(name: string, problem: string): FourDError {
  return new FourDError('ERR_INVALID_ARGUMENT', `${name}: ${problem}`, { componentSignature: 'HTTP' });
}

/** Describes a value that was passed in the place of another one. Never runs code of the value. */
export function describeKind(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'undefined';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/**
 * Checks a number.
 *
 * @throws FourDError `ERR_INVALID_ARGUMENT`
 */
export function checkAmount(name: string, value: unknown, min: number): number {
  try {
    return checkNumber('', value, { min, max: Infinity }, 'HTTP');
  } catch {
    const received = typeof value === 'number' ? String(value) : describeKind(value);
    throw invalidArgument(name, `it takes a whole number, ${min} or more, or Infinity; received ${received}`);
  }
}
