import { FourDError } from '../errors.ts';
import { CLOSE_NORMAL } from '../protocol/constants.ts';

/**
 * Finds what is wrong with a close code and a reason that a user gave. Other codes of RFC 6455 are the library's to send.
 *
 * @returns undefined when they can be sent
 */
export function findCloseProblem(code: unknown, reason: unknown): string | undefined {
  if (!isCloseCode(code)) return 'the code must be 1000 or a whole number from 3000 to 4999';
  return typeof reason === 'string' ? undefined : 'the reason must be a string';
}

/** Tells whether a user may send a close code. */
export function isCloseCode(code: unknown): code is number {
  return Number.isInteger(code) && (code === CLOSE_NORMAL || ((code as number) >= 3000 && (code as number) <= 4999));
}

/** Builds the error of a client that is to be closed with these; undefined when they can be sent. */
export function closeArgumentError(code: unknown, reason: unknown): FourDError | undefined {
  const problem = findCloseProblem(code, reason);
  if (problem === undefined) return undefined;
  const message = `cannot terminate: ${problem}`;
  return new FourDError('ERR_INVALID_CLOSE_ARGUMENT', message, { componentSignature: 'HTCL' });
}
