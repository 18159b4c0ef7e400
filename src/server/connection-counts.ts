/** Most connections of a server. Infinity sets no limit. */
export interface ConnectionLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly maxPendingHandshakes: number;
}

/** Why a client is refused. */
export interface CountRefusal {
  readonly status: number;
  readonly reason: string;
}

/** Counts the connections of one server against its limits. */
export class ConnectionCounts {
  readonly #limits: ConnectionLimits;
  /** Connections by {@link networkOf}. */
  readonly #byNetwork = new Map<string, number>();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /**
   * The network that a client counts for: its address, or the /64 network of an IPv6 address, of which every home has
   * one. `''` when it is not counted: no limit is set, or it has no address, as on a Unix socket.
   */
  networkOf(address: string): string {
    return this.#limits.maxConnectionsPerAddress === Infinity ? '' : toNetwork(address);
  }

  /**
   * Tells whether one more client is too many.
   *
   * @param open - connections that are open
   * @param pending - clients that wait for the verdict of `onConnection`
   */
  refusalOf(network: string, open: number, pending: number): CountRefusal | undefined {
    const { maxConnections, maxConnectionsPerAddress, maxPendingHandshakes } = this.#limits;
    if (open + pending >= maxConnections) {
      return { status: 503, reason: `the server has as many connections as it may (maxConnections ${maxConnections})` };
    }
    if (pending >= maxPendingHandshakes) {
      return {
        status: 503,
        reason: `too many clients wait to be let in (maxPendingHandshakes ${maxPendingHandshakes})`,
      };
    }
    if ((this.#byNetwork.get(network) ?? 0) >= maxConnectionsPerAddress) {
      return {
        status: 429,
        reason: `your address has as many connections as it may (maxConnectionsPerAddress ${maxConnectionsPerAddress})`,
      };
    }
    return undefined;
  }

  /** A client of this network has come. */
  add(network: string): void {
    if (network !== '') this.#byNetwork.set(network, (this.#byNetwork.get(network) ?? 0) + 1);
  }

  /** It has gone. */
  remove(network: string): void {
    const count = this.#byNetwork.get(network);
    if (count === undefined) return;
    if (count === 1) this.#byNetwork.delete(network);
    else this.#byNetwork.set(network, count - 1);
  }

  /** How many networks have connections. */
  get networkCount(): number {
    return this.#byNetwork.size;
  }
}

/** An address of which an attacker cannot have a whole range for free. */
export function toNetwork(address: string): string {
  if (!address.includes(':')) return address;
  const [front = '', behind = ''] = address.split('::');
  const groups = groupsOf(front);
  const missing = 8 - groups.length - groupsOf(behind).length;
  const all = [...groups, ...Array.from({ length: missing }, () => '0'), ...groupsOf(behind)];
  return `${all.slice(0, 4).join(':')}::/64`;
}

function groupsOf(part: string): string[] {
  return part === '' ? [] : part.split(':');
}
