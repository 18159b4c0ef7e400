import type { Socket } from 'node:net';
import { serverChannel } from '../diagnostics/channels.ts';
import { countRefused } from '../diagnostics/refused.ts';
import { unrouted } from '../diagnostics/sources.ts';
import { toPlainAddress } from '../handshake/authority.ts';
import type { HttpOrHttpsServer } from '../http/upgradable-server.ts';
import { writeRefusal } from '../http/upgrade-refusal.ts';
import { NetworkCounts, toNetwork } from '../session/network-counts.ts';
import { ignoreErrors, keepUntilClosed } from '../transport/socket-transport.ts';

/** Most refused clients that may take their time to read the refusal: more are cut off, or they would hold sockets. */
const MAX_REFUSED_SOCKETS = 64;

/** What channels tell of a refused connection. */
const REFUSAL = {
  status: 503,
  cause: 'limit',
  advice: 'Raise maxConnections or maxConnectionsPerAddress of the WebServer, if these clients are welcome.',
} as const;

/** Limits on the sockets of a web server. Infinity means no limit. */
export interface SocketLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
}

type ConnectionListener = (this: HttpOrHttpsServer, socket: Socket) => void;

/** All TCP connections of a web server, on all its ports: plain, idle, upgraded, in a TLS handshake. */
export class OpenSockets {
  readonly #limits: SocketLimits;
  readonly #sockets = new Set<Socket>();
  readonly #refused = new Set<Socket>();
  readonly #networks = new NetworkCounts();

  constructor(limits: SocketLimits) {
    this.#limits = limits;
  }

  /**
   * Counts the connections of a server, and hands those within the limits on to the listeners that the server has now.
   *
   * @param speaksPlainHttp - whether a refusal can be written: over TLS there is nobody to read it yet
   */
  guard(server: HttpOrHttpsServer, speaksPlainHttp: boolean): void {
    const listeners = server.listeners('connection') as ConnectionListener[];
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      const network = this.#networkOf(socket);
      const refusal = this.#refusalOf(network);
      if (refusal !== undefined) {
        countSocket(socket);
        this.#refuse(socket, speaksPlainHttp ? refusal : undefined);
        return;
      }
      this.#keep(socket, network);
      for (const listener of listeners) listener.call(server, socket);
    });
  }

  /** Ends the connections that were refused and still linger. */
  destroyRefused(): void {
    for (const socket of this.#refused) socket.destroy();
  }

  /** Ends all connections. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.destroyRefused();
  }

  /** Returns the network that a connection counts for, `''` for none. */
  #networkOf(socket: Socket): string {
    // To learn the address takes a call of the system.
    return this.#limits.maxConnectionsPerAddress === Infinity ? '' : toNetwork(socket.remoteAddress ?? '');
  }

  #refusalOf(network: string): string | undefined {
    const { maxConnections, maxConnectionsPerAddress } = this.#limits;
    if (this.#sockets.size >= maxConnections) {
      return `the server is full (maxConnections ${maxConnections}): try again later`;
    }
    if (this.#networks.countOf(network) >= maxConnectionsPerAddress) {
      const limit = `maxConnectionsPerAddress ${maxConnectionsPerAddress}`;
      return `too many connections from your address (${limit}): close one of them first`;
    }
    return undefined;
  }

  #keep(socket: Socket, network: string): void {
    keepUntilClosed(socket, this.#sockets);
    if (network === '') return;
    this.#networks.add(network);
    socket.once('close', () => this.#networks.remove(network));
  }

  #refuse(socket: Socket, text: string | undefined): void {
    ignoreErrors(socket);
    if (text === undefined || this.#refused.size >= MAX_REFUSED_SOCKETS) {
      socket.destroy();
    } else {
      keepUntilClosed(socket, this.#refused);
      writeRefusal(socket, { status: 503, reason: text });
    }
  }
}

/** Counts a connection that is refused before it has sent a request, whatever it wanted. */
function countSocket(socket: Socket): void {
  // To learn the address takes a call of the system.
  const address = serverChannel.hasSubscribers ? toPlainAddress(socket.remoteAddress) : '';
  countRefused(unrouted, REFUSAL, { url: '', headers: {} }, address);
}
