import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { toPlainAddress } from '../handshake/authority.ts';
import { single, type UpgradeRequest } from '../handshake/server-handshake.ts';
import { hasProxyHeaders, isLoopbackAddress } from './loopback.ts';

/** The facts that the server knows about a client. */
export interface ClientFacts {
  /** IP address; an IPv4 address mapped to IPv6 is shown as IPv4; `''` when it is not known. */
  readonly address: string;
  /** The host that the client asked for, with the port unless it is the default one. */
  readonly host: string;
  /** True when the client is known to use TLS. */
  readonly isSecure: boolean;
  /** Whether the client runs on this machine, as far as its address and the absence of proxies tell. */
  readonly isLocal: boolean;
}

/** Finds out who the client of an upgrade request is when no proxy stands between. */
export function directClientOf(request: UpgradeRequest, socket: Duplex): ClientFacts {
  const { remoteAddress, encrypted } = socket as Partial<TLSSocket>;
  const address = toPlainAddress(remoteAddress);
  return {
    address,
    host: single(request.headers.host) ?? '',
    isSecure: encrypted === true,
    isLocal: isLoopbackAddress(address) && !hasProxyHeaders(request),
  };
}
