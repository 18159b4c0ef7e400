import { FourDError } from '../errors.ts';
import { isHeaderValue, isToken } from '../handshake/header-grammar.ts';

/** Headers that the handshake itself sets: a handler's own are left out. */
const RESERVED: ReadonlySet<string> = new Set([
  'host',
  'upgrade',
  'connection',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-extensions',
  'sec-websocket-protocol',
  'content-length',
  'transfer-encoding',
]);

/**
 * Checks the headers of a handler. An array sends the header once per element; several cookies become one header.
 *
 * @throws FourDError `ERR_INVALID_HEADER` when a name or value could change the request
 */
export function checkHeaders(headers: unknown): Record<string, string | string[]> {
  const checked = Object.create(null) as Record<string, string | string[]>;
  if (headers === undefined || headers === null) return checked;
  // The entries of a Headers or Map are no properties: they would be left out in silence.
  if (typeof headers !== 'object' || Symbol.iterator in headers) {
    throw invalidHeader('headers must be a plain object');
  }
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase();
    if (RESERVED.has(key)) continue;
    if (!isToken(name)) throw invalidHeader('a name is not an HTTP token');
    const values = (Array.isArray(value) ? (value as unknown[]) : [value])
      .filter((item) => item !== undefined && item !== null)
      .map((item) => toHeaderValue(name, item));
    if (values.length === 0) continue;
    // RFC 6265 section 5.4: one Cookie header, not several.
    if (key === 'cookie') checked[name] = values.join('; ');
    else checked[name] = values.length === 1 ? (values[0] as string) : values;
  }
  return checked;
}

function toHeaderValue(name: string, value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
    throw invalidHeader(`the value of ${name} is not a text`);
  }
  const text = String(value);
  if (!isHeaderValue(text)) throw invalidHeader(`the value of ${name} has a character that HTTP forbids`);
  return text;
}

function invalidHeader(problem: string): FourDError {
  return new FourDError('ERR_INVALID_HEADER', `invalid headers: ${problem}`, { componentSignature: 'HTCL' });
}
