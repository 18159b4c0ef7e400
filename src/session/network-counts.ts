/** Counts clients by their network: {@link toNetwork}. */
export class NetworkCounts {
  readonly #counts = new Map<string, number>();

  countOf(network: string): number {
    return this.#counts.get(network) ?? 0;
  }

  /** Counts one more client of a network. */
  add(network: string): void {
    this.#counts.set(network, this.countOf(network) + 1);
  }

  /** Counts one client of a network less. */
  remove(network: string): void {
    const count = this.countOf(network);
    if (count > 1) this.#counts.set(network, count - 1);
    else this.#counts.delete(network);
  }

  /** The number of networks that have clients. */
  get size(): number {
    return this.#counts.size;
  }
}

/** What an IPv4 address begins with where it is written as IPv6, as on sockets that take both. */
const MAPPED_PREFIX = '::ffff:';

/**
 * Returns what one client is known by: its IPv4 address, or its /64 network, because a client can use every IPv6
 * address of its network for free.
 */
export function toNetwork(address: string): string {
  if (address.startsWith(MAPPED_PREFIX) && address.includes('.')) return address.slice(MAPPED_PREFIX.length);
  if (!address.includes(':')) return address;
  const [front = '', back = ''] = address.split('::');
  const frontGroups = groupsOf(front);
  const backGroups = groupsOf(back);
  const missing = 8 - frontGroups.length - backGroups.length;
  const groups = [...frontGroups, ...Array.from({ length: missing }, () => '0'), ...backGroups];
  return `${groups.slice(0, 4).join(':')}::/64`;
}

function groupsOf(part: string): string[] {
  return part === '' ? [] : part.split(':');
}
