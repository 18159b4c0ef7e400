import { ignoreRejection } from '../base/promises.ts';
import { type ComponentSignature, FourDError } from '../errors.ts';
import { type HandlerKind, uncalledOf } from './callback-warnings.ts';
import type { ForeignNames } from './foreign-names.ts';

/** What stands in the place of a handler, where it is not one. */
export interface HandlerRole {
  readonly kind: HandlerKind;
  /** Names the handler in the error. */
  readonly name: string;
  /** What a handler must be. */
  readonly demand: string;
  /** Options that users pass in the place of the handler. */
  readonly optionKeys: ReadonlySet<string>;
  /** Names of other libraries, with what to write instead. */
  readonly foreign: ForeignNames;
  /** Says where these options go. */
  readonly advice: string;
}

/** Builds the error of a handler that cannot be used. */
export function invalidHandler(role: HandlerRole, value: unknown, componentSignature: ComponentSignature): FourDError {
  // The promise of an asynchronous function that was passed instead of awaited.
  ignoreRejection(value);
  const option = optionOf(value, role.optionKeys);
  const problem = option === undefined ? problemOf(value, role) : optionsInPlace(option, role);
  const message = `invalid ${role.name}: ${role.demand}${problem === '' ? '' : `; ${problem}`}`;
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

function optionsInPlace(option: string, { advice, foreign }: HandlerRole): string {
  const instead = Object.hasOwn(foreign, option) ? `; for ${option}, use ${foreign[option]}` : '';
  return `it holds options (${option}): ${advice}${instead}`;
}

function problemOf(value: unknown, { advice, kind }: HandlerRole): string {
  if (isArray(value)) return `it is an array: ${advice}`;
  switch (typeof value) {
    case 'string':
      return `it is a text: ${advice}`;
    case 'function':
      return 'it is a function: pass an object with this callback, or an instance of this class';
    case 'object':
      return value === null ? 'it is null' : misspeltIn(value, kind);
    default:
      return `it is ${value === undefined ? 'undefined' : `a ${typeof value}`}`;
  }
}

/** Names the callbacks that somebody may have meant who has left out the one that must be there. */
function misspeltIn(handler: object, kind: HandlerKind): string {
  const names = uncalledOf(handler, kind);
  return names === '' ? '' : `it has ${names}`;
}

/** Never throws, although the Proxy of an array that was revoked makes `Array.isArray` throw. */
export function isArray(value: unknown): boolean {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}
