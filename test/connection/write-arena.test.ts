import { describe, expect, test } from 'vitest';
import { copyOutOfArena, SLAB_BYTES, WriteArena } from '../../src/connection/write-arena.ts';

function write(arena: WriteArena, byteCount: number): [Buffer, number] {
  const offset = arena.reserve(byteCount);
  arena.commit(offset + byteCount);
  return [arena.current, offset];
}

describe('the memory that one turn shares', () => {
  test('continues behind the last write, or in another slab when there is no room', () => {
    const arena = new WriteArena();
    const [first, start] = write(arena, 100);
    expect([start, first.length]).toEqual([0, SLAB_BYTES]);
    expect(write(arena, 50)).toEqual([first, 100]);
    const [second, offset] = write(arena, SLAB_BYTES);
    expect(offset).toBe(0);
    expect(second).not.toBe(first);
  });

  test('has room only behind the last write', () => {
    const arena = new WriteArena();
    const [slab] = write(arena, 100);
    expect(arena.hasRoomAt(slab, 100, SLAB_BYTES - 100)).toBe(true);
    expect(arena.hasRoomAt(slab, 100, SLAB_BYTES - 99)).toBe(false);
    write(arena, 1);
    expect(arena.hasRoomAt(slab, 100, 1)).toBe(false);
    expect(arena.hasRoomAt(Buffer.alloc(200), 101, 1)).toBe(false);
  });

  test('is used again in the next turn', () => {
    const arena = new WriteArena();
    const turn = (): Buffer[] => [1, 2, 3].map(() => write(arena, SLAB_BYTES)[0]);
    const before = turn();
    arena.recycle();
    expect(new Set([...before, ...turn()]).size).toBe(3);
  });

  test('is not used again when it was retained, but is after the next turn', () => {
    const arena = new WriteArena();
    const turn = (): Buffer[] => [1, 2].map(() => write(arena, SLAB_BYTES)[0]);
    const held = turn();
    arena.retainTurn();
    arena.recycle();
    const next = turn();
    expect(new Set([...held, ...next]).size).toBe(4);
    arena.recycle();
    expect(new Set([...next, ...turn()]).size).toBe(2);
  });

  test('is kept for the next turn up to 4 MiB', () => {
    const arena = new WriteArena();
    const turn = (): Buffer[] => Array.from({ length: 100 }, () => write(arena, SLAB_BYTES)[0]);
    const before = turn();
    arena.recycle();
    const known = new Set(before);
    expect(turn().filter((slab) => known.has(slab))).toHaveLength(65);
  });
});

test('copyOutOfArena() copies a part of a slab, and returns other memory as it is', () => {
  const arena = new WriteArena();
  const [slab] = write(arena, 5);
  slab.write('hello');
  const own = copyOutOfArena(slab.subarray(0, 5));
  slab.fill(0);
  expect(own.toString()).toBe('hello');
  const other = Buffer.from('other');
  expect(copyOutOfArena(other)).toBe(other);
});
