import { isIPv4 } from 'node:net';
import { withoutFinalDot } from '../handshake/authority.ts';
import type { UpgradeRequest } from '../handshake/server-handshake.ts';

/** Headers that a proxy adds: with one of them, the client may be on another machine. */
const PROXY_HEADERS: ReadonlySet<string> = new Set(['forwarded', 'via']);
const PROXY_HEADER_PREFIX = 'x-forwarded-';

/** Tells whether an address is one of this machine's own: `127.0.0.0/8` or `::1`. */
export function isLoopbackAddress(address: string): boolean {
  return address === '::1' || (isIPv4(address) && address.startsWith('127.'));
}

/** Tells whether a host, as `parseAuthority` gives it, names this machine: `localhost`, `*.localhost`, `127.0.0.0/8`, `[::1]`. */
export function isLoopbackHost(host: string): boolean {
  const name = withoutFinalDot(host);
  return name === 'localhost' || name.endsWith('.localhost') || host === '[::1]' || isLoopbackAddress(host);
}

/** Tells whether a request has come through a proxy that says so. */
export function hasProxyHeaders({ headers }: UpgradeRequest): boolean {
  return Object.keys(headers).some((name) => PROXY_HEADERS.has(name) || name.startsWith(PROXY_HEADER_PREFIX));
}
