import { describe, expect, test, vi } from 'vitest';
import * as withSimd from '../../src/protocol/mask.ts';
import { EXAMPLE_KEY, hex, maskByFormula } from '../helpers/frames.ts';

// The second import shows the module as it is where WebAssembly is missing.
vi.stubGlobal('WebAssembly', undefined);
vi.resetModules();
const withoutSimd = await import('../../src/protocol/mask.ts');
vi.unstubAllGlobals();

const VARIANTS = [
  ['with vector instructions', withSimd],
  ['without vector instructions', withoutSimd],
] as const;

const KEY = hex(EXAMPLE_KEY).readInt32BE(0);
/** Lengths around the size from which whole words are masked, and far above. */
const LENGTHS = [
  ...Array.from({ length: 14 }, (_, i) => i),
  254,
  255,
  256,
  257,
  258,
  259,
  260,
  261,
  1000,
  4099,
  65_536,
  65_537,
  140_000,
];

function countingBytes(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 7) & 0xff));
}

describe.each(VARIANTS)('RFC 6455 5.3: masking %s', (_, { applyMask, copyMasked, rotateKey }) => {
  test('RFC 6455 5.7: the example masks "Hello"', () => {
    const bytes = Buffer.from('Hello');
    applyMask(bytes, 0, 5, KEY);
    expect(bytes.toString('hex')).toBe('7f9f4d5158');
  });

  test.each(LENGTHS)('RFC 6455 5.3: %i bytes at any alignment are masked as the formula says', (length) => {
    const payload = countingBytes(length);
    const expected = maskByFormula(payload, EXAMPLE_KEY);
    for (let start = 0; start < 8; start++) {
      const bytes = Buffer.alloc(start + length + 5, 0x55);
      payload.copy(bytes, start);
      applyMask(bytes, start, start + length, KEY);
      const outside = Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + length)]);
      expect(bytes.subarray(start, start + length).equals(expected)).toBe(true);
      expect(outside.every((byte) => byte === 0x55)).toBe(true);
    }
  });

  test('RFC 6455 5.3: masking a view of a larger memory stays within the view', () => {
    const memory = new Uint8Array(1024);
    const view = new Uint8Array(memory.buffer, 3, 600);
    applyMask(view, 1, 599, KEY);
    expect([...memory.subarray(0, 5)]).toEqual([0, 0, 0, 0, 0x37 ^ 0]);
    expect(memory.subarray(602).every((byte) => byte === 0)).toBe(true);
  });

  test.each([0, 1, 2, 3, 4, 5, 6, 7, 1001])(
    'RFC 6455 5.3: a payload cut after %i bytes is masked with a rotated key',
    (cut) => {
      const payload = countingBytes(2000);
      const expected = maskByFormula(payload, EXAMPLE_KEY);
      applyMask(payload, 0, cut, KEY);
      applyMask(payload, cut, payload.length, rotateKey(KEY, cut));
      expect(payload.equals(expected)).toBe(true);
    },
  );

  test.each(LENGTHS)('RFC 6455 5.3: copyMasked() copies %i bytes and changes no other byte', (length) => {
    const source = countingBytes(length + 9);
    const expected = maskByFormula(source.subarray(5, 5 + length), EXAMPLE_KEY);
    const target = Buffer.alloc(length + 9, 0x55);
    copyMasked(source, 5, 5 + length, target, 3, KEY);
    expect(target.subarray(3, 3 + length).equals(expected)).toBe(true);
    expect(target.subarray(0, 3).toString('hex') + target.subarray(3 + length).toString('hex')).toBe('55'.repeat(9));
    expect(source.equals(countingBytes(length + 9))).toBe(true);
    copyMasked(source, 0, source.length, target, 0, KEY);
    expect(target.equals(maskByFormula(source, EXAMPLE_KEY))).toBe(true);
  });
});

