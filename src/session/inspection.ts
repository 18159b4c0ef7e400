import { inspect, type InspectOptions } from 'node:util';

/** What `util.inspect` shows of an object: no message, no secret. What is undefined is left out. */
export type Inspection = Readonly<Record<string, unknown>>;

/** The options as Node passes them on. */
interface CustomOptions extends InspectOptions {
  readonly stylize?: (text: string, style: string) => string;
}

/**
 * Says what `util.inspect`, and so `console.log`, shows of the objects of a class, and of classes that extend it. Without
 * that it would be nothing: all that a public class holds is private.
 *
 * @param describe - may throw: an object that is still being made, a Proxy and an heir of an object have no private members
 */
export function defineInspection<T extends object>(
  Class: { readonly prototype: T; readonly name: string },
  describe: (it: T) => Inspection,
): void {
  Object.defineProperty(Class.prototype, inspect.custom, {
    configurable: true,
    enumerable: false,
    writable: true,
    value(this: T, depth?: number | null, options: CustomOptions = {}): string {
      const name = nameOf(this, Class.name);
      try {
        if (typeof depth === 'number' && depth < 0) {
          return options.stylize === undefined ? `[${name}]` : options.stylize(`[${name}]`, 'special');
        }
        return `${name} ${inspect(shownOf(this, describe), options)}`;
      } catch {
        // User code may call this with options that cannot be read.
        return `[${name}]`;
      }
    },
  });
}

function shownOf<T>(it: T, describe: (it: T) => Inspection): Inspection {
  try {
    return Object.fromEntries(Object.entries(describe(it)).filter(([, value]) => value !== undefined));
  } catch {
    return {};
  }
}

function nameOf(it: object, otherwise: string): string {
  try {
    // The constructor may be anything that user code put there.
    const { name } = it.constructor as { readonly name: unknown };
    return typeof name === 'string' && name !== '' ? name : otherwise;
  } catch {
    return otherwise;
  }
}
