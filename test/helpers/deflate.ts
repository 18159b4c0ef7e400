import { constants, deflateRawSync, type ZlibOptions } from 'node:zlib';
import type { Deflater, Inflater } from '../../src/protocol/compression.ts';
import type { DeflateParameters } from '../../src/handshake/permessage-deflate.ts';

/** What is agreed on when neither side has any wish. */
export const NO_LIMITS: DeflateParameters = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};

/** A payload of a message, compressed by the letter of RFC 7692 section 7.2.1. */
export function deflateMessage(payload: string | Uint8Array, options: ZlibOptions = {}): Buffer {
  return deflateRawSync(payload, { ...options, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

/** A payload in a stream that ends with a block with BFINAL (RFC 7692 section 7.2.3.4), without the padding behind it. */
export function deflateFinally(payload: string | Uint8Array): Buffer {
  return deflateRawSync(payload);
}

/** The result of a deflater, or its error. */
export function deflated(deflater: Deflater, payload: Buffer): Promise<Buffer | Error> {
  return new Promise((resolve) => {
    deflater.deflate(payload, (error, result) => resolve(error ?? result));
  });
}

/** The result of an inflater, or its error. */
export function inflated(inflater: Inflater, compressed: Buffer, maxBytes = 1_048_576): Promise<Buffer | Error> {
  return new Promise((resolve) => {
    inflater.inflate(compressed, maxBytes, (error, result) => resolve(error ?? result));
  });
}
