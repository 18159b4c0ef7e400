import { endOfToken, isHeaderValue, skipBlanks } from './header-grammar.ts';

/** The parameters that one proxy wrote: values by parameter name in lower case. */
export type ForwardedElement = ReadonlyMap<string, string>;

/**
 * Reads a `Forwarded` header (RFC 7239 section 4).
 *
 * @remarks Takes linear time. A header that breaks the grammar is refused as a whole: otherwise a client could open a
 * quoted string that swallows the element of the proxy.
 * @returns an element per proxy, the proxy next to the client first; undefined when the header breaks the grammar
 */
export function parseForwarded(text: string): ForwardedElement[] | undefined {
  const elements: ForwardedElement[] = [];
  let offset = 0;
  for (;;) {
    const element = new Map<string, string>();
    for (;;) {
      offset = skipBlanks(text, offset);
      const end = endOfToken(text, offset);
      if (end > offset) {
        const name = text.slice(offset, end).toLowerCase();
        const value = text[end] === '=' ? readValue(text, end + 1) : undefined;
        // RFC 7239 section 4: each parameter must not occur more than once.
        if (value === undefined || element.has(name)) return undefined;
        element.set(name, value.text);
        offset = skipBlanks(text, value.end);
      }
      if (text[offset] !== ';') break;
      offset++;
    }
    // Lists may have empty elements, which do not count (RFC 9110 section 5.6.1.2).
    if (element.size > 0) elements.push(element);
    if (offset === text.length) return elements;
    if (text[offset] !== ',') return undefined;
    offset++;
  }
}

interface Value {
  readonly text: string;
  /** The offset behind the value. */
  readonly end: number;
}

/** Reads a token or a quoted string (RFC 9110 section 5.6.4). */
function readValue(text: string, offset: number): Value | undefined {
  if (text[offset] !== '"') {
    const end = endOfToken(text, offset);
    return end === offset ? undefined : { text: text.slice(offset, end), end };
  }
  const pieces: string[] = [];
  let start = offset + 1;
  for (let i = start; i < text.length; i++) {
    if (text[i] === '"') {
      pieces.push(text.slice(start, i));
      const value = pieces.join('');
      return isHeaderValue(value) ? { text: value, end: i + 1 } : undefined;
    }
    if (text[i] === '\\') {
      pieces.push(text.slice(start, i));
      start = ++i;
    }
  }
  return undefined;
}
