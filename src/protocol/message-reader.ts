import { isAscii as isAsciiOnly, isUtf8 } from 'node:buffer';
import { markAsUntransferable } from 'node:worker_threads';
import { decodeText } from './utf8.ts';

/** The error message for a text that {@link readMessage} refuses. */
export const INVALID_UTF8 = 'invalid text message: not valid UTF-8';

/** Binary messages from this size to {@link MAX_SLICE_BYTES} are allocated in an arena. */
const MIN_SLICE_BYTES = 512;
const MAX_SLICE_BYTES = 4096;
/** A message that its receiver keeps retains one arena: at most 64 times the size of the message. */
const ARENA_BYTES = 32_768;

/**
 * Reads a message that lies whole in `bytes[start..end)`. The result does not share memory with `bytes`.
 *
 * @param isAscii - true when all bytes are known to be ASCII, false when that is not known
 * @param decodesText - true when text becomes a string, false when text stays bytes
 * @param memory - where bytes are copied to, undefined for memory that belongs to the receiver
 * @returns undefined when a text is not valid UTF-8
 */
export function readMessage(
  bytes: Buffer,
  start: number,
  end: number,
  isText: boolean,
  isAscii: boolean,
  decodesText: boolean,
  memory?: Buffer,
): string | Buffer | undefined {
  if (!isText) return copyBytes(bytes, start, end, memory);
  let isKnownAscii = isAscii;
  if (!isKnownAscii) {
    const text = bytes.subarray(start, end);
    isKnownAscii = isAsciiOnly(text);
    if (!isKnownAscii && !isUtf8(text)) return undefined;
  }
  return decodesText ? decodeText(bytes, start, end, isKnownAscii) : copyBytes(bytes, start, end, memory);
}

/** Copies bytes, because a slice would keep the whole read buffer in memory. */
function copyBytes(bytes: Buffer, start: number, end: number, memory: Buffer | undefined): Buffer {
  const copy = memory === undefined ? allocate(end - start) : memory.subarray(0, end - start);
  bytes.copy(copy, 0, start, end);
  return copy;
}

let arena = Buffer.alloc(0);
let arenaOffset = 0;

/**
 * Returns uninitialized memory for a message.
 *
 * @remarks Node 20 and 22 allocate sizes below 4 KiB in pools of 8 KiB, which hold only eight messages of 1 KiB. To
 * allocate and fill the memory of such a message from Node's pool took a third longer than from this arena.
 */
function allocate(byteCount: number): Buffer {
  if (byteCount < MIN_SLICE_BYTES || byteCount > MAX_SLICE_BYTES) return Buffer.allocUnsafe(byteCount);
  if (arena.length - arenaOffset < byteCount) {
    arena = Buffer.allocUnsafeSlow(ARENA_BYTES);
    arenaOffset = 0;
    // Node does the same with its pools: a transfer of one message to another thread would detach the whole arena.
    markAsUntransferable(arena.buffer);
  }
  const start = arenaOffset;
  // Slices are aligned to 8 bytes, so that a typed array of larger numbers can be created over a message.
  arenaOffset = (start + byteCount + 7) & ~7;
  return arena.subarray(start, start + byteCount);
}
