import { checkHeaderValue, readGivenHeaders } from '../session/header-checks.ts';

/** Headers that the handshake itself sets. They are left out when a handler gives them. */
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
  for (const { name, key, values } of readGivenHeaders(
    headers,
    (lowerCaseName) => RESERVED.has(lowerCaseName),
    'HTCL',
  )) {
    if (RESERVED.has(key)) continue;
    const texts = values
      .filter((value) => value !== undefined && value !== null)
      .map((value) => checkHeaderValue(name, toText(value), 'HTCL'));
    if (texts.length === 0) continue;
    // RFC 6265 section 5.4 allows one Cookie header only.
    if (key === 'cookie') checked[name] = texts.join('; ');
    else checked[name] = texts.length === 1 ? (texts[0] as string) : texts;
  }
  return checked;
}

/** Converts numbers and booleans to text, and leaves other values for the check. */
function toText(value: unknown): unknown {
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
}
