import { describe, expect, test } from 'vitest';
import { buildFrame, buildFrames } from '../../bench/load/frames.ts';
import { countVariants, type MessageShape, payloadOf } from '../../bench/messages.ts';

function payloadsOf(shape: MessageShape): readonly Buffer[] {
  return Array.from({ length: countVariants(shape) }, (_, variant) => payloadOf(shape, variant));
}

describe('the messages of the benchmark', () => {
  test.each([
    ['text', 64],
    ['binary', 64],
    ['object', 64],
    ['text', 3],
    ['binary', 65_536],
    ['object', 1024],
    ['binary', 1_048_576],
  ] as const)('all variants of a %s payload of %i bytes have that size, and differ early', (kind, bytes) => {
    const shape: MessageShape = { kind, bytes };
    const payloads = payloadsOf(shape);
    expect(payloads).toHaveLength(bytes > 65_536 ? 4 : 16);
    expect(payloads.every(({ length }) => length === bytes)).toBe(true);
    expect(new Set(payloads.map((payload) => payload.toString('latin1', 0, 12))).size).toBe(payloads.length);
    // Only the first bytes differ.
    const ends = payloads.map((payload) => payload.toString('latin1', 12));
    expect(ends.every((end) => end === ends[0])).toBe(true);
    // Each process builds the same payloads.
    expect(payloadOf(shape, 3).equals(payloads[3]!)).toBe(true);
    expect(payloadOf(shape).equals(payloads[0]!)).toBe(true);
  });

  test('objects differ only in their id', () => {
    const objects = payloadsOf({ kind: 'object', bytes: 64 }).map(
      (payload) => JSON.parse(payload.toString()) as object,
    );
    expect(objects[15]).toEqual({ ...objects[0], id: 4726 });
  });

  test('frames have the shortest header, and a mask when a client sends them', () => {
    expect(buildFrame({ kind: 'text', bytes: 6 }, false)).toEqual(Buffer.from('\x81\x06AAAAqu', 'latin1'));
    expect(buildFrame({ kind: 'text', bytes: 3 }, true, 1).toString('hex')).toBe('818337fa213d75b863');
    expect(buildFrame({ kind: 'binary', bytes: 126 }, false).subarray(0, 4).toString('hex')).toBe('827e007e');
    expect(buildFrame({ kind: 'binary', bytes: 65_536 }, false).subarray(0, 10).toString('hex')).toBe(
      '827f0000000000010000',
    );
    expect(buildFrames({ kind: 'text', bytes: 64 }, true)[5]).toEqual(buildFrame({ kind: 'text', bytes: 64 }, true, 5));
  });
});
