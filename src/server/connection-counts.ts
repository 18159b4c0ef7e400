import type { UpgradeRefusal } from '../http/upgrade-refusal.ts';
import { NetworkCounts, toNetwork } from '../session/network-counts.ts';

/** The limits on the connections of a server. Infinity means no limit. */
export interface ConnectionLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly maxPendingHandshakes: number;
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
  refusalOf(network: string, openCount: number, pendingCount: number): UpgradeRefusal | undefined {
    const { maxConnections, maxConnectionsPerAddress, maxPendingHandshakes } = this.#limits;
    if (openCount + pendingCount >= maxConnections) {
      return refusalOfLimit(503, 'maxConnections', maxConnections, 'the server is full', 'try again later');
    }
    if (pendingCount >= maxPendingHandshakes) {
      const problem = 'too many handshakes are pending';
      return refusalOfLimit(503, 'maxPendingHandshakes', maxPendingHandshakes, problem, 'try again later');
    }
    if (this.#networks.countOf(network) >= maxConnectionsPerAddress) {
      const problem = 'too many connections from your address';
      const clientAdvice = 'close one of them first';
      return refusalOfLimit(429, 'maxConnectionsPerAddress', maxConnectionsPerAddress, problem, clientAdvice);
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

/** What the people who run a server can do about a limit that is reached. */
const ADVICE: Readonly<Record<keyof ConnectionLimits, string>> = {
  maxConnections: 'Raise maxConnections, if the server can hold more, or end connections that are not needed.',
  maxPendingHandshakes: 'Make onConnection faster, or raise maxPendingHandshakes.',
  maxConnectionsPerAddress:
    'Raise maxConnectionsPerAddress; behind a proxy, name it in trustedProxies, or all its clients count as one.',
};

function refusalOfLimit(
  status: number,
  name: keyof ConnectionLimits,
  limit: number,
  problem: string,
  clientAdvice: string,
): UpgradeRefusal {
  return { status, cause: 'limit', reason: `${problem} (${name} ${limit}): ${clientAdvice}`, advice: ADVICE[name] };
}
