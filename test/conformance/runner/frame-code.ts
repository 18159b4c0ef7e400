import { isUtf8 } from 'node:buffer';
import { ByteQueue } from './byte-queue.ts';

/** The side of the connection that the runner takes. */
export type RunnerRole = 'client' | 'server';

export const FIN = 0x80;
export const RSV1 = 0x40;
const MASKED = 0x80;

/** XORs `bytes` in place (RFC 6455 section 5.3). */
export function applyMask(bytes: Buffer, key: Buffer, offset = 0): void {
  const [k0, k1, k2, k3] = [0, 1, 2, 3].map((index) => key[(index + offset) % 4]!) as [number, number, number, number];
  let index = 0;
  for (; index + 4 <= bytes.length; index += 4) {
    bytes[index]! ^= k0;
    bytes[index + 1]! ^= k1;
    bytes[index + 2]! ^= k2;
    bytes[index + 3]! ^= k3;
  }
  for (; index < bytes.length; index++) bytes[index]! ^= key[(index + offset) % 4]!;
}

/**
 * Builds the header of a frame (RFC 6455 section 5.2).
 *
 * @param first - FIN, RSV bits and opcode
 * @param key - the masking key, null for an unmasked frame
 * @param lengthBytes - the size of the length field, when it is not the shortest
 */
export function buildHeader(first: number, payloadBytes: number, key: Buffer | null, lengthBytes?: 2 | 8): Buffer {
  const extended = lengthBytes ?? (payloadBytes < 126 ? 0 : payloadBytes < 65_536 ? 2 : 8);
  const header = Buffer.alloc(2 + extended);
  header[0] = first;
  header[1] = (key === null ? 0 : MASKED) | (extended === 0 ? payloadBytes : extended === 2 ? 126 : 127);
  if (extended === 2) header.writeUInt16BE(payloadBytes, 2);
  if (extended === 8) header.writeBigUInt64BE(BigInt(payloadBytes), 2);
  return key === null ? header : Buffer.concat([header, key]);
}

/** A message or control frame that arrived. */
export interface Incoming {
  readonly opcode: number;
  readonly payload: Buffer;
  readonly isCompressed: boolean;
}

/**
 * Parses the frames of the peer strictly.
 *
 * @remarks The runner shares no code with the library, so that one mistake cannot be in both.
 */
export class FrameReader {
  readonly #role: RunnerRole;
  readonly #mayCompress: boolean;
  readonly #queue = new ByteQueue();
  #parts: Buffer[] = [];
  #begun: { readonly opcode: number; readonly isCompressed: boolean } | undefined;
  #hasClosed = false;

  constructor(role: RunnerRole, mayCompress: boolean) {
    this.#role = role;
    this.#mayCompress = mayCompress;
  }

  push(chunk: Buffer): void {
    this.#queue.push(chunk);
  }

  /**
   * Returns the next message or control frame, or undefined when none is complete.
   *
   * @throws Error when the peer breaks a rule of RFC 6455
   */
  read(): Incoming | undefined {
    for (;;) {
      const frame = this.#readFrame();
      if (frame === undefined) return undefined;
      const incoming = this.#take(frame.first, frame.payload);
      if (incoming !== undefined) return incoming;
    }
  }

  #readFrame(): { first: number; payload: Buffer } | undefined {
    const start = this.#queue.peek(2);
    if (start === undefined) return undefined;
    if (this.#hasClosed) throw new Error('the peer sent something behind its close frame');
    const isMasked = start[1]! >= MASKED;
    if (isMasked !== (this.#role === 'server')) throw new Error('the peer sent a frame with a wrong mask bit');
    const short = start[1]! & 0x7f;
    const extended = short < 126 ? 0 : short === 126 ? 2 : 8;
    const headerBytes = 2 + extended + (isMasked ? 4 : 0);
    const header = this.#queue.peek(headerBytes);
    if (header === undefined) return undefined;
    const length = extended === 0 ? short : extended === 2 ? header.readUInt16BE(2) : Number(header.readBigUInt64BE(2));
    if (length < (extended === 0 ? 0 : extended === 2 ? 126 : 65_536)) {
      throw new Error('the peer sent a length in more bytes than it needs');
    }
    if (this.#queue.length < headerBytes + length) return undefined;
    this.#queue.take(headerBytes);
    const payload = this.#queue.take(length);
    if (isMasked) applyMask(payload, header.subarray(headerBytes - 4));
    return { first: start[0]!, payload };
  }

  #take(first: number, payload: Buffer): Incoming | undefined {
    const opcode = first & 0x0f;
    const isFinal = first >= FIN;
    const isCompressed = (first & RSV1) !== 0;
    if ((first & 0x30) !== 0 || (isCompressed && !(this.#mayCompress && (opcode === 1 || opcode === 2)))) {
      throw new Error(`the peer sent a frame with reserved bits: 0x${first.toString(16)}`);
    }
    if (opcode >= 8) return this.#takeControl(opcode, isFinal, payload);
    if (opcode > 2) throw new Error(`the peer sent opcode ${opcode}`);
    if ((opcode === 0) !== (this.#begun !== undefined)) throw new Error('the peer sent fragments out of order');
    this.#begun ??= { opcode, isCompressed };
    this.#parts.push(payload);
    if (!isFinal) return undefined;
    const incoming = { ...this.#begun, payload: this.#parts.length === 1 ? payload : Buffer.concat(this.#parts) };
    this.#parts = [];
    this.#begun = undefined;
    return incoming;
  }

  #takeControl(opcode: number, isFinal: boolean, payload: Buffer): Incoming {
    if (opcode > 10) throw new Error(`the peer sent opcode ${opcode}`);
    if (!isFinal || payload.length > 125) throw new Error('the peer sent a control frame that is too long or cut');
    if (opcode === 8) {
      if (payload.length === 1 || !isUtf8(payload.subarray(2)))
        throw new Error('the peer sent a malformed close frame');
      this.#hasClosed = true;
    }
    return { opcode, payload, isCompressed: false };
  }
}
