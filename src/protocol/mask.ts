import { randomFillSync } from 'node:crypto';

/** From this size on, four bytes at a time pay for the two views that it takes. */
const WORD_THRESHOLD_BYTES = 256;
/** Bytes of random data fetched at a time: 2 048 keys. */
const POOL_BYTES = 8192;

const keyBytes = new Uint8Array(4);
const keyWord = new Int32Array(keyBytes.buffer);

const pool = Buffer.alloc(POOL_BYTES);
let poolOffset = POOL_BYTES;

/**
 * A fresh masking key as a 32-bit integer, its first byte the most significant.
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
  if (end - start >= WORD_THRESHOLD_BYTES) return applyMaskByWords(bytes, start, end, key);
  return applyMaskByBytes(bytes, start, end, key) < 0x80;
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
