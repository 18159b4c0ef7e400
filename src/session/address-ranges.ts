import { BlockList, SocketAddress } from 'node:net';
import { toPlainAddress } from '../handshake/authority.ts';

/** Length of the longest IP address. */
const MAX_ADDRESS_CHARACTERS = 45;

/** How many bits stand in front of an IPv4 address that is mapped to IPv6 (RFC 4291 section 2.5.5.2). */
const MAPPED_PREFIX_BITS = 96;

/**
 * A list of IP addresses and of ranges of them, such as `10.0.0.0/8` and `fd00::/8`.
 *
 * @remarks Addresses are compared by value. An IPv4 address that is mapped to IPv6 (`::ffff:10.0.0.1`) is an IPv4 address,
 * and so is a range of such addresses. A range of other IPv6 addresses holds no IPv4 address.
 */
export class AddressRanges {
  /** BlockList would find IPv4 addresses in a range of IPv6 addresses that begins with zeros, so each kind has its own. */
  readonly #ranges = { ipv4: new BlockList(), ipv6: new BlockList() } as const;

  /**
   * Adds an address or a range.
   *
   * @returns whether the text is one
   */
  add(text: string): boolean {
    const slash = text.indexOf('/');
    const written = slash < 0 ? text : text.slice(0, slash);
    const address = parseAddress(written);
    if (address === undefined) return false;
    const bits = address.family === 'ipv4' ? 32 : 128;
    const hiddenBits = address.family === 'ipv4' && written.includes(':') ? MAPPED_PREFIX_BITS : 0;
    const prefix = slash < 0 ? bits : readPrefix(text.slice(slash + 1)) - hiddenBits;
    if (!(prefix >= 0 && prefix <= bits)) return false;
    this.#ranges[address.family].addSubnet(address, prefix);
    return true;
  }

  /** Tells whether an address lies in one of the ranges. False for a text that is no address. */
  has(text: string): boolean {
    const address = parseAddress(text);
    return address !== undefined && this.#ranges[address.family].check(address);
  }
}

/**
 * Reads an IP address. One that is mapped to IPv6 becomes IPv4, and the zone of a link-local address (`%eth0`) is left
 * out.
 *
 * @returns undefined for everything else
 */
export function parseAddress(text: string): SocketAddress | undefined {
  if (text === '' || text.length > MAX_ADDRESS_CHARACTERS) return undefined;
  try {
    if (!text.includes(':')) return new SocketAddress({ address: text });
    const address = new SocketAddress({ address: text, family: 'ipv6' });
    const plain = toPlainAddress(address.address);
    return plain.includes(':') ? address : new SocketAddress({ address: plain });
  } catch {
    return undefined;
  }
}

/** Reads the number of bits behind the slash. Returns NaN unless it is a whole number without sign and leading zeros. */
function readPrefix(text: string): number {
  const prefix = Number(text);
  return text === String(prefix) && Number.isInteger(prefix) ? prefix : NaN;
}
