import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { countVariants, type MessageShape, payloadOf } from '../messages.ts';

// The load has its own implementation of RFC 6455, so that it does not share a mistake with the measured library.

const FIN_TEXT = 0x81;
const FIN_BINARY = 0x82;
const FIN_BIT = 0x80;
const OPCODE_CONTINUATION = 0;
const RSV1 = 0x40;
const MASK_BIT = 0x80;
/** The bytes that are cut off a compressed message (RFC 7692 section 7.2.1). */
const DEFLATE_TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);
/** Window of a bare server's compressed answers: small enough for clients that ask for a small one. */
export const SERVER_WINDOW_BITS = 10;
const CLIENT_WINDOW_BITS = 15;
const MASKING_KEY = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

/** Builds the frame of a message: masked for a client, unmasked for a server. */
export function buildFrame(shape: MessageShape, isMasked: boolean, variant = 0): Buffer {
  const payload = payloadOf(shape, variant);
  if (isMasked && shape.fragmentBytes !== undefined)
    return fragmentsOf(payload, shape.fragmentBytes, firstByteOf(shape));
  const windowBits = isMasked ? CLIENT_WINDOW_BITS : SERVER_WINDOW_BITS;
  return frameOf(shape.isCompressed === true ? deflate(payload, windowBits) : payload, firstByteOf(shape), isMasked);
}

/** Builds the masked frames of a message in fragments. */
function fragmentsOf(payload: Buffer, fragmentBytes: number, firstByte: number): Buffer {
  const frames: Buffer[] = [];
  for (let start = 0; start < payload.length; start += fragmentBytes) {
    const end = Math.min(payload.length, start + fragmentBytes);
    const finBit = end === payload.length ? FIN_BIT : 0;
    const opcode = start === 0 ? firstByte & ~FIN_BIT : OPCODE_CONTINUATION;
    frames.push(frameOf(payload.subarray(start, end), finBit | opcode, true));
  }
  return Buffer.concat(frames);
}

/** Builds the frames of all variants of a message, in their order. */
export function buildFrames(shape: MessageShape, isMasked: boolean): readonly Buffer[] {
  return Array.from({ length: countVariants(shape) }, (_, variant) => buildFrame(shape, isMasked, variant));
}

/** Builds a frame around a payload. */
export function frameOf(payload: Buffer, firstByte: number, isMasked: boolean): Buffer {
  const header = Buffer.from([firstByte, ...lengthBytes(payload.length)]);
  if (!isMasked) return Buffer.concat([header, payload]);
  (header[1] as number) |= MASK_BIT;
  return Buffer.concat([header, MASKING_KEY, payload.map((byte, i) => byte ^ (MASKING_KEY[i & 3] as number))]);
}

/** Returns the first frame of `bytes`; undefined when it is not complete, or longer than 65 535 bytes. */
export function firstFrame(bytes: Buffer): Buffer | undefined {
  const second = bytes[1] ?? 127;
  const shortLength = second & 0x7f;
  if (shortLength === 127 || (shortLength === 126 && bytes.length < 4)) return undefined;
  const keyBytes = second & MASK_BIT ? MASKING_KEY.length : 0;
  const length = keyBytes + (shortLength === 126 ? 4 + bytes.readUInt16BE(2) : 2 + shortLength);
  return bytes.length < length ? undefined : bytes.subarray(0, length);
}

/** Returns an unmasked copy of a frame of {@link firstFrame}; undefined when the frame has no mask. */
export function unmaskFrame(frame: Buffer): Buffer | undefined {
  const second = frame[1] as number;
  if ((second & MASK_BIT) === 0) return undefined;
  const headBytes = (second & 0x7f) === 126 ? 4 : 2;
  const payloadBegin = headBytes + MASKING_KEY.length;
  const bare = Buffer.allocUnsafe(frame.length - MASKING_KEY.length);
  frame.copy(bare, 0, 0, headBytes);
  bare[1] = second & 0x7f;
  for (let i = 0; i < bare.length - headBytes; i++) {
    bare[headBytes + i] = (frame[payloadBegin + i] as number) ^ (frame[headBytes + (i & 3)] as number);
  }
  return bare;
}

/** Tells whether an unmasked frame holds the message, in any compressed form. */
export function holdsCompressed(frame: Buffer, shape: MessageShape, variant: number): boolean {
  const payload = frame.subarray((frame[1] as number) < 126 ? 2 : 4);
  if (frame[0] !== firstByteOf(shape)) return false;
  const expected = payloadOf(shape, variant);
  try {
    const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: expected.length };
    return inflateRawSync(Buffer.concat([payload, DEFLATE_TAIL]), options).equals(expected);
  } catch {
    return false;
  }
}

function firstByteOf({ kind, isCompressed }: MessageShape): number {
  return (kind === 'binary' ? FIN_BINARY : FIN_TEXT) | (isCompressed === true ? RSV1 : 0);
}

function deflate(payload: Buffer, windowBits: number): Buffer {
  return deflateRawSync(payload, { windowBits, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -DEFLATE_TAIL.length);
}

function lengthBytes(length: number): number[] {
  if (length < 126) return [length];
  if (length < 65_536) return [126, length >>> 8, length & 0xff];
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return [127, ...bytes];
}
