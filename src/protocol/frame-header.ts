import { MASK_BIT } from './constants.ts';

/** Returns the size of a frame header in bytes (RFC 6455 section 5.2). */
export function frameHeaderBytes(payloadBytes: number, isMasked: boolean): number {
  const unmaskedBytes = payloadBytes < 126 ? 2 : payloadBytes < 65_536 ? 4 : 10;
  return isMasked ? unmaskedBytes + 4 : unmaskedBytes;
}

/** Returns the size of the header of a finished frame that is not masked. */
export function headerBytesOf(frame: Buffer): number {
  const length = frame[1] as number;
  if (length < 126) return 2;
  return length === 126 ? 4 : 10;
}

/**
 * Writes a frame header at `offset`.
 *
 * @param firstByte - FIN, RSV bits and opcode
 * @param key - the masking key, undefined for an unmasked frame
 * @returns the offset after the header, where the payload begins
 */
export function writeFrameHeader(
  buffer: Buffer,
  offset: number,
  firstByte: number,
  payloadBytes: number,
  key: number | undefined,
): number {
  const maskBit = key === undefined ? 0 : MASK_BIT;
  let next = offset;
  buffer[next++] = firstByte;
  if (payloadBytes < 126) {
    buffer[next++] = maskBit | payloadBytes;
  } else if (payloadBytes < 65_536) {
    buffer[next++] = maskBit | 126;
    buffer[next++] = payloadBytes >>> 8;
    buffer[next++] = payloadBytes & 0xff;
  } else {
    buffer[next++] = maskBit | 127;
    next = buffer.writeUInt32BE(Math.floor(payloadBytes / 0x1_0000_0000), next);
    next = buffer.writeUInt32BE(payloadBytes >>> 0, next);
  }
  return key === undefined ? next : buffer.writeInt32BE(key, next);
}
