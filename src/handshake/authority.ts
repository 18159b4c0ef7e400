import { domainToASCII } from 'node:url';
import { decodeHeaderValue } from './header-grammar.ts';

/** A host, and the port behind it. */
export interface Authority {
  /**
   * The host in the form in which hosts are compared: names in ASCII and in lower case (`xn--bcher-kva.example`), IPv6
   * addresses in brackets and in their shortest form.
   */
  readonly host: string;
  /** The digits of the port, `''` when there is none. */
  readonly port: string;
}

/** Longest host that is read. A name has at most 253 characters, and the ASCII form of a long one takes long to find. */
const MAX_HOST_CHARACTERS = 255;
const MAX_PORT_DIGITS = 5;

/** Characters that end a host or mean something of their own in a URL, or separate the elements of a list. */
const NOT_IN_HOSTS = '/\\?#@*,;"<>%';

/**
 * Reads `name`, `IPv4` or `[IPv6]`, each with or without a port.
 *
 * @remarks Takes linear time.
 * @returns undefined for everything else, such as a text with a path, a user, a wildcard or an empty port
 */
export function parseAuthority(text: string): Authority | undefined {
  const bracket = text.startsWith('[') ? text.indexOf(']') : 0;
  const colon = bracket < 0 ? -1 : text.indexOf(':', bracket);
  const host = parseHost(colon < 0 ? text : text.slice(0, colon));
  const port = colon < 0 ? '' : text.slice(colon + 1);
  const isPort = port.length <= MAX_PORT_DIGITS && isDigits(port) && (colon < 0 || port !== '');
  return host === '' || !isPort ? undefined : { host, port };
}

/**
 * Reads the header Host. Its port may be empty (RFC 9110 section 4.2.3: `example.com:` is `example.com`), and some
 * programs send a name as it was typed, in UTF-8.
 *
 * @param value - the bytes of the header as Latin-1
 */
export function parseHostHeader(value: string): Authority | undefined {
  const text = decodeHeaderValue(value);
  if (!text.endsWith(':')) return parseAuthority(text);
  const authority = parseAuthority(text.slice(0, -1));
  return authority?.port === '' ? authority : undefined;
}

/** Returns a host without the dot at its end, which makes a name absolute: DNS finds the same host without it. */
export function withoutFinalDot(host: string): string {
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

/** The port of an origin that names none, by scheme. */
export const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };

/**
 * Brings an origin into the form in which origins are compared: lower case, names in ASCII as browsers send them, with
 * port.
 *
 * @returns undefined for what is no origin of a host, such as `null`
 */
export function normalizeOrigin(origin: string): string | undefined {
  const end = origin.indexOf('://');
  const scheme = origin.slice(0, end).toLowerCase();
  const authority = end < 1 ? undefined : parseAuthority(origin.slice(end + '://'.length));
  if (authority === undefined) return undefined;
  return `${scheme}://${authority.host}:${authority.port || (DEFAULT_PORTS[scheme] ?? '')}`;
}

/**
 * Tells whether a text can stand in the header Host: nothing but the characters of a host and its port.
 *
 * @remarks The empty text can: RFC 9112 section 3.2 demands it where a URI has no authority. Characters beyond ASCII
 * can too, because some programs send names as they were typed.
 */
export function isHostValue(text: string): boolean {
  for (const character of text) {
    if (character <= ' ' || character === '\x7f' || '/\\?#@"<>^`{|}'.includes(character)) return false;
  }
  return true;
}

/**
 * Returns the authority of a request target that is a whole URL, undefined for a path. A client must send the same in
 * the header Host (RFC 9112 sections 3.2 and 3.2.2).
 */
export function authorityOf(target: string): string | undefined {
  const start = target.startsWith('/') ? -1 : target.indexOf('://');
  if (start < 0) return undefined;
  const authority = target.slice(start + '://'.length);
  for (let end = 0; end < authority.length; end++) {
    if ('/?#'.includes(authority[end] as string)) return authority.slice(0, end);
  }
  return authority;
}

/** Brings a host into the form in which hosts are compared. Returns `''` for what is none. */
function parseHost(text: string): string {
  if (text.length > MAX_HOST_CHARACTERS) return '';
  let isAscii = true;
  for (const character of text) {
    if (character <= ' ' || NOT_IN_HOSTS.includes(character)) return '';
    isAscii &&= character <= '~';
  }
  if (text.startsWith('[') || !isAscii) return domainToASCII(text);
  return text.includes('[') || text.includes(']') ? '' : text.toLowerCase();
}

function isDigits(text: string): boolean {
  for (const character of text) {
    if (character < '0' || character > '9') return false;
  }
  return true;
}

/** Brings an address into the form that is shown: an IPv4 address mapped to IPv6 as IPv4, `''` for none. */
export function toPlainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}
