/** Smaller memory is cheap to allocate. */
const MIN_KEPT_BYTES = 32_768;
/** The largest memory that is kept for the next message. */
const MAX_KEPT_BYTES = 4_194_304;
/** Most bytes that are kept altogether. */
const MAX_FREE_BYTES = 8_388_608;

/** The size of the block from which the allocator learns, a little less than the most that it takes into account. */
const LESSON_BYTES = 32_505_856;

/** Bytes of a large message for each element of 8 bytes that it leaves as garbage in V8's heap: see {@link leaveGarbage}. */
const BYTES_PER_GARBAGE_ELEMENT = 256;
/** V8 puts arrays from 128 KiB on elsewhere, where small collections do not count them. */
const MAX_GARBAGE_ELEMENTS = 8192;

/** Free memory, by the exponent of its size, which is a power of two. */
const freeBySize: Buffer[][] = [];
let freeBytes = 0;
let isAllocatorTaught = false;

/** Memory that holds another message sooner or later, also while it is free. */
const reused = new WeakSet<ArrayBufferLike>();

/**
 * Allocates memory for a message that its receiver gets and may keep.
 *
 * @returns exactly `byteCount` bytes, which are not initialized
 */
export function allocateMessageMemory(byteCount: number): Buffer {
  if (byteCount >= MIN_KEPT_BYTES) {
    teachAllocator();
    leaveGarbage(byteCount);
  }
  return Buffer.allocUnsafeSlow(byteCount);
}

/**
 * Takes memory in which a message is put together that its receiver does not keep: a text, which becomes a string, a
 * compressed message, or bytes that are only lent to the user.
 *
 * @remarks Two thirds of the time of a text of 1 MiB were page faults of memory that was thrown away after the message.
 * @returns at least `byteCount` bytes, which may hold bytes of earlier messages
 */
export function takeAssemblyMemory(byteCount: number): Buffer {
  if (byteCount < MIN_KEPT_BYTES || byteCount > MAX_KEPT_BYTES) return Buffer.allocUnsafeSlow(byteCount);
  teachAllocator();
  const exponent = exponentOf(byteCount);
  const memory = freeBySize[exponent]?.pop();
  if (memory === undefined) return allocateReused(2 ** exponent);
  freeBytes -= memory.length;
  return memory;
}

/** Takes memory as {@link takeAssemblyMemory} does, for a message of any size that is lent to the user. */
export function takeLentMemory(byteCount: number): Buffer {
  return takeAssemblyMemory(Math.max(byteCount, MIN_KEPT_BYTES));
}

/**
 * Gives memory of {@link takeAssemblyMemory} back. The caller must not use it any more. Other memory is not kept, nor is
 * memory that the user has transferred away, which has no length any more.
 */
export function giveAssemblyMemoryBack(memory: Buffer): void {
  const { length } = memory;
  const exponent = exponentOf(length);
  if (length < MIN_KEPT_BYTES || length > MAX_KEPT_BYTES || length !== 2 ** exponent) return;
  if (freeBytes + length > MAX_FREE_BYTES) return;
  freeBySize[exponent] ??= [];
  freeBySize[exponent].push(memory);
  freeBytes += length;
}

/**
 * Lets the C library keep the memory of large messages that was freed, when the first such message comes.
 *
 * @remarks glibc returns the end of its heap to the system as soon as 128 KiB of it are free, and gets it back page by page
 * with the next message. When it frees a block of its own mapping, it learns to keep twice the size of that block
 * (mallopt(3), M_MMAP_THRESHOLD). The garbage collector frees the block below, whose pages are never touched. Then an echo
 * of 64 KiB of text had 0.3 page faults instead of 12.6; a client's message of 1 MiB had 0.4 instead of 237, and took 807
 * microseconds instead of 1 463, as it did with a block of 16 MiB. The process may keep 62 MiB more. Other C libraries
 * learn nothing.
 */
function teachAllocator(): void {
  if (isAllocatorTaught) return;
  isAllocatorTaught = true;
  Buffer.allocUnsafeSlow(LESSON_BYTES);
}

/** The newest garbage: V8 would leave out an array that nothing refers to. */
const garbage: { newest: readonly undefined[] } = { newest: [] };

/**
 * Lets V8 free the memory of large messages by its small collections, which take half a millisecond.
 *
 * @remarks The memory lies outside of V8's heap. Small collections free it too, but what starts them is garbage in the
 * heap, and this library makes little of it. So V8 of Node 24 found 32 MiB of such memory first, and marked the whole heap
 * every 90 ms: an echo of 64 KiB of binary took 101 µs of processor time, with this garbage 87 µs.
 */
function leaveGarbage(byteCount: number): void {
  const count = Math.min(Math.floor(byteCount / BYTES_PER_GARBAGE_ELEMENT), MAX_GARBAGE_ELEMENTS);
  // oxlint-disable-next-line unicorn/no-new-array -- V8 allocates all elements of such an array at once.
  garbage.newest = new Array<undefined>(count);
}

/** Marks the memory of bytes as one that changes when the user does not expect it: see {@link isReused}. */
export function markAsReused(bytes: Buffer): void {
  reused.add(bytes.buffer);
}

/**
 * Whether bytes that the user sends lie in memory that another message may overwrite. They must be copied at the call.
 *
 * @param bytes - a Buffer of the library, which has no members of the user
 */
export function isReused(bytes: Buffer): boolean {
  return reused.has(bytes.buffer);
}

function allocateReused(byteCount: number): Buffer {
  const memory = Buffer.allocUnsafeSlow(byteCount);
  markAsReused(memory);
  return memory;
}

function exponentOf(byteCount: number): number {
  return 32 - Math.clz32(byteCount - 1);
}
