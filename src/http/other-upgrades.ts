import { createServer, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { listHasToken } from '../handshake/header-grammar.ts';
import { joined, type UpgradeRequest } from '../handshake/server-handshake.ts';
import type { UpgradableServer } from './upgradable-server.ts';

/**
 * Requests that ask for another protocol than WebSocket, such as `Upgrade: h2c` of Java's HttpClient and
 * `curl --http2`. They are answered as plain HTTP, as if no WebSocket server were attached: without an 'upgrade'
 * listener Node ignores the header, and with one it hands the socket out.
 */

type ShouldUpgrade = (request: UpgradeRequest) => boolean;

/** Newer versions of Node ask this method of a server whether a request is an upgrade. */
interface AskingServer {
  shouldUpgradeCallback?: ShouldUpgrade;
}

type NodeConnectionListener = (this: Server, socket: Duplex) => void;

/** Headers that ask for another protocol (RFC 9110 section 7.8, RFC 7540 section 3.2.1). */
const UPGRADE_HEADERS: ReadonlySet<string> = new Set(['upgrade', 'http2-settings']);

/** Tells whether a request asks for a WebSocket. */
export function asksForWebSocket({ headers }: UpgradeRequest): boolean {
  return listHasToken(joined(headers.upgrade) ?? '', 'websocket');
}

/**
 * Lets a server upgrade requests for WebSockets, and other requests only where somebody else wants that.
 *
 * @returns the callback that was set; undefined when this version of Node does not ask
 */
export function setShouldUpgrade(server: UpgradableServer): ShouldUpgrade | undefined {
  if (!('shouldUpgradeCallback' in server)) return undefined;
  const asking = server as UpgradableServer & AskingServer;
  const before = asking.shouldUpgradeCallback;
  // Node's own callback counts the listeners of the server: the router is not to count.
  const others = Object.create(server, {
    listenerCount: { value: (name: string) => server.listenerCount(name) - (name === 'upgrade' ? 1 : 0) },
  }) as UpgradableServer;
  const shouldUpgrade: ShouldUpgrade = (request) => asksForWebSocket(request) || before?.call(others, request) === true;
  asking.shouldUpgradeCallback = Object.assign(shouldUpgrade, { before });
  return shouldUpgrade;
}

/** Undoes {@link setShouldUpgrade}, unless the program has set a callback of its own since. */
export function restoreShouldUpgrade(server: UpgradableServer, shouldUpgrade: ShouldUpgrade | undefined): void {
  const asking = server as UpgradableServer & AskingServer;
  if (shouldUpgrade === undefined || asking.shouldUpgradeCallback !== shouldUpgrade) return;
  const { before } = shouldUpgrade as ShouldUpgrade & { readonly before?: ShouldUpgrade };
  if (before === undefined) delete asking.shouldUpgradeCallback;
  else asking.shouldUpgradeCallback = before;
}

/**
 * Gives a request that Node has handed out as an upgrade back to Node's own listener for connections, which then reads it
 * as plain HTTP.
 *
 * @param head - the bytes behind the request, which hold its body
 */
export function giveBack(server: UpgradableServer, request: UpgradeRequest, socket: Duplex, head: Buffer): void {
  nodeListener ??= createServer().listeners('connection')[0] as NodeConnectionListener;
  nodeListener.call(server as Server, socket);
  socket.unshift(Buffer.concat([Buffer.from(toPlainRequest(request), 'latin1'), head]));
  socket.resume();
}

/** Node's own listener, which is the same function for all servers. */
let nodeListener: NodeConnectionListener | undefined;

/** Writes a request without the headers that ask for another protocol. */
function toPlainRequest({ method = 'GET', url = '/', httpVersion = '1.1', rawHeaders = [] }: UpgradeRequest): string {
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    const key = name.toLowerCase();
    if (UPGRADE_HEADERS.has(key)) continue;
    const value = key === 'connection' ? withoutUpgrade(rawHeaders[i + 1] as string) : (rawHeaders[i + 1] as string);
    if (key !== 'connection' || value !== '') text += `${name}: ${value}\r\n`;
  }
  return `${text}\r\n`;
}

/** Removes the names of {@link UPGRADE_HEADERS} from the value of Connection. */
function withoutUpgrade(value: string): string {
  return value
    .split(',')
    .map((token) => token.trim())
    .filter((token) => token !== '' && !UPGRADE_HEADERS.has(token.toLowerCase()))
    .join(', ');
}
