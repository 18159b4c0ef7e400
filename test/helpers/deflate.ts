import { constants, deflateRawSync, type ZlibOptions } from 'node:zlib';
import type { Deflater, Inflater } from '../../src/protocol/compression.ts';
import type { DeflateParameters } from '../../src/handshake/permessage-deflate.ts';

/** The parameters that are agreed on when neither side asks for any. */
export const NO_LIMITS: DeflateParameters = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};

/** Compresses the payload of a message by the letter of RFC 7692 section 7.2.1. */
export function deflateMessage(payload: string | Uint8Array, options: ZlibOptions = {}): Buffer {
  return deflateRawSync(payload, { ...options, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

/** Compresses a payload into a stream that ends with a BFINAL block (RFC 7692 section 7.2.3.4), without padding. */
export function deflateFinally(payload: string | Uint8Array): Buffer {
  return deflateRawSync(payload);
}

/** Resolves to the result of a deflater, or to its error. */
export function deflated(deflater: Deflater, payload: Buffer): Promise<Buffer | Error> {
  return new Promise((resolve) => {
    deflater.deflate(payload, (error, result) => resolve(error ?? result));
  });
}

/** Resolves to the result of an inflater, or to its error. */
export function inflated(inflater: Inflater, compressed: Buffer, maxBytes = 1_048_576): Promise<Buffer | Error> {
  return new Promise((resolve) => {
    inflater.inflate(compressed, maxBytes, (error, result) => resolve(error ?? result));
  });
}
