import type { Role } from '../../src/protocol/constants.ts';

/**
 * Builds and reads frames byte by byte by the letter of RFC 6455 section 5.2, so that the library is not tested against
 * itself.
 */

export const ROLES: readonly Role[] = ['client', 'server'];

/** The masking key of the examples in RFC 6455 section 5.7. */
export const EXAMPLE_KEY = '37fa213d';

/** Converts hex to bytes. Spaces are ignored. */
export function hex(text: string): Buffer {
  const digits = text.replaceAll(' ', '');
  const result = Buffer.from(digits, 'hex');
  if (result.length * 2 !== digits.length) throw new Error(`not hex: ${text}`);
  return result;
}

export function otherRole(role: Role): Role {
  return role === 'client' ? 'server' : 'client';
}

/** Masks a copy, by the formula of RFC 6455 section 5.3. */
export function maskByFormula(payload: Uint8Array, key: string): Buffer {
  const keyBytes = hex(key);
  const masked = Buffer.alloc(payload.length);
  for (let i = 0; i < payload.length; i++) masked[i] = payload[i]! ^ keyBytes[i % 4]!;
  return masked;
}

export interface FrameOptions {
  /** Masking key; null for a frame without mask. By default as the sender's role demands. */
  readonly key?: string | null;
  /** Announced length, when it differs from the length of the payload. */
  readonly length?: bigint;
  /** Size of the extended length field, when it is not the shortest. */
  readonly lengthBytes?: 0 | 2 | 8;
}

/**
 * Builds one frame as `sender` writes it.
 *
 * @param first - first byte as hex: FIN, RSV bits and opcode
 * @param payload - as hex or as bytes, not masked
 */
export function frame(
  sender: Role,
  first: string,
  payload: string | Uint8Array = '',
  options: FrameOptions = {},
): Buffer {
  const content = typeof payload === 'string' ? hex(payload) : payload;
  const key = options.key === undefined ? (sender === 'client' ? EXAMPLE_KEY : null) : options.key;
  const length = options.length ?? BigInt(content.length);
  const lengthBytes = options.lengthBytes ?? (length < 126n ? 0 : length < 65_536n ? 2 : 8);
  const second = lengthBytes === 0 ? Number(length) : lengthBytes === 2 ? 126 : 127;
  return Buffer.concat([
    hex(first),
    Buffer.from([second | (key === null ? 0 : 0x80)]),
    lengthBytes === 0 ? Buffer.alloc(0) : hex(length.toString(16).padStart(lengthBytes * 2, '0')),
    key === null ? content : Buffer.concat([hex(key), maskByFormula(content, key)]),
  ]);
}

/** A frame that was read, unmasked. */
export interface SeenFrame {
  /** FIN, RSV bits and opcode. */
  readonly first: number;
  readonly payload: Buffer;
}

/** Reads whole frames of `sender`. Throws when a frame is malformed, cut, or not masked as the role demands. */
export function readFrames(stream: Buffer, sender: Role): SeenFrame[] {
  const frames: SeenFrame[] = [];
  let offset = 0;
  while (offset < stream.length) {
    const first = stream[offset]!;
    const second = stream[offset + 1]!;
    const isMasked = second >= 0x80;
    if (isMasked !== (sender === 'client')) throw new Error(`the ${sender} sent a frame with the wrong mask bit`);
    let length = second & 0x7f;
    offset += 2;
    if (length === 126) {
      length = stream.readUInt16BE(offset);
      offset += 2;
      if (length < 126) throw new Error('length not minimal');
    } else if (length === 127) {
      length = Number(stream.readBigUInt64BE(offset));
      offset += 8;
      if (length < 65_536) throw new Error('length not minimal');
    }
    let key = '00000000';
    if (isMasked) {
      key = stream.toString('hex', offset, offset + 4);
      offset += 4;
    }
    if (offset + length > stream.length) throw new Error('the last frame is cut');
    frames.push({ first, payload: maskByFormula(stream.subarray(offset, offset + length), key) });
    offset += length;
  }
  return frames;
}

/** Returns the length of the frame that `bytes` begin with, undefined while the header is incomplete. */
export function lengthOfFrame(bytes: Buffer): number | undefined {
  if (bytes.length < 2) return undefined;
  const maskBytes = bytes[1]! >= 0x80 ? 4 : 0;
  const length = bytes[1]! & 0x7f;
  if (length < 126) return 2 + maskBytes + length;
  if (length === 126) return bytes.length < 4 ? undefined : 4 + maskBytes + bytes.readUInt16BE(2);
  return bytes.length < 10 ? undefined : 10 + maskBytes + Number(bytes.readBigUInt64BE(2));
}

/** Describes frames by first byte and payload as hex, such as `81 48656c6c6f`. */
export function describeFrames(stream: Buffer, sender: Role): string[] {
  return readFrames(stream, sender).map(({ first, payload }) =>
    `${first.toString(16).padStart(2, '0')} ${payload.toString('hex')}`.trim(),
  );
}
