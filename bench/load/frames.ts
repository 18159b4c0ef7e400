import { createHash } from 'node:crypto';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { type MessageShape, payloadsOf } from '../messages.ts';

// The load has its own implementation of RFC 6455, so that it does not share a mistake with the measured library.

export const TEXT = 0x81;
const BINARY = 0x82;
const FIN_BIT = 0x80;
const RSV1 = 0x40;
const MASK_BIT = 0x80;
/** The bytes that are cut off a compressed message (RFC 7692 section 7.2.1). */
const DEFLATE_TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);
/** Window of compressed answers, small enough for clients that ask for a small one. */
const SERVER_WINDOW_BITS = 10;
const MASKING_KEY = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** The line of a request or answer about compression of each message on its own. */
export const COMPRESSION_OFFER =
  'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover';

/** Builds the frames of all variants of a message: masked for a client, unmasked for a server. */
export function buildFrames(shape: MessageShape, isMasked: boolean): readonly Buffer[] {
  const first = firstByteOf(shape);
  return payloadsOf(shape).map((payload) => {
    if (isMasked && shape.fragmentBytes !== undefined) return fragmentsOf(payload, shape.fragmentBytes, first);
    if (shape.isCompressed !== true) return frameOf(payload, first, isMasked);
    const windowBits = isMasked ? constants.Z_MAX_WINDOWBITS : SERVER_WINDOW_BITS;
    const deflated = deflateRawSync(payload, { windowBits, finishFlush: constants.Z_SYNC_FLUSH });
    return frameOf(deflated.subarray(0, -DEFLATE_TAIL.length), first, isMasked);
  });
}

function fragmentsOf(payload: Buffer, fragmentBytes: number, firstByte: number): Buffer {
  const frames: Buffer[] = [];
  for (let start = 0; start < payload.length; start += fragmentBytes) {
    const end = Math.min(payload.length, start + fragmentBytes);
    const opcode = start === 0 ? firstByte & ~FIN_BIT : 0;
    frames.push(frameOf(payload.subarray(start, end), (end === payload.length ? FIN_BIT : 0) | opcode, true));
  }
  return Buffer.concat(frames);
}

export function frameOf(payload: Buffer, firstByte: number, isMasked: boolean): Buffer {
  const header = Buffer.from([firstByte, ...lengthBytes(payload.length)]);
  if (!isMasked) return Buffer.concat([header, payload]);
  (header[1] as number) |= MASK_BIT;
  return Buffer.concat([header, MASKING_KEY, payload.map((byte, i) => byte ^ (MASKING_KEY[i & 3] as number))]);
}

/** Calls back with the unmasked payload of each whole frame of `bytes`, and returns how many bytes these frames have. */
export function readFrames(
  bytes: Buffer,
  isMasked: boolean,
  onFrame: (payload: Buffer, firstByte: number, end: number) => void,
): number {
  const keyBytes = isMasked ? MASKING_KEY.length : 0;
  let at = 0;
  while (at + 2 <= bytes.length) {
    const short = (bytes[at + 1] as number) - (isMasked ? MASK_BIT : 0);
    if (short < 0 || short > 127) throw new Error('a frame has the wrong mask bit');
    const begin = at + keyBytes + (short < 126 ? 2 : short === 126 ? 4 : 10);
    if (begin > bytes.length) break;
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    const end = begin + length;
    if (end > bytes.length) break;
    const sent = bytes.subarray(begin, end);
    const unmasked = (): Buffer =>
      Buffer.from(sent.map((byte, i) => byte ^ (bytes[begin - keyBytes + (i & 3)] as number)));
    onFrame(isMasked ? unmasked() : sent, bytes[at] as number, end);
    at = end;
  }
  return at;
}

export function inflatesTo(payload: Buffer, expected: Buffer): boolean {
  try {
    const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: expected.length };
    return inflateRawSync(Buffer.concat([payload, DEFLATE_TAIL]), options).equals(expected);
  } catch {
    return false;
  }
}

export function firstByteOf({ kind, isCompressed }: MessageShape): number {
  return (kind === 'binary' ? BINARY : TEXT) | (isCompressed === true ? RSV1 : 0);
}

function lengthBytes(length: number): readonly number[] {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  if (length < 126) return [length];
  return length < 65_536 ? [126, ...bytes.subarray(6)] : [127, ...bytes];
}

/** The request target names the client's first message, for servers that do not read messages. */
export function firstVariantOf(request: string): number {
  return Number(/^GET \/bench\?(\d+) /.exec(request)?.[1] ?? 0);
}

export function upgradeRequest(target: string, lines: readonly string[] = []): string {
  const fixed = ['Host: 127.0.0.1', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Key: ${KEY}`];
  return [`GET ${target} HTTP/1.1`, ...fixed, 'Sec-WebSocket-Version: 13', ...lines, '\r\n'].join('\r\n');
}

export function isUpgradeAnswer(head: string, isCompressed: boolean): boolean {
  const isAccepted = head.startsWith('HTTP/1.1 101 ') && head.includes(acceptOf(KEY));
  return isAccepted && head.includes('permessage-deflate') === isCompressed;
}

/** Builds the answer to a request, which must offer the compression that the server needs. */
export function answerUpgrade(request: string, isCompressed: boolean): string {
  const offer = /^sec-websocket-extensions: *(permessage-deflate[^\r]*)/im.exec(request)?.[1];
  if (isCompressed && offer === undefined) throw new Error('a client does not offer to compress');
  // The answer must contain a window that the client asks for (RFC 7692 section 7.1.2.1).
  const window = /server_max_window_bits="?(\d+)/.exec(offer ?? '')?.[1];
  if (Number(window ?? SERVER_WINDOW_BITS) < SERVER_WINDOW_BITS) throw new Error('a client asks for a small window');
  const agreed = window === undefined ? '' : `; server_max_window_bits=${window}`;
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptOf(/^sec-websocket-key: *(\S+)/im.exec(request)?.[1] ?? '')}`,
    ...(isCompressed ? [COMPRESSION_OFFER + agreed] : []),
    '\r\n',
  ].join('\r\n');
}

function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}
