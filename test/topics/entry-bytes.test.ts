import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readEntryBytes, writeEntryBytes } from '../../src/topics/entry-bytes.ts';

const text = fc.string({ unit: 'grapheme' });
const data = fc.oneof(text, fc.uint8Array());
const content = fc.record({
  data,
  from: fc.option(text, { nil: undefined }),
  except: fc.option(text, { nil: undefined }),
});

describe('the bytes of an entry', () => {
  test('are read as they were written', () =>
    fc.assert(
      fc.property(content, (written) => {
        const read = readEntryBytes(writeEntryBytes(written));
        const expected = typeof written.data === 'string' ? written.data : Buffer.from(written.data);
        expect(read).toEqual({ ...written, data: expected });
      }),
    ));

  test('are not read when torn, spoilt or foreign, and never throw', () =>
    fc.assert(
      fc.property(content, fc.nat(), fc.uint8Array(), (written, cut, noise) => {
        const bytes = writeEntryBytes(written);
        const namesEnd = bytes.length - Buffer.from(written.data as string).length;
        expect(readEntryBytes(bytes.subarray(0, cut % namesEnd))).toBeUndefined();
        bytes.set(noise.subarray(0, bytes.length));
        expect(() => readEntryBytes(bytes)).not.toThrow();
      }),
    ));

  /** Written by version 1. These rows stay when a later version writes other bytes: entries outlive the nodes that wrote them. */
  test.each([
    ['010022c3a922', { data: '"é"', from: undefined, except: undefined }],
    ['010100ff', { data: Buffer.from([0, 255]), from: undefined, except: undefined }],
    ['01060000000361_6e6e_00000002_7331_31', { data: '1', from: 'ann', except: 's1' }],
  ])('of version 1 are read: %s', (hex, expected) => {
    expect(readEntryBytes(Buffer.from(hex.replaceAll('_', ''), 'hex'))).toEqual(expected);
    expect(writeEntryBytes(expected).toString('hex')).toBe(hex.replaceAll('_', ''));
  });

  test('of a later version are told apart, those with flags that nobody knows are not read', () => {
    expect(readEntryBytes(Buffer.from([2, 0xff]))).toBe('newer');
    expect(readEntryBytes(Buffer.from([1, 8, 1]))).toBeUndefined();
    expect(readEntryBytes(Buffer.from([0, 0, 1]))).toBeUndefined();
  });
});
