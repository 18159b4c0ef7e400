import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import type { ComponentSignature } from '../errors.ts';
import { invalidOption } from './option-checks.ts';

/** The body of the 421 answer to a request whose host is not allowed. */
export const HOST_NOT_ALLOWED: string =
  'this host is not allowed: the option "hosts" of the server does not name the host of this request. ' +
  'The option keeps pages out that reach the server under a name of their own (DNS rebinding).';

/** The ports that a Host header without a port can mean: a proxy may have ended TLS, so the scheme is not known. */
const DEFAULT_PORTS: ReadonlySet<number> = new Set([80, 443]);

const WILDCARD = '*.';

/** A host, in the form in which hosts are compared, with its port if the text has one. */
interface Authority {
  readonly host: string;
  readonly port: number | undefined;
}

/**
 * Decides which hosts a request may ask for, by its Host header.
 *
 * @remarks A page of a foreign name whose DNS answer points to this server (DNS rebinding) sends that name in Host and
 * in Origin, so that it looks like a page of the same host. Only a list of the server's own names tells them apart.
 *
 * Names are compared in their ASCII form, without regard to case and to a dot at the end; IPv6 addresses by value.
 */
export class HostRule {
  /** Undefined when all hosts are allowed. */
  readonly #patterns: readonly Authority[] | undefined;

  /**
   * @param hosts - an array of names (`localhost`, `example.com`), of all names below one (`*.example.com`) and of IP
   *   addresses (`127.0.0.1`, `[::1]`), each for all ports or with one port (`example.com:8080`); undefined allows all
   * @throws FourDError `ERR_INVALID_OPTION`
   */
  constructor(hosts: unknown, component: ComponentSignature) {
    if (hosts === undefined) return;
    if (!Array.isArray(hosts) || hosts.length === 0) {
      throw invalidOption('hosts must be an array of hosts such as "example.com"; leave it out for all', component);
    }
    this.#patterns = hosts.map((host: unknown) => parsePattern(host, component));
  }

  /** Tells whether a request with this Host header is allowed. A missing or malformed header is allowed by no list. */
  allows(hostHeader: string | undefined): boolean {
    if (this.#patterns === undefined) return true;
    // Node reads header bytes as Latin-1; a program may send a name that is not ASCII as UTF-8.
    const asked = hostHeader === undefined ? undefined : parseAuthority(Buffer.from(hostHeader, 'latin1').toString());
    return asked !== undefined && this.#patterns.some((pattern) => matches(pattern, asked));
  }
}

function matches(pattern: Authority, asked: Authority): boolean {
  const isHost = pattern.host.startsWith(WILDCARD)
    ? asked.host.endsWith(pattern.host.slice(1)) && asked.host.length >= pattern.host.length
    : asked.host === pattern.host;
  if (!isHost || pattern.port === undefined) return isHost;
  return asked.port === undefined ? DEFAULT_PORTS.has(pattern.port) : asked.port === pattern.port;
}

function parsePattern(pattern: unknown, component: ComponentSignature): Authority {
  if (typeof pattern === 'string') {
    const isWildcard = pattern.startsWith(WILDCARD);
    const text = isWildcard ? pattern.slice(WILDCARD.length) : pattern;
    // An address needs its brackets only where a port may follow.
    const authority = parseAuthority(isIPv6(text) ? `[${text}]` : text);
    if (authority !== undefined && !isWildcard) return authority;
    if (authority !== undefined && !isAddress(authority.host)) return { ...authority, host: WILDCARD + authority.host };
  }
  const received = typeof pattern === 'string' ? JSON.stringify(pattern) : typeof pattern;
  throw invalidOption(
    'hosts must hold names such as "localhost", "example.com:8080" or "*.example.com", and IP addresses such as ' +
      `"127.0.0.1" or "[::1]", without scheme and path; received ${received}`,
    component,
  );
}

/** Reads `name`, `IPv4` or `[IPv6]`, each with or without a port. Returns undefined for everything else. */
function parseAuthority(text: string): Authority | undefined {
  const bracket = text.startsWith('[') ? text.indexOf(']') : 0;
  const colon = bracket < 0 ? -1 : text.indexOf(':', bracket);
  const host = parseHost(colon < 0 ? text : text.slice(0, colon));
  const port = colon < 0 ? undefined : parsePort(text.slice(colon + 1));
  if (host === undefined || (colon >= 0 && port === undefined)) return undefined;
  return { host, port };
}

/** Brings a host into the form in which hosts are compared. Returns undefined for what is none. */
function parseHost(text: string): string | undefined {
  if (text.startsWith('[')) {
    // A zone behind the address (`%eth0`) means something on the client's machine alone.
    if (!text.endsWith(']') || !isIPv6(text.slice(1, -1)) || text.includes('%')) return undefined;
    return new URL(`ws://${text}`).hostname;
  }
  for (const character of text) {
    // domainToASCII would decode a percent sign, and take others as the end of the host.
    if (character <= ' ' || '%/\\?#@*,;"<>[]'.includes(character)) return undefined;
  }
  const ascii = domainToASCII(text);
  const host = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii;
  return host.split('.').includes('') ? undefined : host;
}

function isAddress(host: string): boolean {
  return host.startsWith('[') || isIPv4(host);
}

function parsePort(text: string): number | undefined {
  if (text === '' || text.length > 5) return undefined;
  for (const character of text) {
    if (character < '0' || character > '9') return undefined;
  }
  return Number(text);
}
