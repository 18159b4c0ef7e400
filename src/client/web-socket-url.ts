import { FourDError } from '../errors.ts';
import type { DialTarget } from './dial.ts';

/**
 * Reads a WebSocket URL (RFC 6455 section 3): `ws://host[:port]path[?query]`, `wss://…`, or a Unix socket as
 * `ws+unix:/socket/path[:/path[?query]]`.
 *
 * @throws FourDError `ERR_INVALID_URL`
 */
export function parseWebSocketUrl(text: string): DialTarget {
  const url = parse(text);
  // An empty fragment is not in `url.hash`, but is not allowed either.
  if (url.href.includes('#')) throw invalidUrl('it must not have a fragment (#)');
  if (url.protocol === 'ws+unix:' || url.protocol === 'wss+unix:') return parseUnixUrl(url);
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') throw invalidUrl('it must begin with ws:// or wss://');
  if (url.hostname === '') throw invalidUrl('it has no host');
  const isSecure = url.protocol === 'wss:';
  return {
    isSecure,
    // node:net takes an IPv6 address without brackets.
    host: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
    port: url.port === '' ? (isSecure ? 443 : 80) : Number(url.port),
    socketPath: undefined,
    path: url.pathname + url.search,
    hostHeader: url.host,
    authorization: toAuthorization(url),
  };
}

function parse(text: unknown): URL {
  try {
    if (typeof text === 'string') return new URL(text);
  } catch {
    // The error is thrown below, as for a value that is not a string.
  }
  throw invalidUrl('it cannot be parsed: write ws://host[:port]/path');
}

function parseUnixUrl(url: URL): DialTarget {
  if (url.host !== '') throw invalidUrl('a Unix socket has no host: write ws+unix:/socket/path');
  const colon = url.pathname.indexOf(':');
  const socketPath = colon < 0 ? url.pathname : url.pathname.slice(0, colon);
  if (!socketPath.startsWith('/')) throw invalidUrl('a Unix socket needs an absolute path');
  const path = colon < 0 ? '' : url.pathname.slice(colon + 1);
  return {
    isSecure: url.protocol === 'wss+unix:',
    host: 'localhost',
    port: 0,
    socketPath: decode(socketPath),
    path: (path.startsWith('/') ? path : `/${path}`) + url.search,
    hostHeader: 'localhost',
    authorization: undefined,
  };
}

/** Builds the Authorization header for the user and password of a URL (RFC 7617). */
function toAuthorization(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  const credentials = `${decode(url.username)}:${decode(url.password)}`;
  return `Basic ${Buffer.from(credentials, 'utf8').toString('base64')}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidUrl('its percent-encoding is not valid: write % as %25');
  }
}

/** Builds the error of a URL. The message does not repeat the URL, which may hold a password or token. */
function invalidUrl(problem: string): FourDError {
  return new FourDError('ERR_INVALID_URL', `invalid URL: ${problem}`, { componentSignature: 'HTCL' });
}
