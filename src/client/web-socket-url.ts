import { URL } from 'node:url';
import { FourDError } from '../errors.ts';
import type { DialTarget } from './dial.ts';
import { nameOfUrl } from './url-text.ts';

const FORM = 'ws://host[:port]/path';

/**
 * Reads a WebSocket URL (RFC 6455 section 3): `ws://host[:port]path[?query]`, `wss://…`, or a Unix socket as
 * `ws+unix:/socket/path[:/path[?query]]`.
 *
 * @throws FourDError `ERR_INVALID_URL`
 */
export function parseWebSocketUrl(text: string): DialTarget {
  const url = parse(text);
  const problem = problemOf(text, url);
  if (problem !== undefined) throw invalidUrl(text, problem);
  if (url.protocol === 'ws+unix:' || url.protocol === 'wss+unix:') return parseUnixUrl(text, url);
  const isSecure = url.protocol === 'wss:';
  return {
    isSecure,
    // node:net takes an IPv6 address without brackets.
    host: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
    port: url.port === '' ? (isSecure ? 443 : 80) : Number(url.port),
    socketPath: undefined,
    path: url.pathname + url.search,
    hostHeader: url.host,
    authorization: toAuthorization(text, url),
  };
}

function parse(text: unknown): URL {
  if (typeof text !== 'string') {
    const received = text === null ? 'null' : typeof text;
    throw new FourDError('ERR_INVALID_URL', `invalid URL: it must be a string or a URL object, received ${received}`, {
      componentSignature: 'HTCL',
    });
  }
  if (!URL.canParse(text)) throw invalidUrl(text, problemOfUnreadable(text));
  return new URL(text);
}

/** Says what is wrong with a text that is no URL at all, and what to write instead. */
function problemOfUnreadable(text: string): string {
  if (text.trim() === '') return `it is empty: write ${FORM}`;
  const name = nameOfUrl(text);
  if (name.startsWith('//')) return `it has no scheme: write ws:${name}`;
  if (/^[/.?#]/.test(text)) return `it is relative: write it in full, ws://host[:port]${name.replace(/^\.*\/*/, '/')}`;
  const scheme = /^[a-z][a-z\d+.-]*:\/\//i.exec(name)?.[0];
  if (scheme === undefined) return `it has no scheme: write ${/^wss?\b/i.test(name) ? FORM : `ws://${name}`}`;
  if (text.includes('@') && (name.endsWith('…') || URL.canParse(name))) {
    return 'write user and password with encodeURIComponent() each';
  }
  if (/^(?:$|[/:])/.test(name.slice(scheme.length))) return `it has no host: write ${FORM}`;
  if (/\b(?:undefined|NaN|null)\b/.test(name)) return 'is a variable that it was put together from not set?';
  return 'its host or port is not valid: a port is a number from 0 to 65535, a host has no blanks, an IPv6 address stands in []';
}

/** Says what is wrong with a URL, and what to write instead; undefined when it can be used. */
function problemOf(text: string, url: URL): string | undefined {
  switch (url.protocol) {
    case 'ws:':
    case 'wss:':
    case 'ws+unix:':
    case 'wss+unix:':
      // An empty fragment is not in `url.hash`, but is not allowed either.
      return url.href.includes('#')
        ? 'it must not have a fragment: leave out what begins with #, or write %23 for #'
        : undefined;
    case 'http:':
      return 'write ws:// instead of http://';
    case 'https:':
      return 'write wss:// instead of https://';
    case 'unix:':
    case 'http+unix:':
      return 'write ws+unix:/socket/path:/path instead';
    default: {
      // Without a scheme, the host in front of a port looks like one, and so does the user in front of a password.
      const name = nameOfUrl(text);
      return /^[a-z][a-z\d+.-]*:(?!\d)/i.test(name)
        ? 'it must begin with ws://, wss:// or ws+unix:'
        : `it has no scheme: write ws://${name}`;
    }
  }
}

function parseUnixUrl(text: string, url: URL): DialTarget {
  if (url.host !== '') throw invalidUrl(text, 'a Unix socket has no host: write ws+unix:/socket/path');
  const colon = url.pathname.indexOf(':');
  const socketPath = colon < 0 ? url.pathname : url.pathname.slice(0, colon);
  if (!socketPath.startsWith('/')) {
    throw invalidUrl(text, 'a Unix socket needs an absolute path: write ws+unix:/socket/path');
  }
  const path = colon < 0 ? '' : url.pathname.slice(colon + 1);
  return {
    isSecure: url.protocol === 'wss+unix:',
    host: 'localhost',
    port: 0,
    socketPath: decode(text, socketPath),
    path: (path.startsWith('/') ? path : `/${path}`) + url.search,
    hostHeader: 'localhost',
    authorization: undefined,
  };
}

/** Builds the Authorization header for the user and password of a URL (RFC 7617). */
function toAuthorization(text: string, url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  const credentials = `${decode(text, url.username)}:${decode(text, url.password)}`;
  return `Basic ${Buffer.from(credentials, 'utf8').toString('base64')}`;
}

/** @param text - the URL of which `part` is one */
function decode(text: string, part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalidUrl(text, 'its percent-encoding is not valid: write % as %25');
  }
}

function invalidUrl(text: string, problem: string): FourDError {
  const name = nameOfUrl(text);
  const message = name === '' ? `invalid URL: ${problem}` : `invalid URL "${name}": ${problem}`;
  return new FourDError('ERR_INVALID_URL', message, { componentSignature: 'HTCL' });
}
