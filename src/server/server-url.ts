import { Server as HttpsServer } from 'node:https';
import { Server as TlsServer } from 'node:tls';
import { ignoreRejection } from '../base/promises.ts';
import type { PathPattern } from '../handshake/path-pattern.ts';
import type { UpgradableServer } from '../http/upgradable-server.ts';

/** Addresses that stand for all addresses of this machine. */
const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/**
 * Returns the URL of a WebSocket server, as a client on this machine needs it. Never throws.
 *
 * @param servers - the HTTP servers that it is attached to: with several, the URL of the one with TLS
 * @param path - undefined for all paths
 * @returns undefined where nothing listens on a port
 */
export function urlOf(servers: readonly UpgradableServer[], path: PathPattern | undefined): string | undefined {
  try {
    // HTTPS servers of Bun are no TLS servers, and HTTP/2 servers of Node are no HTTPS servers.
    const secure = servers.find((server) => server instanceof HttpsServer || server instanceof TlsServer);
    const listening = (secure ?? servers[0])?.address();
    if (typeof listening !== 'object' || listening === null) return undefined;
    const { address, port } = listening;
    const name = address.includes(':') ? `[${address}]` : address;
    const host = WILDCARDS.has(address) ? 'localhost' : name;
    return `${secure === undefined ? 'ws' : 'wss'}://${host}:${port}${path?.literalStart ?? '/'}`;
  } catch (thrown) {
    // The server may be an object of the user.
    ignoreRejection(thrown);
    return undefined;
  }
}
