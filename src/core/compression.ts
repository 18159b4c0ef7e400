import { CompressionFactory } from '../connection/zlib.ts';
import type { DeflateParameters } from '../handshake/permessage-deflate.ts';
import type { Compression } from '../protocol/compression.ts';
import type { Role } from '../protocol/constants.ts';

/** How one side compresses. */
export interface CompressionSettings {
  /** Messages shorter than this many bytes are sent as they are. Default 1 024. */
  readonly thresholdBytes?: number | undefined;
  /** zlib level, 1 (fast) to 9 (small). Default 3. */
  readonly level?: number | undefined;
}

/** Makes the compression of a connection out of the parameters that its handshake has agreed on. */
export type CompressionMaker = (agreed: DeflateParameters, mayDisobey?: boolean) => Compression;

/**
 * Returns a function that makes the compression of a connection. Connections without context takeover share one.
 *
 * @remarks `mayDisobey` of that function (default false) lets a server read clients that keep their context although the
 * answer forbids it, as some do which did not offer `client_no_context_takeover` themselves.
 */
export function createCompression(
  role: Role,
  { thresholdBytes = 1024, level = 3 }: CompressionSettings = {},
): CompressionMaker {
  const factory = new CompressionFactory(role, { thresholdBytes, level });
  return (agreed, mayDisobey) => factory.create(agreed, mayDisobey);
}
