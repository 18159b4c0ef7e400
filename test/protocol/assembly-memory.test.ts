import { expect, test } from 'vitest';
import {
  giveAssemblyMemoryBack,
  isReused,
  markAsReused,
  takeAssemblyMemory,
  takeLentMemory,
} from '../../src/protocol/assembly-memory.ts';

/** Takes all free memory of one size. */
function takeAll(byteCount: number): Set<Buffer> {
  return new Set(Array.from(Array(Math.ceil(8_388_608 / byteCount) + 1), () => takeAssemblyMemory(byteCount)));
}

/** Tells whether memory is taken again. Buffers are not passed to expect(), which would compare each of their bytes. */
function isFree(memory: Buffer, byteCount = memory.length): boolean {
  return takeAssemblyMemory(byteCount) === memory;
}

test.each([
  [32_768, 32_768],
  [32_769, 65_536],
  [1_048_576, 1_048_576],
  [1_048_590, 2_097_152],
  [4_194_304, 4_194_304],
])('memory for %i bytes has %i bytes, and is taken again when it was given back', (byteCount, length) => {
  takeAll(byteCount);
  const memory = takeAssemblyMemory(byteCount);
  const wasFree = isFree(memory);
  giveAssemblyMemoryBack(memory);
  expect([memory.length, wasFree, isFree(memory)]).toEqual([length, false, true]);
});

test.each([0, 1, 32_767, 4_194_305])('memory for %i bytes has exactly this size, and is not kept', (byteCount) => {
  const memory = takeAssemblyMemory(byteCount);
  giveAssemblyMemoryBack(memory);
  expect([memory.length, isFree(memory)]).toEqual([byteCount, false]);
});

test('memory of another size is not kept, and so never taken for more than it has', () => {
  takeAll(131_072);
  const foreign = Buffer.alloc(100_000);
  giveAssemblyMemoryBack(foreign);
  expect(isFree(foreign, 131_072)).toBe(false);
});

test('at most 8 MiB of free memory are kept', () => {
  const sizes = [65_536, 1_048_576];
  for (const size of sizes) takeAll(size);
  const taken = [16, 10].map((count, i) => Array.from(Array(count), () => takeAssemblyMemory(sizes[i] as number)));
  for (const memory of taken.flat()) giveAssemblyMemoryBack(memory);
  const again = new Set(sizes.flatMap((size) => Array.from(takeAll(size))));
  expect(taken.map((list) => list.filter((memory) => again.has(memory)).length)).toEqual([16, 7]);
});

test.each([
  [0, 32_768],
  [1, 32_768],
  [32_769, 65_536],
])('memory to lend %i bytes has %i bytes, and is taken again', (byteCount, length) => {
  takeAll(length);
  const memory = takeLentMemory(byteCount);
  giveAssemblyMemoryBack(memory);
  expect([memory.length, takeLentMemory(byteCount) === memory]).toEqual([length, true]);
});

test('memory that is taken again is told from other memory by any part of it, also while it is free', () => {
  const memory = takeLentMemory(10);
  const part = Buffer.from(memory.buffer, 100, 5);
  expect(isReused(part)).toBe(true);
  giveAssemblyMemoryBack(memory);
  expect(isReused(part)).toBe(true);
  const others = [Buffer.alloc(10), takeAssemblyMemory(100), takeLentMemory(4_194_305)];
  expect(others.map((other) => isReused(other))).toEqual([false, false, false]);
  const marked = Buffer.allocUnsafeSlow(10);
  markAsReused(marked.subarray(2));
  expect(isReused(marked)).toBe(true);
});

test('memory that the user has transferred away is not taken again', () => {
  takeAll(32_768);
  const memory = takeLentMemory(10);
  const buffer = memory.buffer as ArrayBuffer;
  structuredClone(buffer, { transfer: [buffer] });
  giveAssemblyMemoryBack(memory);
  expect(takeLentMemory(10).length).toBe(32_768);
});
