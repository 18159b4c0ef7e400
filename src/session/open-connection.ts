import { Connection, type ConnectionOptions } from '../connection/connection.ts';
import type { Compression } from '../protocol/compression.ts';
import type { Role } from '../protocol/constants.ts';
import type { Transport } from '../transport/transport.ts';
import type { CheckedOptions } from './common-options.ts';
import type { DataType } from './data-type.ts';

/** A transport whose opening handshake is complete, and what was agreed on in it. */
export interface OpenTransport {
  readonly transport: Transport;
  /** Bytes of the peer that came with the handshake. */
  readonly head: Buffer;
  /** The rest of the handshake, to be written first: the 101 of a server, `''` for a client. */
  readonly answer: string;
  /** Undefined for none. */
  readonly compression: Compression | undefined;
}

/**
 * Options of connections by the limits they come from, or by their compression: connections of a server share one object,
 * and so do clients with the same limits, unless they have a compression of their own.
 */
const sharedOptions = new WeakMap<CheckedOptions | Compression, ConnectionOptions>();

/** Makes the connection over a transport whose opening handshake is complete. */
export function openConnection(
  { transport, head, answer, compression }: OpenTransport,
  role: Role,
  dataType: DataType,
  limits: CheckedOptions,
): Connection {
  const connection = new Connection(transport, head, toConnectionOptions(role, dataType, limits, compression));
  if (answer !== '') connection.writeHead(answer);
  return connection;
}

function toConnectionOptions(
  role: Role,
  dataType: DataType,
  limits: CheckedOptions,
  compression: Compression | undefined,
): ConnectionOptions {
  const decodesText = dataType !== 'blob';
  const known = sharedOptions.get(compression ?? limits);
  // Clients that share their limits may want different types of data.
  if (known?.decodesText === decodesText && known.role === role) return known;
  const options = { ...limits, role, decodesText, compression };
  if (compression?.isShared !== false) sharedOptions.set(compression ?? limits, options);
  return options;
}
