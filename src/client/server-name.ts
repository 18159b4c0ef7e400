import { isIP } from 'node:net';

/**
 * The name of a host as TLS sends it (RFC 6066 section 3): without the dot that makes it absolute.
 *
 * @returns `''`, which sends no name, for an address
 */
export function toServerName(host: string): string {
  if (isIP(host) !== 0) return '';
  return host.endsWith('.') ? host.slice(0, -1) : host;
}
