import { isUtf8 } from 'node:buffer';
import { markAsUntransferable } from 'node:worker_threads';

/** What is wrong with a text that {@link readMessage} refuses. */
export const INVALID_UTF8 = 'invalid text message: not valid UTF-8';

/** Binary messages of this size are cut out of arena of our own. */
const MIN_SLICE_BYTES = 512;
const MAX_SLICE_BYTES = 4096;
/** One message that its receiver keeps holds this much at most: 64 times its size. */
const ARENA_BYTES = 32_768;

/**
 * Reads a message that lies whole in `bytes[start..end)`, which the result does not refer to.
 *
 * @param isAscii - true when all bytes are known to be ASCII, false when they may be or not
 * @param decodesText - whether text becomes a string (true) or stays bytes (false)
 * @returns undefined for a text that is not UTF-8
 */
export function readMessage(
  bytes: Buffer,
  start: number,
  end: number,
  isText: boolean,
  isAscii: boolean,
  decodesText: boolean,
): string | Buffer | undefined {
  if (!isText) return copyOf(bytes, start, end);
  if (!isAscii && !isUtf8(bytes.subarray(start, end))) return undefined;
  if (!decodesText) return copyOf(bytes, start, end);
  return bytes.toString(isAscii ? 'latin1' : 'utf8', start, end);
}

/** Bytes of the caller's own: a slice would hold the whole read buffer. */
function copyOf(bytes: Buffer, start: number, end: number): Buffer {
  const copy = allocate(end - start);
  bytes.copy(copy, 0, start, end);
  return copy;
}

let slab = Buffer.alloc(0);
let slabOffset = 0;

/**
 * Memory for a message, not yet written to.
 *
 * @remarks Node 20 and 22 cut what is below 4 KiB out of arena of 8 KiB, which are eight messages of 1 KiB: to allocate
 * and fill the memory of one took a third longer.
 */
function allocate(byteCount: number): Buffer {
  if (byteCount < MIN_SLICE_BYTES || byteCount > MAX_SLICE_BYTES) return Buffer.allocUnsafe(byteCount);
  if (slab.length - slabOffset < byteCount) {
    slab = Buffer.allocUnsafeSlow(ARENA_BYTES);
    slabOffset = 0;
    // As Node does with its own: whoever moves a message to another thread would take those of other connections along.
    markAsUntransferable(slab.buffer);
  }
  const start = slabOffset;
  // Whoever looks at the bytes as larger numbers needs them aligned.
  slabOffset = (start + byteCount + 7) & ~7;
  return slab.subarray(start, start + byteCount);
}
