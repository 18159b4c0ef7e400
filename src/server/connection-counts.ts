import { NetworkCounts, toNetwork } from '../session/network-counts.ts';

/** The limits on the connections of a server. Infinity means no limit. */
export interface ConnectionLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly maxPendingHandshakes: number;
}

/** The HTTP status and the text that refuse a client because of a limit. */
export interface CountRefusal {
  readonly status: number;
  readonly reason: string;
}

/** Counts the connections of one server against its limits. */
export class ConnectionCounts {
  readonly #limits: ConnectionLimits;
  /** Open and pending connections of each network, by {@link networkOf}. */
  readonly #networks = new NetworkCounts();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /**
   * Returns the network that a client counts for: its IPv4 address, or the /64 network of its IPv6 address, because
   * every home has a whole /64. `''` means that the client is not counted: no limit is set, or it has no address (Unix
   * socket).
   */
  networkOf(address: string): string {
    return this.#limits.maxConnectionsPerAddress === Infinity ? '' : toNetwork(address);
  }

  /**
   * Checks whether one more client would exceed a limit.
   *
   * @param openCount - connections that are open
   * @param pendingCount - clients that wait for the decision of `onConnection`
   * @returns the refusal, undefined when the client may stay
   */
  refusalOf(network: string, openCount: number, pendingCount: number): CountRefusal | undefined {
    const { maxConnections, maxConnectionsPerAddress, maxPendingHandshakes } = this.#limits;
    if (openCount + pendingCount >= maxConnections) {
      return { status: 503, reason: `the server is full (maxConnections ${maxConnections}): try again later` };
    }
    if (pendingCount >= maxPendingHandshakes) {
      return {
        status: 503,
        reason: `too many handshakes are pending (maxPendingHandshakes ${maxPendingHandshakes}): try again later`,
      };
    }
    if (this.#networks.countOf(network) >= maxConnectionsPerAddress) {
      const limit = `maxConnectionsPerAddress ${maxConnectionsPerAddress}`;
      return { status: 429, reason: `too many connections from your address (${limit}): close one of them first` };
    }
    return undefined;
  }

  /** Counts one more client of a network. */
  add(network: string): void {
    if (network !== '') this.#networks.add(network);
  }

  /** Counts one client of a network less. */
  remove(network: string): void {
    this.#networks.remove(network);
  }

  /** The number of networks that have connections. */
  get networkCount(): number {
    return this.#networks.size;
  }
}
