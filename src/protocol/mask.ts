import { randomFillSync } from 'node:crypto';
import { createWasmMask, type WasmMask, type WebAssemblyApi } from './mask-wasm.ts';

/**
 * From this size on, a copy into the memory of vector instructions pays, or, without vector instructions, the creation
 * of two views for whole words.
 */
const LONG_BYTES = 256;
/** Smaller chunks are unmasked in their own memory. */
const MIN_WINDOW_BYTES = 128;
/** Half of the memory that vector instructions reach. The first half holds the chunk that is being parsed. */
const WINDOW_BYTES = 65_536;
/** The amount of random bytes fetched at a time: 2 048 keys. */
const POOL_BYTES = 8192;

const keyBytes = new Uint8Array(4);
const keyWord = new Int32Array(keyBytes.buffer);

const pool = Buffer.alloc(POOL_BYTES);
let poolOffset = POOL_BYTES;

const wasm = (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly;
let wasmMask: WasmMask | undefined;
let isWasmMaskCreated = false;
let isWindowOpen = false;

/**
 * Copies a chunk into the memory that vector instructions reach, where it is unmasked while it is parsed. The caller
 * must call {@link closeMaskingWindow} afterwards.
 *
 * @returns that memory, which begins with the chunk and is longer; undefined when unmasking in place is faster, or
 *   another chunk is being parsed
 */
export function openMaskingWindow(chunk: Uint8Array): Buffer | undefined {
  if (isWindowOpen || chunk.length < MIN_WINDOW_BYTES || chunk.length > WINDOW_BYTES) return undefined;
  const masker = loadWasmMask();
  if (masker === undefined) return undefined;
  isWindowOpen = true;
  masker.memory.set(chunk);
  return masker.memory;
}

/** Releases the memory that {@link openMaskingWindow} returned. */
export function closeMaskingWindow(): void {
  isWindowOpen = false;
}

/**
 * Returns a new masking key as a 32-bit integer whose most significant byte is the first byte of the key.
 *
 * @remarks The keys are unpredictable, as RFC 6455 section 5.3 demands: they come from the random source of the system,
 * which is asked once for many keys.
 */
export function nextMaskingKey(): number {
  if (poolOffset === POOL_BYTES) {
    randomFillSync(pool);
    poolOffset = 0;
  }
  const key = pool.readInt32BE(poolOffset);
  // The key is erased from the pool, so that a leak of the pool reveals nothing about frames already sent.
  pool.writeInt32BE(0, poolOffset);
  poolOffset += 4;
  return key;
}

/**
 * Masks or unmasks `bytes[start..end)` in place (RFC 6455 section 5.3).
 *
 * @param key - the masking key, first byte most significant, rotated by {@link rotateKey} when `start` is inside a
 *   payload
 * @returns true when all resulting bytes are ASCII, which costs nothing here and saves a pass over text
 */
export function applyMask(bytes: Uint8Array, start: number, end: number, key: number): boolean {
  if (bytes === wasmMask?.memory) return wasmMask.mask(start, end, swapBytes(key)) === 0;
  if (end - start < LONG_BYTES) return applyMaskByBytes(bytes, start, end, key) < 0x80;
  const masker = loadWasmMask();
  return masker === undefined
    ? applyMaskByWords(bytes, start, end, key)
    : applyMaskByCopy(masker, bytes, start, end, key);
}

/**
 * Copies `source[start..end)` to `target`, masked.
 *
 * @param offset - the start of the copy in `target`
 * @param key - the masking key, as for {@link applyMask}
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
  const masker = length < LONG_BYTES || length > WINDOW_BYTES ? undefined : loadWasmMask();
  if (masker === undefined) {
    target.set(bytes, offset);
    applyMask(target, offset, offset + length, key);
  } else {
    maskThroughWindow(masker, bytes, target, offset, key);
  }
}

/** Returns the key for the rest of a payload after `byteCount` of its bytes. */
export function rotateKey(key: number, byteCount: number): number {
  const bits = (byteCount & 3) << 3;
  return bits === 0 ? key : (key << bits) | (key >>> (32 - bits));
}

/**
 * Creates the masking by vector instructions when it is needed first, because that takes a millisecond: a twentieth of
 * the time to load the library.
 */
function loadWasmMask(): WasmMask | undefined {
  if (!isWasmMaskCreated) {
    isWasmMaskCreated = true;
    wasmMask = createWasmMask(wasm);
  }
  return wasmMask;
}

/** Masks byte by byte. Returns the bitwise OR of all resulting bytes. */
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
 * Copies at most {@link WINDOW_BYTES} to `target` through the second half of the memory of `wasmMask`, where the bytes
 * are masked.
 *
 * @returns true when all resulting bytes are ASCII
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
  // Both views use the byte order of the machine, so the word is right on little-endian and big-endian machines.
  const word = keyWord[0] as number;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + bodyStart, (end - bodyStart) >> 2);
  let seenWords = 0;
  for (let i = 0; i < words.length; i++) seenWords |= (words[i] as number) ^= word;
  seen |= applyMaskByBytes(bytes, bodyStart + words.length * 4, end, bodyKey);
  return seen < 0x80 && (seenWords & 0x80808080) === 0;
}
