import { endOfPrintable, isPlainName } from './plain-headers.ts';

const SLASH = 0x2f;
const SPACE = ' ';

/**
 * Writes a GET request as node:http does, byte for byte.
 *
 * @param headers - values by header name, in order; an array is sent as several lines
 * @returns undefined when node:http must write the request, because it may refuse it or change it
 */
export function writePlainRequest(
  path: string,
  headers: Readonly<Record<string, string | readonly string[]>>,
): string | undefined {
  if (path.charCodeAt(0) !== SLASH || path.includes(SPACE) || !isPrintable(path)) return undefined;
  const names = new Set<string>();
  let text = `GET ${path} HTTP/1.1\r\n`;
  for (const name of Object.keys(headers)) {
    const value = headers[name] as string | readonly string[];
    const key = name.toLowerCase();
    if (!isPlainName(key) || names.has(key)) return undefined;
    names.add(key);
    if (typeof value === 'string') {
      if (!isPrintable(value)) return undefined;
      text += `${name}: ${value}\r\n`;
    } else {
      // Node joins several cookies.
      if (key === 'cookie' || !value.every(isPrintable)) return undefined;
      for (const each of value) text += `${name}: ${each}\r\n`;
    }
  }
  return `${text}\r\n`;
}

function isPrintable(text: string): boolean {
  return endOfPrintable(text, 0) === text.length;
}
