import { invalidOption, kindOf } from '../session/option-checks.ts';

/** Longest name of a user in UTF-16 units. */
const MAX_USER_LENGTH = 256;

/** A surrogate without its other half: two users with different ones would have the same topic in UTF-8. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** @throws FourDError `ERR_INVALID_OPTION` */
export function checkUser(user: unknown): string {
  const isText = typeof user === 'string' && user !== '' && user.length <= MAX_USER_LENGTH;
  if (isText && !LONE_SURROGATE.test(user)) return user;
  const demand = `user must be a text of 1 to ${MAX_USER_LENGTH} characters of valid Unicode`;
  throw invalidOption(`${demand}; received ${kindOf(user)}`, 'HTTP');
}
