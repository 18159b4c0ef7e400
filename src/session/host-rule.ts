import { isIPv4, isIPv6 } from 'node:net';
import type { ComponentSignature } from '../errors.ts';
import { type Authority, parseAuthority, parseHostHeader, withoutFinalDot } from '../handshake/authority.ts';
import type { UpgradeRefusal } from '../http/upgrade-refusal.ts';
import { invalidOption, quoted, readList } from './option-checks.ts';

const HOST_NOT_ALLOWED =
  'this host is not allowed: the option "hosts" of the server does not name the host of this request. ' +
  'The option keeps pages out that reach the server under a name of their own (DNS rebinding).';

/** The ports that a Host header without a port can mean: a proxy may have ended TLS, so the scheme is not known. */
const DEFAULT_PORTS: ReadonlySet<number> = new Set([80, 443]);

const WILDCARD = '*.';

/** A host and its port, in the form in which this rule compares them. */
interface Asked {
  /** As in {@link parseAuthority} gives it, without the dot at the end that a name may have. */
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
  readonly #patterns: readonly Asked[] | undefined;

  /**
   * @param hosts - an array of names (`localhost`, `example.com`), of all names below one (`*.example.com`) and of IP
   *   addresses (`127.0.0.1`, `[::1]`), each for all ports or with one port (`example.com:8080`); undefined allows all
   * @throws FourDError `ERR_INVALID_OPTION`
   */
  constructor(hosts: unknown, component: ComponentSignature) {
    if (hosts === undefined) return;
    const list = readList('hosts', hosts, component);
    if (list === undefined || list.length === 0) {
      throw invalidOption('hosts must be an array of hosts such as "example.com"; leave it out for all', component);
    }
    this.#patterns = list.map((host) => parsePattern(host, component));
  }

  /** Tells whether a request with this Host header is allowed. A missing or malformed header is allowed by no list. */
  allows(hostHeader: string | undefined): boolean {
    if (this.#patterns === undefined) return true;
    const asked = hostHeader === undefined ? undefined : toAsked(parseHostHeader(hostHeader));
    return asked !== undefined && this.#patterns.some((pattern) => matches(pattern, asked));
  }
}

/** The refusal of a request whose host no {@link HostRule} allows. */
export function refusalOfForbiddenHost(hostHeader: string | undefined): UpgradeRefusal {
  const asked = hostHeader === undefined ? undefined : parseHostHeader(hostHeader)?.host;
  const action =
    asked === undefined ? 'The client must name a host' : `Add ${JSON.stringify(asked)} to the option hosts`;
  return {
    status: 421,
    cause: 'host',
    reason: HOST_NOT_ALLOWED,
    advice: `${action}, if it is a name of this server. A proxy in front must pass on Host, or be named in trustedProxies.`,
  };
}

function matches(pattern: Asked, asked: Asked): boolean {
  const isHost = pattern.host.startsWith(WILDCARD)
    ? asked.host.endsWith(pattern.host.slice(1)) && asked.host.length >= pattern.host.length
    : asked.host === pattern.host;
  if (!isHost || pattern.port === undefined) return isHost;
  return asked.port === undefined ? DEFAULT_PORTS.has(pattern.port) : asked.port === pattern.port;
}

function parsePattern(pattern: unknown, component: ComponentSignature): Asked {
  if (typeof pattern === 'string') {
    const isWildcard = pattern.startsWith(WILDCARD);
    const text = isWildcard ? pattern.slice(WILDCARD.length) : pattern;
    // An address needs its brackets only where a port may follow.
    const asked = toAsked(parseAuthority(isIPv6(text) ? `[${text}]` : text));
    if (asked !== undefined && !isWildcard) return asked;
    if (asked !== undefined && !isAddress(asked.host)) return { ...asked, host: WILDCARD + asked.host };
  }
  throw invalidOption(
    'hosts must hold names such as "localhost", "example.com:8080" or "*.example.com", and IP addresses such as ' +
      `"127.0.0.1" or "[::1]", without scheme and path; received ${quoted(pattern)}`,
    component,
  );
}

function toAsked(authority: Authority | undefined): Asked | undefined {
  if (authority === undefined) return undefined;
  const { host, port } = authority;
  const name = withoutFinalDot(host);
  if (name.split('.').includes('')) return undefined;
  return { host: name, port: port === '' ? undefined : Number(port) };
}

function isAddress(host: string): boolean {
  return host.startsWith('[') || isIPv4(host);
}
