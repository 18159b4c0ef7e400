import { describe, expect, test } from 'vitest';
import { outOfSlab, SLAB_BYTES, Slabs } from '../../src/connection/write-arena.ts';

function write(slabs: Slabs, byteCount: number): [Buffer, number] {
  const offset = slabs.reserve(byteCount);
  slabs.commit(offset + byteCount);
  return [slabs.current, offset];
}

describe('memory that one turn shares', () => {
  test('goes on where the last one ended, and into another slab when there is no room', () => {
    const slabs = new Slabs();
    const [first, start] = write(slabs, 100);
    expect([start, first.length]).toEqual([0, SLAB_BYTES]);
    expect(write(slabs, 50)).toEqual([first, 100]);
    const [second, offset] = write(slabs, SLAB_BYTES);
    expect(offset).toBe(0);
    expect(second).not.toBe(first);
  });

  test('can be written on by the last one only', () => {
    const slabs = new Slabs();
    const [slab] = write(slabs, 100);
    expect(slabs.isLast(slab, 100, SLAB_BYTES - 100)).toBe(true);
    expect(slabs.isLast(slab, 100, SLAB_BYTES - 99)).toBe(false);
    write(slabs, 1);
    expect(slabs.isLast(slab, 100, 1)).toBe(false);
    expect(slabs.isLast(Buffer.alloc(200), 101, 1)).toBe(false);
  });

  test('is used again in the next turn', () => {
    const slabs = new Slabs();
    const turn = (): Buffer[] => [1, 2, 3].map(() => write(slabs, SLAB_BYTES)[0]);
    const before = turn();
    slabs.reuse();
    expect(new Set([...before, ...turn()]).size).toBe(3);
  });

  test('is not used again when somebody still reads it, but in the turn after that', () => {
    const slabs = new Slabs();
    const turn = (): Buffer[] => [1, 2].map(() => write(slabs, SLAB_BYTES)[0]);
    const held = turn();
    slabs.hold();
    slabs.reuse();
    const next = turn();
    expect(new Set([...held, ...next]).size).toBe(4);
    slabs.reuse();
    expect(new Set([...next, ...turn()]).size).toBe(2);
  });

  test('is kept for the next turn up to 4 MiB', () => {
    const slabs = new Slabs();
    const turn = (): Buffer[] => Array.from({ length: 100 }, () => write(slabs, SLAB_BYTES)[0]);
    const before = turn();
    slabs.reuse();
    const known = new Set(before);
    expect(turn().filter((slab) => known.has(slab))).toHaveLength(65);
  });
});

test('a part of a slab becomes memory of its own, and other memory stays as it is', () => {
  const slabs = new Slabs();
  const [slab] = write(slabs, 5);
  slab.write('hello');
  const own = outOfSlab(slab.subarray(0, 5));
  slab.fill(0);
  expect(own.toString()).toBe('hello');
  const other = Buffer.from('other');
  expect(outOfSlab(other)).toBe(other);
});
