import { type ComponentSignature, FourDError } from '../errors.ts';

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
  const received = typeof value === 'number' || value === null ? String(value) : typeof value;
  throw invalidOption(`${name} must be a whole number, ${limits}; received ${received}`, component);
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

/** Checks that options are an object that holds known options only. */
export function checkKeys(options: object, keys: ReadonlySet<string>, component: ComponentSignature): void {
  if (typeof options !== 'object' || options === null) throw invalidOption('options must be an object', component);
  const unknown = Object.keys(options).find((key) => !keys.has(key));
  if (unknown !== undefined) throw invalidOption(`there is no option "${unknown}"`, component);
}

/**
 * Builds the error of an option that cannot be used. All code that needs this error calls this function.
 *
 * @param noun - the word that the documentation uses, where that is not "option"
 */
export function invalidOption(problem: string, componentSignature: ComponentSignature, noun = 'option'): FourDError {
  return new FourDError('ERR_INVALID_OPTION', `invalid ${noun}: ${problem}`, { componentSignature });
}
