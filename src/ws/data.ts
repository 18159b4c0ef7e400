/** What `send`, `ping` and `pong` take: a string is sent as text, everything else as bytes. */
export type BufferLike =
  | string
  | Buffer
  | DataView
  | number
  | NodeJS.ArrayBufferView
  | Uint8Array
  | ArrayBuffer
  | SharedArrayBuffer
  | Blob
  | readonly unknown[]
  | { valueOf(): ArrayBuffer }
  | { valueOf(): SharedArrayBuffer }
  | { valueOf(): Uint8Array }
  | { valueOf(): readonly number[] }
  | { valueOf(): string }
  | { [Symbol.toPrimitive](hint: string): string };

/** The bytes of a message as its listeners get them: which of these, `binaryType` decides. Texts are always a Buffer. */
export type RawData = Buffer | ArrayBuffer | Buffer[];

/** The forms of binary messages. `'nodebuffer'` is the default. */
export type BinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments' | 'blob';

export const BINARY_TYPES: readonly unknown[] = ['nodebuffer', 'arraybuffer', 'fragments', 'blob'];

export const NO_BYTES: Buffer = Buffer.alloc(0);

/**
 * Returns the bytes of what the user sends, without a copy where it has bytes.
 *
 * @throws TypeError when it has none
 */
export function toBuffer(data: unknown): Buffer {
  if (Buffer.isBuffer(data)) return data;
  if (data === undefined || data === null) return NO_BYTES;
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return Buffer.from(data);
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.from(data as string);
}

/** Returns a number as text, and everything else as it is. */
export function numberToText(data: unknown): unknown {
  return typeof data === 'number' ? String(data) : data;
}

/** Returns a binary message in the form that the user wants. */
export function toBinaryType(bytes: Buffer, binaryType: BinaryType): RawData | Blob {
  if (binaryType === 'nodebuffer') return bytes;
  if (binaryType === 'fragments') return [bytes];
  if (binaryType === 'blob') return new Blob([bytes]);
  const { buffer, byteOffset, byteLength } = bytes;
  // The memory may be a part of a larger piece, which other messages use too.
  if (byteLength === buffer.byteLength) return buffer as ArrayBuffer;
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}
