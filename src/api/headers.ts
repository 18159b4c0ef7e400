import { FourDError } from '../errors.ts';
import { isHeaderValue, isToken } from '../protocol/header-grammar.ts';

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
  if (typeof headers !== 'object') throw invalidHeader('headers must be an object');
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase();
    if (RESERVED.has(key) || value === undefined || value === null) continue;
    if (!isToken(name)) throw invalidHeader('a name is not an HTTP token');
    const values = (Array.isArray(value) ? value : [value]).map(String);
    if (!values.every(isHeaderValue)) throw invalidHeader(`the value of ${name} has a character that HTTP forbids`);
    // RFC 6265 section 5.4: one Cookie header, not several.
    if (key === 'cookie') checked[name] = values.join('; ');
    else checked[name] = values.length === 1 ? (values[0] as string) : values;
  }
  return checked;
}

function invalidHeader(problem: string): FourDError {
  return new FourDError('ERR_INVALID_HEADER', `invalid headers: ${problem}`, { componentSignature: 'HTCL' });
}