describe.each(VARIANTS)('RFC 6455 5.3: the ASCII result of applyMask() %s', (_, { applyMask }) => {
  test.each([0, 1, 2, 3, 4, 7, 8, 255, 256, 257, 300, 1024])('is true for %i ASCII bytes', (length) => {
    for (let start = 0; start < 4; start++) {
      const masked = Buffer.concat([Buffer.alloc(start, 0xff), maskByFormula(Buffer.alloc(length, 0x7f), EXAMPLE_KEY)]);
      expect(applyMask(masked, start, start + length, KEY)).toBe(true);
    }
  });

  test.each([1, 2, 3, 4, 5, 8, 300])('is false for a single byte above 7f among %i at every position', (length) => {
    const blind: string[] = [];
    for (let start = 0; start < 4; start++) {
      for (let position = 0; position < length; position++) {
        const payload = Buffer.alloc(length, 0x20);
        payload[position] = 0x80;
        const masked = Buffer.concat([Buffer.alloc(start), maskByFormula(payload, EXAMPLE_KEY)]);
        if (applyMask(masked, start, start + length, KEY)) blind.push(`${position} of ${length} from ${start}`);
      }
    }
    expect(blind).toEqual([]);
  });
});

describe('RFC 6455 5.3: masking keys', () => {
  test('rotateKey() returns the key for the rest of a payload', () => {
    const keys = [0, 1, 2, 3, 4, 7].map((count) => (withSimd.rotateKey(KEY, count) >>> 0).toString(16));
    expect(keys).toEqual(['37fa213d', 'fa213d37', '213d37fa', '3d37fa21', '37fa213d', '3d37fa21']);
  });

  test('keys differ from frame to frame, beyond one pool of random bytes', () => {
    const keys = Array.from({ length: 10_000 }, withSimd.nextMaskingKey);
    // In 10 000 random keys of 4 bytes, a collision occurs about once in a hundred runs of this test.
    expect(new Set(keys).size).toBeGreaterThan(9990);
    for (const shift of [0, 8, 16, 24]) {
      expect(new Set(keys.map((key) => (key >> shift) & 0xff)).size).toBe(256);
    }
  });

  test('keys are whole signed 32-bit numbers', () => {
    const keys = Array.from({ length: 1000 }, withSimd.nextMaskingKey);
    expect(keys.filter((key) => key !== (key | 0))).toEqual([]);
    expect(keys.some((key) => key < 0)).toBe(true);
  });
});

describe('openMaskingWindow()', () => {
  const { applyMask, closeMaskingWindow, openMaskingWindow } = withSimd;

  test('returns memory that begins with the chunk, and leaves the chunk unchanged', () => {
    const chunk = countingBytes(1000);
    const window = openMaskingWindow(chunk) as Buffer;
    expect(window.subarray(0, 1000).equals(chunk)).toBe(true);
    expect(applyMask(window, 10, 990, KEY)).toBe(false);
    closeMaskingWindow();
    expect(window.subarray(10, 990).equals(maskByFormula(chunk.subarray(10, 990), EXAMPLE_KEY))).toBe(true);
    expect(chunk.equals(countingBytes(1000))).toBe(true);
  });

  test('serves one chunk at a time, and masking of other bytes does not change its memory', () => {
    const chunk = countingBytes(65_536);
    const window = openMaskingWindow(chunk) as Buffer;
    expect(openMaskingWindow(chunk)).toBeUndefined();
    const other = countingBytes(140_000);
    applyMask(other, 0, other.length, KEY);
    expect(other.equals(maskByFormula(countingBytes(140_000), EXAMPLE_KEY))).toBe(true);
    expect(window.subarray(0, 65_536).equals(chunk)).toBe(true);
    closeMaskingWindow();
    expect(openMaskingWindow(chunk)).toBe(window);
    closeMaskingWindow();
  });

  test('returns undefined for chunks below 128 bytes or above 64 KiB', () => {
    for (const length of [0, 127, 65_537]) expect(openMaskingWindow(Buffer.alloc(length))).toBeUndefined();
    for (const length of [128, 65_536]) {
      expect(openMaskingWindow(Buffer.alloc(length))).toBeDefined();
      closeMaskingWindow();
    }
  });

  test('returns undefined without vector instructions', () => {
    expect(withoutSimd.openMaskingWindow(Buffer.alloc(1000))).toBeUndefined();
  });
});
