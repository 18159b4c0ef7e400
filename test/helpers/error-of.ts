import { expect } from 'vitest';
import { FourDError } from '../../src/errors.ts';

/** Returns the FourDError that `act` throws. Fails when `act` throws nothing, or something else. */
export function errorOf(act: () => unknown): FourDError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(FourDError);
    return error as FourDError;
  }
  throw new Error('nothing was thrown');
}
