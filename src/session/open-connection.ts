import { Connection, type ConnectionOptions } from '../connection/connection.ts';
import { logFrames } from '../connection/frame-log.ts';
import { LOGS_FRAMES } from '../diagnostics/debug-log.ts';
import type { Compression } from '../protocol/compression.ts';
import type { Role } from '../protocol/constants.ts';
import type { Transport } from '../transport/transport.ts';
import type { CheckedOptions } from './common-options.ts';
import type { DataType } from './message-types.ts';

/** A transport whose opening handshake is complete, and what was agreed on in it. */
export interface OpenTransport {
  readonly transport: Transport;
  /** Bytes of the peer that arrived behind the handshake. */
  readonly head: Buffer;
  /** The rest of the handshake, to be written first: the 101 of a server, `''` for a client. */
  readonly answer: string;
  /** Undefined when messages are not compressed. */
  readonly compression: Compression | undefined;
}

/**
 * Connection options, by the limits or the compression that they are made from. The connections of a server share one
 * object, and so do clients with the same limits, unless they have a compression of their own.
 */
const sharedOptions = new WeakMap<CheckedOptions | Compression, ConnectionOptions>();

/**
 * Creates the connection over a transport whose opening handshake is complete.
 *
 * @param session - the session that the connection is for
 * @param keepsUnsent - see {@link ConnectionOptions.keepsUnsent}
 */
export function openConnection(
  { transport, head, answer, compression }: OpenTransport,
  role: Role,
  { id, dataType }: { readonly id: number; readonly dataType: DataType },
  limits: CheckedOptions,
  keepsUnsent = false,
): Connection {
  const options = toConnectionOptions(role, dataType, limits, compression, keepsUnsent);
  const seen = LOGS_FRAMES ? logFrames(transport, head, answer.length, { side: role, id }) : transport;
  const connection = new Connection(seen, head, options);
  if (answer !== '') connection.writeHead(answer);
  return connection;
}

function toConnectionOptions(
  role: Role,
  dataType: DataType,
  limits: CheckedOptions,
  compression: Compression | undefined,
  keepsUnsent: boolean,
): ConnectionOptions {
  const decodesText = dataType !== 'blob';
  const known = sharedOptions.get(compression ?? limits);
  // Clients with the same limits may have different data types, and reconnect or not.
  if (known?.decodesText === decodesText && known.role === role && known.keepsUnsent === keepsUnsent) return known;
  const lendsBytes = limits.borrowed === true;
  const options = { ...limits, role, decodesText, lendsBytes, compression, keepsUnsent };
  if (compression?.isShared !== false) sharedOptions.set(compression ?? limits, options);
  return options;
}
