import { BlockList, SocketAddress } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { FourDError } from '../errors.ts';
import { type ForwardedElement, parseForwarded } from '../handshake/forwarded.ts';
import { invalidOption } from '../session/option-checks.ts';
import { type HandshakeHeaders, joined, single } from '../handshake/server-handshake.ts';

/** Who asks, as far as the server can tell. */
export interface ClientFacts {
  /** IP address, IPv4 in its own form; `''` when it is not known. */
  readonly address: string;
  /** What the client connected to: host, with the port where it is not the default one. */
  readonly host: string;
  /** The client is known to use TLS. */
  readonly isSecure: boolean;
}

/** No IP address is longer. */
const MAX_ADDRESS_CHARACTERS = 45;

/**
 * Reads who the client is when proxies stand between. What headers say counts only as far as the proxies that wrote them
 * are trusted: a client can send any header itself.
 */
export class TrustedProxies {
  readonly #ranges: BlockList | undefined;

  /**
   * @param ranges - addresses, or ranges such as `10.0.0.0/8`; undefined or empty when no proxy is trusted
   * @throws FourDError `ERR_INVALID_OPTION`
   */
  constructor(ranges: unknown) {
    if (ranges === undefined) return;
    if (!Array.isArray(ranges)) throw invalidRange();
    if (ranges.length === 0) return;
    this.#ranges = new BlockList();
    for (const range of ranges) addRange(this.#ranges, range);
  }

  /**
   * Reads who the client of a valid handshake is.
   *
   * @returns undefined when the headers cannot be read, or contradict each other: one of them may be a client's invention
   */
  clientOf(headers: HandshakeHeaders, socket: Duplex): ClientFacts | undefined {
    const { remoteAddress, encrypted } = socket as Partial<TLSSocket>;
    const address = toPlainAddress(remoteAddress);
    const direct = {
      address,
      host: single(headers.host) ?? '',
      isSecure: encrypted === true,
    };
    if (!this.#isTrusted(address)) return direct;
    const forwarded = joined(headers.forwarded);
    const elements = forwarded === undefined ? undefined : parseForwarded(forwarded);
    if (forwarded !== undefined && elements === undefined) return undefined;
    const forwardedFor = joined(headers['x-forwarded-for']);
    const byList = forwardedFor === undefined ? undefined : this.#clientAddress(address, forwardedFor.split(','));
    const byElements = elements && this.#clientAddress(address, elements.map(toFor));
    if (byList !== undefined && byElements !== undefined && byList !== byElements) return undefined;
    // The first proxy knows what the client asked for.
    const first = elements?.[0];
    const host = firstOf(joined(headers['x-forwarded-host'])) ?? first?.get('host');
    const scheme = firstOf(joined(headers['x-forwarded-proto'])) ?? first?.get('proto');
    return {
      address: byList ?? byElements ?? address,
      host: host ?? direct.host,
      isSecure: direct.isSecure || scheme?.toLowerCase() === 'https' || scheme?.toLowerCase() === 'wss',
    };
  }

  /** The last address in `chain` that no trusted proxy has: those before it may be invented. */
  #clientAddress(nearest: string, chain: readonly string[]): string {
    let client = nearest;
    for (let i = chain.length - 1; i >= 0 && this.#isTrusted(client); i--) client = readNode(chain[i] as string);
    return client;
  }

  #isTrusted(address: string): boolean {
    if (this.#ranges === undefined || address === '') return false;
    const known = parseAddress(address);
    return known !== undefined && this.#ranges.check(known);
  }
}

/** An address as it is shown: IPv4 that was mapped to IPv6 as IPv4, `''` for none. */
export function toPlainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}

function addRange(ranges: BlockList, range: unknown): void {
  if (typeof range !== 'string') throw invalidRange();
  const slash = range.indexOf('/');
  const address = parseAddress(slash < 0 ? range : range.slice(0, slash));
  if (address === undefined) throw invalidRange();
  const bits = address.family === 'ipv4' ? 32 : 128;
  const prefix = slash < 0 ? bits : toPrefix(range.slice(slash + 1), bits);
  ranges.addSubnet(address, prefix);
}

function toPrefix(text: string, bits: number): number {
  const prefix = Number(text);
  if (text !== String(prefix) || !Number.isInteger(prefix) || prefix < 0 || prefix > bits) throw invalidRange();
  return prefix;
}

/** A node of a chain (RFC 7239 section 6), which may have a port. `''` for what is no address. */
function readNode(text: string): string {
  const node = text.trim();
  let address = node;
  if (node.startsWith('[')) {
    address = node.slice(1, Math.max(1, node.indexOf(']')));
  } else {
    const colon = node.indexOf(':');
    if (colon >= 0 && colon === node.lastIndexOf(':')) address = node.slice(0, colon);
  }
  return toPlainAddress(parseAddress(address)?.address);
}

function parseAddress(text: string): SocketAddress | undefined {
  if (text === '' || text.length > MAX_ADDRESS_CHARACTERS) return undefined;
  const plain = toPlainAddress(text);
  try {
    return new SocketAddress({ address: plain, family: plain.includes(':') ? 'ipv6' : 'ipv4' });
  } catch {
    return undefined;
  }
}

function toFor(element: ForwardedElement): string {
  return element.get('for') ?? '';
}

/** The first element of a list of values, undefined when there is none. */
function firstOf(list: string | undefined): string | undefined {
  const first = list?.split(',', 1)[0]?.trim();
  return first === '' ? undefined : first;
}

function invalidRange(): FourDError {
  return invalidOption('trustedProxies must be an array of IP addresses, or ranges such as "10.0.0.0/8"', 'HTTP');
}
