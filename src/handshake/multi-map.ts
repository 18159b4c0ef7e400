/** Texts by name; a name that comes more than once has an array. No prototype, so that no name of a peer has a meaning. */
export type MultiMap = Record<string, string | string[]>;

export function createMultiMap(): MultiMap {
  return Object.create(null) as MultiMap;
}

export function addValue(map: MultiMap, key: string, value: string): void {
  const known = map[key];
  if (known === undefined) map[key] = value;
  else if (typeof known === 'string') map[key] = [known, value];
  else known.push(value);
}

/**
 * Collects headers by name in lower case.
 *
 * @param rawHeaders - names and values in turn, as node:http gives them
 */
export function collectHeaders(rawHeaders: readonly string[]): MultiMap {
  const headers = createMultiMap();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    addValue(headers, (rawHeaders[i] as string).toLowerCase(), rawHeaders[i + 1] as string);
  }
  return headers;
}
