import { isIP, isIPv6 } from 'node:net';
import { URL } from 'node:url';
import type { FourDError } from '../errors.ts';
import { parseAuthority, withoutFinalDot } from '../handshake/authority.ts';
import { AddressRanges } from '../session/address-ranges.ts';
import { invalidOption } from '../session/option-checks.ts';
import type { DialTarget } from './dial.ts';
import type { Proxy } from './proxy-tunnel.ts';
import { nameOfUrl, toUrlText } from './url-text.ts';

const DEFAULT_PORTS: Readonly<Record<Proxy['kind'], number>> = { http: 80, https: 443, socks5: 1080, socks5h: 1080 };

/** RFC 1929 gives the length of user and password in one byte each. */
const MAX_CREDENTIAL_BYTES = 255;

/** Returns the proxy for a target, undefined for none. */
export type ProxyChoice = (target: DialTarget) => Proxy | undefined;

/**
 * Checks the option `proxy`.
 *
 * @param environment - the variables that `'environment'` reads anew for each connection
 * @throws FourDError `ERR_INVALID_OPTION`; for a URL of the environment the returned function throws it. The message
 *   names the URL without its user and password.
 */
export function checkProxy(value: unknown, environment: NodeJS.ProcessEnv = process.env): ProxyChoice {
  if (value === undefined) return () => undefined;
  if (value === 'environment') return (target) => proxyOfEnvironment(target, environment);
  const proxy = parseProxy(value, 'proxy');
  return (target) => (target.socketPath === undefined ? proxy : undefined);
}

function parseProxy(value: unknown, name: string): Proxy {
  const text = toUrlText(value);
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  const kind = url?.protocol.slice(0, -1) as Proxy['kind'];
  if (url === undefined || !Object.hasOwn(DEFAULT_PORTS, kind) || url.hostname === '') {
    const form = 'http://[user:password@]host[:port], https://…, socks5://… or socks5h://…';
    throw invalid(`${name} must be a URL of the form ${form}; received ${received(text)}`);
  }
  if ((url.pathname !== '' && url.pathname !== '/') || url.search !== '' || url.hash !== '') {
    throw invalid(`${name} must not have a path, query or fragment; received ${received(text)}`);
  }
  return {
    kind,
    host: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
    port: url.port === '' ? DEFAULT_PORTS[kind] : Number(url.port),
    credentials: parseCredentials(url, name),
  };
}

function parseCredentials(url: URL, name: string): Proxy['credentials'] {
  if (url.username === '' && url.password === '') return undefined;
  let credentials: { readonly username: string; readonly password: string };
  try {
    credentials = { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  } catch {
    throw invalid(`user or password of ${name} is not percent-encoded correctly: write % as %25`);
  }
  const { username, password } = credentials;
  if (Buffer.byteLength(username) > MAX_CREDENTIAL_BYTES || Buffer.byteLength(password) > MAX_CREDENTIAL_BYTES) {
    throw invalid(`user or password of ${name} is longer than ${MAX_CREDENTIAL_BYTES} bytes`);
  }
  return credentials;
}

/** Chooses a proxy by the variables that curl reads: lower-case names first, and no proxy for the hosts of NO_PROXY. */
function proxyOfEnvironment(target: DialTarget, environment: NodeJS.ProcessEnv): Proxy | undefined {
  if (target.socketPath !== undefined) return undefined;
  const read = (name: string): string | undefined => {
    // In a CGI program HTTP_PROXY is what the client sent as its header "Proxy" (httpoxy, CVE-2016-5385).
    const upper = name === 'http_proxy' && environment.REQUEST_METHOD !== undefined ? '' : name.toUpperCase();
    return [environment[name], environment[upper]].find((value) => value !== undefined && value !== '');
  };
  if (isExcepted(target, read('no_proxy') ?? '')) return undefined;
  const value = read(target.isSecure ? 'https_proxy' : 'http_proxy') ?? read('all_proxy');
  if (value === undefined) return undefined;
  // A bare host and port is an HTTP proxy, as it is for curl.
  return parseProxy(
    value.includes('://') ? value : `http://${value}`,
    'the proxy of the environment (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY)',
  );
}

/**
 * Tells whether NO_PROXY lists a target: `*`, hosts with or without a port, and ranges of addresses (`10.0.0.0/8`),
 * separated by commas or blanks. An entry that cannot be read lists nothing.
 */
function isExcepted(target: DialTarget, noProxy: string): boolean {
  return noProxy.split(/[\s,]+/).some((entry) => isListed(target, entry));
}

function isListed({ host, port }: DialTarget, entry: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/') || isIPv6(entry)) return isInRange(host, entry);
  // `*.example.com` and `.example.com` mean the same as `example.com`, which stands for its subdomains too.
  const listed = parseAuthority(entry.replace(/^\*?\.?/, ''));
  if (listed === undefined || (listed.port !== '' && Number(listed.port) !== port)) return false;
  // An address has no subdomains: `2.3` must not list 10.1.2.3.
  if (isIP(host) !== 0) return isInRange(host, listed.host);
  const name = withoutFinalDot(listed.host);
  const asked = withoutFinalDot(host);
  return asked === name || asked.endsWith(`.${name}`);
}

/** @param range - an address or a range; IPv6 addresses may stand in brackets */
function isInRange(host: string, range: string): boolean {
  const ranges = new AddressRanges();
  return ranges.add(range.replace(/^\[(.*)\]/, '$1')) && ranges.has(host);
}

function received(value: unknown): string {
  if (typeof value === 'string') return `"${nameOfUrl(value)}"`;
  return value === null ? 'null' : typeof value;
}

function invalid(problem: string): FourDError {
  return invalidOption(problem, 'HTCL');
}
