import { expect } from 'vitest';
import { FourDError } from '../../src/errors.ts';

/** The error that `act` throws. Fails when it throws none, or another one. */
export function errorOf(act: () => unknown): FourDError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(FourDError);
    return error as FourDError;
  }
  throw new Error('nothing was thrown');
}
