import { describe, expect, test } from 'vitest';
import { createWasmMask, type WasmMask, type WebAssemblyApi } from '../../src/protocol/mask-wasm.ts';
import { EXAMPLE_KEY, hex, maskByFormula } from '../helpers/frames.ts';

const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: WebAssemblyApi };
const KEY = hex(EXAMPLE_KEY).readInt32LE(0);
const LENGTHS = [...Array.from({ length: 150 }, (_, i) => i), 1000, 4099];

describe('RFC 6455 5.3: masking with vector instructions', () => {
  test('masks as the formula at any alignment, and changes no other byte', () => {
    const { memory, mask } = createWasmMask(wasm) as WasmMask;
    const wrong: string[] = [];
    for (const length of LENGTHS) {
      const payload = Buffer.from(Array.from({ length }, (_, i) => (i * 7) & 0xff));
      const expected = maskByFormula(payload, EXAMPLE_KEY);
      for (let start = 0; start < 17; start++) {
        memory.fill(0x55, 0, length + 40);
        payload.copy(memory, start);
        mask(start, start + length, KEY);
        const isRight = memory.subarray(start, start + length).equals(expected);
        const outside = [...memory.subarray(0, start), ...memory.subarray(start + length, length + 40)];
        if (!isRight || outside.some((byte) => byte !== 0x55)) wrong.push(`${length} bytes at ${start}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('reports a byte above 7f at every position', () => {
    const { memory, mask } = createWasmMask(wasm) as WasmMask;
    const blind: number[] = [];
    maskByFormula(Buffer.alloc(150, 0x7f), EXAMPLE_KEY).copy(memory, 3);
    expect(mask(3, 153, KEY)).toBe(0);
    for (let i = 0; i < 150; i++) {
      const payload = Buffer.alloc(150, 0x20);
      payload[i] = 0x80;
      maskByFormula(payload, EXAMPLE_KEY).copy(memory, 3);
      if (mask(3, 153, KEY) === 0) blind.push(i);
    }
    expect(blind).toEqual([]);
  });

  test('masks up to the end of its memory and throws beyond', () => {
    const { memory, mask } = createWasmMask(wasm) as WasmMask;
    expect(memory.length).toBe(131_072);
    memory.fill(0);
    mask(131_072 - 100, 131_072, KEY);
    expect(memory.subarray(-4).toString('hex')).toBe(EXAMPLE_KEY.replaceAll(' ', ''));
    expect(() => mask(131_072 - 100, 131_073, KEY)).toThrow('memory access out of bounds');
  });

  test('is undefined without WebAssembly or its vector instructions', () => {
    expect(createWasmMask(undefined)).toBeUndefined();
    const { Module, Instance } = wasm;
    expect(createWasmMask({ validate: () => false, Module, Instance })).toBeUndefined();
  });

  test('is undefined where address space is short or a context forbids WebAssembly', () => {
    const { Module, Instance } = wasm;
    class Refused {
      readonly exports = {};

      constructor() {
        throw new RangeError('WebAssembly.Instance(): Out of memory: Cannot allocate Wasm memory for new instance');
      }
    }
    expect(createWasmMask({ validate: () => true, Module: Refused, Instance })).toBeUndefined();
    expect(createWasmMask({ validate: () => true, Module, Instance: Refused })).toBeUndefined();
  });
});
