import { ignoreRejection } from '../base/promises.ts';
import { type ComponentSignature, FourDError } from '../errors.ts';
import { hasCallback } from './call-handler.ts';

/** What stands in the place of a handler, where it is not one. */
export interface HandlerRole {
  /** Names the handler in the error. */
  readonly name: string;
  /** What a handler must be. */
  readonly demand: string;
  /** Options that users pass in the place of the handler. */
  readonly optionKeys: ReadonlySet<string>;
  /** Says where these options go. */
  readonly advice: string;
}

/** Builds the error of a handler that cannot be used. */
export function invalidHandler(
  { name, demand, optionKeys, advice }: HandlerRole,
  value: unknown,
  componentSignature: ComponentSignature,
): FourDError {
  // The promise of an asynchronous function that was passed instead of awaited.
  ignoreRejection(value);
  const option = optionOf(value, optionKeys);
  const problem = option === undefined ? kindOf(value, advice) : `it holds options (${option}): ${advice}`;
  const message = `invalid ${name}: ${demand}${problem === '' ? '' : `; ${problem}`}`;
  return new FourDError('ERR_INVALID_HANDLER', message, { componentSignature });
}

/** Returns the first option that an object has instead of callbacks; undefined when it has none. Never throws. */
export function optionOf(value: unknown, optionKeys: ReadonlySet<string>): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  try {
    return Object.keys(value).find((key) => optionKeys.has(key));
  } catch {
    // A Proxy of the user may throw. Such an object is no literal with options.
    return undefined;
  }
}

/** Tells whether an object has one of these callbacks. Never throws. */
export function hasSomeCallback(handler: object, names: readonly string[]): boolean {
  return names.some((name) => hasCallback(handler, name));
}

function kindOf(value: unknown, advice: string): string {
  if (isArray(value)) return `it is an array: ${advice}`;
  switch (typeof value) {
    case 'string':
      return `it is a text: ${advice}`;
    case 'function':
      return 'it is a function: pass an object with this callback, or an instance of this class';
    case 'object':
      return value === null ? 'it is null' : '';
    default:
      return `it is ${value === undefined ? 'undefined' : `a ${typeof value}`}`;
  }
}

/** Never throws, although the Proxy of an array that was revoked makes `Array.isArray` throw. */
export function isArray(value: unknown): boolean {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}
