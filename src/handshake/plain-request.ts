import { endOfPrintable, isPlainName } from './plain-headers.ts';

/** Most header names of a plain request. */
const MAX_NAMES = 64;
const SLASH = 0x2f;
const SPACE = ' ';

/** Values by header name, in order; an array is sent as several lines. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[]>>;

/**
 * Writes a GET request as node:http does, byte for byte.
 *
 * @param headers - the headers, `Connection` among them, in parts that are sent one behind the other
 * @returns undefined when node:http must write the request, because it may refuse it or change it
 */
export function writePlainRequest(path: string, headers: readonly RequestHeaders[]): string | undefined {
  if (path.charCodeAt(0) !== SLASH || path.includes(SPACE) || !isPrintable(path)) return undefined;
  const names: string[] = [];
  let text = `GET ${path} HTTP/1.1\r\n`;
  for (const part of headers) {
    for (const name of Object.keys(part)) {
      const lines = writeLines(name, part[name] as string | readonly string[]);
      const key = name.toLowerCase();
      // When a name comes twice, Node sends the later value in the earlier place.
      if (lines === undefined || names.includes(key) || names.length === MAX_NAMES) return undefined;
      names.push(key);
      text += lines;
    }
  }
  return `${text}\r\n`;
}

function writeLines(name: string, value: string | readonly string[]): string | undefined {
  if (!isPlainName(name)) return undefined;
  if (typeof value === 'string') return isPrintable(value) ? `${name}: ${value}\r\n` : undefined;
  // Node joins several cookies.
  if (name.toLowerCase() === 'cookie' || !value.every(isPrintable)) return undefined;
  return value.map((each) => `${name}: ${each}\r\n`).join('');
}

function isPrintable(text: string): boolean {
  return endOfPrintable(text, 0) === text.length;
}
