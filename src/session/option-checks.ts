import { type ComponentSignature, FourDError, textOfThrown } from '../errors.ts';
import type { ForeignNames } from './foreign-names.ts';
import { isArray } from './handler-check.ts';
import { nearestName } from './nearest-name.ts';

/** Default and range of a number. */
export interface NumberRange {
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

/** Durations in milliseconds; Infinity means none. */
export const DURATION: Omit<NumberRange, 'default'> = { min: 1, max: Infinity };

/** A count or size without an upper end; Infinity means no limit. */
export const COUNT: Omit<NumberRange, 'default'> = { min: 1, max: Infinity };

/**
 * Checks that an option is a whole number within its range.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkNumber(
  name: string,
  value: unknown,
  range: Omit<NumberRange, 'default'>,
  component: ComponentSignature,
): number {
  const isWhole = Number.isSafeInteger(value) || value === Infinity;
  if (isWhole && (value as number) >= range.min && (value as number) <= range.max) return value as number;
  const limits = range.max === Infinity ? `${range.min} or more, or Infinity` : `from ${range.min} to ${range.max}`;
  throw invalidOption(`${name} must be a whole number, ${limits}; received ${kindOf(value)}`, component);
}

/** Names a value in an error: a number as it is, of others the kind, since they may hold a secret. Never throws. */
export function kindOf(value: unknown): string {
  if (typeof value === 'string') return /^\d+$/.test(value) ? 'a text: pass it through Number()' : 'a text';
  if (isArray(value)) return 'an array';
  const isPlain = typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined;
  return isPlain ? String(value) : typeof value;
}

/** Names a value in an error of an option that never holds a secret. */
export function quoted(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : kindOf(value);
}

/**
 * Checks an option that is true or false, or left out.
 *
 * @throws FourDError `ERR_INVALID_OPTION`
 */
export function checkFlag(name: string, value: unknown, component: ComponentSignature): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  throw invalidOption(`${name} must be true or false`, component);
}

/** Checks several numbers, each by its range, and fills in the defaults. */
export function checkNumbers<Name extends string>(
  options: Readonly<Partial<Record<Name, number | undefined>>>,
  ranges: Readonly<Record<Name, NumberRange>>,
  component: ComponentSignature,
): Record<Name, number> {
  const numbers: Partial<Record<Name, number>> = {};
  for (const name in ranges) {
    const range = ranges[name];
    const value = options[name];
    numbers[name] = value === undefined ? range.default : checkNumber(name, value, range, component);
  }
  return numbers as Record<Name, number>;
}

/** How {@link readOptions} names options in its errors. */
export interface OptionNames {
  /** The word that the documentation uses, where that is not "option". */
  readonly noun?: string;
  /** Stands in front of each name, such as `reconnect.`. */
  readonly prefix?: string;
  /** Stands behind the name of an unknown option that is near to no other. */
  readonly advice?: string;
  /** Names of other libraries, with what to write instead. */
  readonly foreign?: ForeignNames;
}

/**
 * Reads options of the user once, into a plain object: getters and Proxies run user code, which may throw, or return
 * something else the next time.
 *
 * @param keys - the known options
 * @returns the options that are not undefined
 * @throws FourDError `ERR_INVALID_OPTION` when the options are no object, an option is unknown, or reading throws
 */
export function readOptions<T extends object>(
  given: T,
  keys: ReadonlySet<string>,
  component: ComponentSignature,
  names: OptionNames = {},
): T {
  const { noun = 'option', prefix = '' } = names;
  const whole = prefix === '' ? `${noun}s` : prefix.slice(0, -'.'.length);
  if (typeof given !== 'object' || given === null || isArray(given)) {
    throw invalidOption(`${whole} must be an object; received ${kindOf(given)}`, component, noun);
  }
  const options: Record<string, unknown> = {};
  let unknown: string | undefined;
  let reading = whole;
  try {
    unknown = Object.keys(given).find((name) => !keys.has(name));
    for (const key of keys) {
      reading = `${prefix}${key}`;
      const value = (given as Readonly<Record<string, unknown>>)[key];
      if (value !== undefined) options[key] = value;
    }
  } catch (thrown) {
    throw unreadable(reading, thrown, component, noun);
  }
  if (unknown !== undefined) throw unknownOption(unknown, keys, component, names);
  return options as T;
}

/** Builds the error of an option that does not exist: with what to write instead, where that can be told. */
export function unknownOption(
  name: string,
  keys: Iterable<string>,
  component: ComponentSignature,
  { noun = 'option', prefix = '', advice = '', foreign = {} }: OptionNames,
): FourDError {
  const problem = `there is no ${noun} "${prefix}${name}"`;
  const instead = Object.hasOwn(foreign, name) ? foreign[name] : undefined;
  if (instead !== undefined) {
    const isNothing = instead.startsWith('nothing: ');
    const remedy = isNothing ? `leave it out: ${instead.slice('nothing: '.length)}` : `use ${instead}`;
    return invalidOption(`${problem}: ${remedy}`, component, noun);
  }
  const nearest = nearestName(name, keys);
  const hint = nearest === undefined ? advice : `: did you mean "${prefix}${nearest}"?`;
  return invalidOption(`${problem}${hint}`, component, noun);
}

/**
 * Copies a list of the user, once, as {@link readOptions} reads options.
 *
 * @returns undefined when the value is no array
 * @throws FourDError `ERR_INVALID_OPTION` when reading throws
 */
export function readList(
  name: string,
  value: unknown,
  component: ComponentSignature,
  noun?: string,
): unknown[] | undefined {
  return readGuarded(name, () => (Array.isArray(value) ? Array.from<unknown>(value) : undefined), component, noun);
}

/**
 * Calls a function that touches what the user passed.
 *
 * @param name - of what is read, in the error
 * @throws FourDError `ERR_INVALID_OPTION` when the function throws, with what it threw as the cause
 */
export function readGuarded<T>(name: string, read: () => T, component: ComponentSignature, noun?: string): T {
  try {
    return read();
  } catch (thrown) {
    throw unreadable(name, thrown, component, noun);
  }
}

function unreadable(name: string, thrown: unknown, component: ComponentSignature, noun?: string): FourDError {
  return invalidOption(`${name} cannot be read: ${textOfThrown(thrown)}`, component, noun, thrown);
}

/**
 * Builds the error of an option that cannot be used. All code that needs this error calls this function.
 *
 * @param noun - the word that the documentation uses, where that is not "option"
 * @param cause - what user code threw
 */
export function invalidOption(
  problem: string,
  componentSignature: ComponentSignature,
  noun = 'option',
  cause?: unknown,
): FourDError {
  return new FourDError('ERR_INVALID_OPTION', `invalid ${noun}: ${problem}`, { componentSignature, cause });
}
