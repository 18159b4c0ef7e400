import type { MessageShape } from '../messages.ts';
import { payloadOf } from '../messages.ts';

// The load has its own few lines of RFC 6455: it must not share a mistake with what it measures.

const FIN_TEXT = 0x81;
const FIN_BINARY = 0x82;
const MASKING_KEY = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

/** Builds the frame of a message: masked as a client sends it, or bare as a server does. */
export function buildFrame(shape: MessageShape, isMasked: boolean): Buffer {
  const payload = payloadOf(shape);
  const header = Buffer.from([shape.kind === 'binary' ? FIN_BINARY : FIN_TEXT, ...lengthBytes(payload.length)]);
  if (!isMasked) return Buffer.concat([header, payload]);
  (header[1] as number) |= 0x80;
  return Buffer.concat([header, MASKING_KEY, payload.map((byte, i) => byte ^ (MASKING_KEY[i & 3] as number))]);
}

/** `frame` repeated 0 to `count` times: several messages leave in one write. */
export function repeatFrame(frame: Buffer, count: number): readonly Buffer[] {
  const all = Buffer.concat(Array.from({ length: count }, () => frame));
  return Array.from({ length: count + 1 }, (_, i) => all.subarray(0, i * frame.length));
}

function lengthBytes(length: number): number[] {
  if (length < 126) return [length];
  if (length < 65_536) return [126, length >>> 8, length & 0xff];
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return [127, ...bytes];
}
