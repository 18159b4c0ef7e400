import { isIP } from 'node:net';
import { withoutFinalDot } from '../handshake/authority.ts';

/**
 * The name of a host as TLS sends it (RFC 6066 section 3): without the dot that makes it absolute.
 *
 * @returns `''`, which sends no name, for an address
 */
export function toServerName(host: string): string {
  return isIP(host) === 0 ? withoutFinalDot(host) : '';
}
