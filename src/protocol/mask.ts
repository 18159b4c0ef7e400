import { randomFillSync } from 'node:crypto';
import { createWasmMask, type WasmMask, type WebAssemblyApi } from './mask-wasm.ts';

/** From this size on, copying to where vector instructions reach pays, or where there are none, two views for whole words. */
const LONG_BYTES = 256;
/** Smaller chunks are unmasked where they are. */
const MIN_WINDOW_BYTES = 128;
/** Half of the memory that vector instructions reach: a chunk that is being parsed lies in the first half. */
const WINDOW_BYTES = 65_536;
/** Bytes of random data fetched at a time: 2 048 keys. */
const POOL_BYTES = 8192;

const keyBytes = new Uint8Array(4);
const keyWord = new Int32Array(keyBytes.buffer);

const pool = Buffer.alloc(POOL_BYTES);
let poolOffset = POOL_BYTES;

const simd = createWasmMask((globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly);
let isWindowOpen = false;

/**
 * Copies a chunk to where it is unmasked fastest, for as long as it is being parsed.
 *
 * @returns memory that begins with the chunk and is longer, to be given back by {@link closeMaskingWindow}; undefined when
 *   the chunk is best unmasked where it is
 */
export function openMaskingWindow(chunk: Uint8Array): Buffer | undefined {
  if (simd === undefined || isWindowOpen) return undefined;
  if (chunk.length < MIN_WINDOW_BYTES || chunk.length > WINDOW_BYTES) return undefined;
  isWindowOpen = true;
  simd.memory.set(chunk);
  return simd.memory;
}

/** Gives back what {@link openMaskingWindow} gave. */
export function closeMaskingWindow(): void {
  isWindowOpen = false;
}

/**
 * A fresh masking key as a 32-bit integer, its first byte the most significant: 32 random bits that were never used.
 *
 * @remarks Unpredictable, as RFC 6455 section 5.3 demands: from the system's random source, which is asked once for
 * many keys.
 */
export function nextMaskingKey(): number {
  if (poolOffset === POOL_BYTES) {
    randomFillSync(pool);
    poolOffset = 0;
  }
  const key = pool.readInt32BE(poolOffset);
  // A key is used once: what is left behind in the pool tells nothing about frames already sent.
  pool.writeInt32BE(0, poolOffset);
  poolOffset += 4;
  return key;
}

/**
 * Masks or unmasks `bytes[start..end)` in place (RFC 6455 section 5.3).
 *
 * @param key - the masking key, first byte most significant, already rotated when `start` is inside a payload
 * @returns whether all resulting bytes are ASCII, which comes for free and spares the text path a pass
 */
export function applyMask(bytes: Uint8Array, start: number, end: number, key: number): boolean {
  if (bytes === simd?.memory) return simd.mask(start, end, swapBytes(key)) === 0;
  if (end - start < LONG_BYTES) return applyMaskByBytes(bytes, start, end, key) < 0x80;
  return simd === undefined ? applyMaskByWords(bytes, start, end, key) : applyMaskByCopy(simd, bytes, start, end, key);
}

/**
 * Copies `source[start..end)` to `target`, masked.
 *
 * @param offset - where it goes in `target`
 * @param key - as {@link applyMask} takes it
 */
export function copyMasked(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  offset: number,
  key: number,
): void {
  const length = end - start;
  const bytes = length === source.length ? source : source.subarray(start, end);
  if (simd === undefined || length < LONG_BYTES || length > WINDOW_BYTES) {
    target.set(bytes, offset);
    applyMask(target, offset, offset + length, key);
  } else {
    maskThroughWindow(simd, bytes, target, offset, key);
  }
}

/** The key to go on with after `count` payload bytes. */
export function rotateKey(key: number, count: number): number {
  const bits = (count & 3) << 3;
  return bits === 0 ? key : (key << bits) | (key >>> (32 - bits));
}

/** Returns all resulting bytes or-ed together. */
function applyMaskByBytes(bytes: Uint8Array, start: number, end: number, key: number): number {
  const key0 = key >>> 24;
  const key1 = (key >>> 16) & 0xff;
  const key2 = (key >>> 8) & 0xff;
  const key3 = key & 0xff;
  let seen = 0;
  let i = start;
  for (const last = end - 3; i < last; i += 4) {
    seen |=
      ((bytes[i] as number) ^ key0) |
      ((bytes[i + 1] as number) ^ key1) |
      ((bytes[i + 2] as number) ^ key2) |
      ((bytes[i + 3] as number) ^ key3);
    (bytes[i] as number) ^= key0;
    (bytes[i + 1] as number) ^= key1;
    (bytes[i + 2] as number) ^= key2;
    (bytes[i + 3] as number) ^= key3;
  }
  if (i < end) seen |= (bytes[i] as number) ^= key0;
  if (i + 1 < end) seen |= (bytes[i + 1] as number) ^= key1;
  if (i + 2 < end) seen |= (bytes[i + 2] as number) ^= key2;
  return seen;
}

function applyMaskByCopy(masker: WasmMask, bytes: Uint8Array, start: number, end: number, key: number): boolean {
  let isAscii = true;
  for (let offset = start; offset < end; offset += WINDOW_BYTES) {
    const piece = bytes.subarray(offset, Math.min(offset + WINDOW_BYTES, end));
    if (!maskThroughWindow(masker, piece, bytes, offset, key)) isAscii = false;
  }
  return isAscii;
}

/**
 * Copies at most {@link WINDOW_BYTES} to `target`, masked on the way in the second half of the window's memory.
 *
 * @returns whether all resulting bytes are ASCII
 */
function maskThroughWindow(
  { memory, mask }: WasmMask,
  bytes: Uint8Array,
  target: Uint8Array,
  offset: number,
  key: number,
): boolean {
  const end = WINDOW_BYTES + bytes.length;
  memory.set(bytes, WINDOW_BYTES);
  const isAscii = mask(WINDOW_BYTES, end, swapBytes(key)) === 0;
  target.set(memory.subarray(WINDOW_BYTES, end), offset);
  return isAscii;
}

function swapBytes(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

function applyMaskByWords(bytes: Uint8Array, start: number, end: number, key: number): boolean {
  const unaligned = -(bytes.byteOffset + start) & 3;
  const bodyStart = start + unaligned;
  let seen = applyMaskByBytes(bytes, start, bodyStart, key);
  const bodyKey = rotateKey(key, unaligned);
  keyBytes[0] = bodyKey >>> 24;
  keyBytes[1] = bodyKey >>> 16;
  keyBytes[2] = bodyKey >>> 8;
  keyBytes[3] = bodyKey;
  // Both views are in the machine's own byte order, so this holds on either kind of machine.
  const word = keyWord[0] as number;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + bodyStart, (end - bodyStart) >> 2);
  let seenWords = 0;
  for (let i = 0; i < words.length; i++) seenWords |= (words[i] as number) ^= word;
  seen |= applyMaskByBytes(bytes, bodyStart + words.length * 4, end, bodyKey);
  return seen < 0x80 && (seenWords & 0x80808080) === 0;
}
