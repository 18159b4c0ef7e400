import { type ComponentSignature, FourDError, textOfThrown } from '../errors.ts';
import { isHeaderValue, isToken } from '../handshake/header-grammar.ts';

/** One header that a user gave: its name as written, its name in lower case, its values. */
export interface GivenHeader {
  readonly name: string;
  readonly key: string;
  readonly values: readonly unknown[];
}

/**
 * Reads headers that a user gave as an object, once, because getters and Proxies run user code. An array sends the
 * header once per element.
 *
 * @param isReserved - whether the handshake itself sets a header; such names are not checked any further
 * @throws FourDError `ERR_INVALID_HEADER` when a name is not an HTTP token, or when reading throws
 */
export function readGivenHeaders(
  headers: unknown,
  isReserved: (key: string) => boolean,
  component: ComponentSignature,
): GivenHeader[] {
  const given = readHeaders(headers, component);
  if (given === undefined) throw invalidHeader('headers must be a plain object', component);
  return given.map(([name, values]) => {
    const key = name.toLowerCase();
    if (!isReserved(key) && !isToken(name)) throw invalidHeader('a header name is not an HTTP token', component);
    return { name, key, values };
  });
}

/** Returns names and values of headers, undefined when they are not a plain object. */
function readHeaders(headers: unknown, component: ComponentSignature): [name: string, values: unknown[]][] | undefined {
  try {
    // The entries of a Headers or Map object are not properties: Object.entries would skip them silently.
    if (typeof headers !== 'object' || headers === null || Symbol.iterator in headers) return undefined;
    return Object.entries(headers).map(([name, value]: [string, unknown]) => [
      name,
      Array.isArray(value) ? Array.from<unknown>(value) : [value],
    ]);
  } catch (thrown) {
    throw invalidHeader(`they cannot be read: ${textOfThrown(thrown)}`, component, thrown);
  }
}

/**
 * Checks that a value may stand in a header.
 *
 * @throws FourDError `ERR_INVALID_HEADER` when the value is not a string, or has a character that HTTP forbids
 */
export function checkHeaderValue(name: string, value: unknown, component: ComponentSignature): string {
  if (typeof value !== 'string') throw invalidHeader(`the value of ${name} is not a string`, component);
  if (isHeaderValue(value)) return value;
  throw invalidHeader(`the value of ${name} has a character that HTTP forbids`, component);
}

/**
 * Builds the error of headers that cannot be used.
 *
 * @param cause - what user code threw
 */
export function invalidHeader(problem: string, componentSignature: ComponentSignature, cause?: unknown): FourDError {
  return new FourDError('ERR_INVALID_HEADER', `invalid headers: ${problem}`, { componentSignature, cause });
}
