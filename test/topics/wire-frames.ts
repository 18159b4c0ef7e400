/** A frame of either side. */
export type Frame = Readonly<Record<string, unknown>>;

/** The values that names such as `$1` stand for. */
export type Bindings = Map<string, unknown>;

const isName = (value: unknown): value is string => typeof value === 'string' && value.startsWith('$');

/** Puts the values of names in their place. A name that has none yet takes what `actual` holds there. */
export function bind(expected: unknown, actual: unknown, values: Bindings): unknown {
  if (isName(expected)) {
    if (!values.has(expected) && actual !== undefined) values.set(expected, actual);
    return values.get(expected);
  }
  if (typeof expected !== 'object' || expected === null) return expected;
  const parts = (actual ?? {}) as Frame;
  if (Array.isArray(expected)) return expected.map((item, i) => bind(item, parts[i], values));
  return Object.fromEntries(Object.entries(expected).map(([key, value]) => [key, bind(value, parts[key], values)]));
}
