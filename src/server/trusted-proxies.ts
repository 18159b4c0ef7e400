import type { Duplex } from 'node:stream';
import type { FourDError } from '../errors.ts';
import { type ForwardedElement, parseForwarded } from '../handshake/forwarded.ts';
import { AddressRanges, parseAddress } from '../session/address-ranges.ts';
import { invalidOption, readList } from '../session/option-checks.ts';
import { joined, type UpgradeRequest } from '../handshake/server-handshake.ts';
import { type ClientFacts, directClientOf } from './direct-client.ts';

/**
 * Finds out who the client is when proxies stand between. Only headers of trusted proxies count, because a client can
 * send any header itself.
 */
export class TrustedProxies {
  readonly #ranges: AddressRanges | undefined;

  /**
   * @param ranges - addresses, or ranges such as `10.0.0.0/8`; undefined or empty when no proxy is trusted
   * @throws FourDError `ERR_INVALID_OPTION`
   */
  constructor(ranges: unknown) {
    if (ranges === undefined) return;
    const list = readList('trustedProxies', ranges, 'HTTP');
    if (list === undefined) throw invalidRange();
    if (list.length === 0) return;
    this.#ranges = new AddressRanges();
    for (const range of list) {
      if (typeof range !== 'string' || !this.#ranges.add(range)) throw invalidRange();
    }
  }

  /**
   * Finds out who the client of an upgrade request is.
   *
   * @returns undefined when the headers are malformed or contradict each other: the client may have forged one of them
   */
  clientOf(request: UpgradeRequest, socket: Duplex): ClientFacts | undefined {
    const { headers } = request;
    const direct = directClientOf(request, socket);
    const { address } = direct;
    if (!this.#isTrusted(address)) return direct;
    const forwarded = joined(headers.forwarded);
    const elements = forwarded === undefined ? undefined : parseForwarded(forwarded);
    if (forwarded !== undefined && elements === undefined) return undefined;
    const forwardedFor = joined(headers['x-forwarded-for']);
    const byList = forwardedFor === undefined ? undefined : this.#clientAddress(address, forwardedFor.split(','));
    const byElements = elements && this.#clientAddress(address, elements.map(toFor));
    if (byList !== undefined && byElements !== undefined && byList !== byElements) return undefined;
    // The first element is that of the proxy that the client connected to: only that proxy saw the original host.
    const first = elements?.[0];
    const host = firstOf(joined(headers['x-forwarded-host'])) ?? first?.get('host');
    const scheme = firstOf(joined(headers['x-forwarded-proto'])) ?? first?.get('proto');
    return {
      address: byList ?? byElements ?? address,
      host: host ?? direct.host,
      isSecure: direct.isSecure || scheme?.toLowerCase() === 'https' || scheme?.toLowerCase() === 'wss',
      isLocal: direct.isLocal,
    };
  }

  /** Returns the last address in `chain` that belongs to no trusted proxy: the addresses before it may be forged. */
  #clientAddress(nearest: string, chain: readonly string[]): string {
    let client = nearest;
    for (let i = chain.length - 1; i >= 0 && this.#isTrusted(client); i--) client = parseNode(chain[i] as string);
    return client;
  }

  #isTrusted(address: string): boolean {
    return this.#ranges?.has(address) === true;
  }
}

/** Parses a node identifier (RFC 7239 section 6), which may have a port. Returns `''` when it is no address. */
function parseNode(text: string): string {
  const node = text.trim();
  let address = node;
  if (node.startsWith('[')) {
    address = node.slice(1, Math.max(1, node.indexOf(']')));
  } else {
    const colon = node.indexOf(':');
    if (colon >= 0 && colon === node.lastIndexOf(':')) address = node.slice(0, colon);
  }
  return parseAddress(address)?.address ?? '';
}

function toFor(element: ForwardedElement): string {
  return element.get('for') ?? '';
}

/** Returns the first value of a comma-separated list, undefined when there is none. */
function firstOf(list: string | undefined): string | undefined {
  const first = list?.split(',', 1)[0]?.trim();
  return first === '' ? undefined : first;
}

function invalidRange(): FourDError {
  return invalidOption('trustedProxies must be an array of IP addresses, or ranges such as "10.0.0.0/8"', 'HTTP');
}
