import { describe, expect, test } from 'vitest';
import { decodeText, Utf8Validator } from '../../src/protocol/utf8.ts';
import { hex } from '../helpers/frames.ts';

/** The first and last sequence of every row of the syntax in RFC 3629 section 4. */
const VALID = [
  '00',
  '7f',
  'c280',
  'dfbf',
  'e0a080',
  'e0bfbf',
  'e18080',
  'ecbfbf',
  'ed8080',
  'ed9fbf',
  'ee8080',
  'efbfbf',
  'f0908080',
  'f0bfbfbf',
  'f1808080',
  'f3bfbfbf',
  'f4808080',
  'f48fbfbf',
];

/** Sequences that become invalid UTF-8 with their last byte, and not before. */
const INVALID: readonly (readonly [what: string, bytes: string])[] = [
  ['a continuation byte at the beginning', '80'],
  ['the last continuation byte at the beginning', 'bf'],
  ['an overlong lead of two bytes', 'c0'],
  ['the other overlong lead of two bytes', 'c1'],
  ['a lead above U+10FFFF', 'f5'],
  ['the byte FE', 'fe'],
  ['the byte FF', 'ff'],
  ['two bytes, the second too low', 'c27f'],
  ['two bytes, the second too high', 'dfc0'],
  ['three bytes, overlong', 'e09f'],
  ['three bytes, the second too high', 'e0c0'],
  ['three bytes, the second too low', 'e17f'],
  ['three bytes, the third too low', 'e1807f'],
  ['three bytes, the third too high', 'efbfc0'],
  ['the first surrogate', 'eda0'],
  ['the last surrogate', 'edbf'],
  ['three bytes, the second too low before the surrogates', 'ed7f'],
  ['four bytes, overlong', 'f08f'],
  ['four bytes, the second too high', 'f0c0'],
  ['four bytes, the second too low', 'f17f'],
  ['four bytes, above U+10FFFF', 'f490'],
  ['four bytes, the second too low at the end of Unicode', 'f47f'],
  ['four bytes, the third too low', 'f0907f'],
  ['four bytes, the third too high', 'f48fc0'],
  ['four bytes, the fourth too low', 'f090807f'],
  ['four bytes, the fourth too high', 'f3bfbfc0'],
  ['a lead after a lead', 'c2c2'],
  ['a new sequence inside one', 'e180e1'],
];

/** Feeds pieces and returns the number of the refused piece, or how the text ended. */
function validate(pieces: readonly Uint8Array[]): string {
  const validator = new Utf8Validator();
  for (const [i, piece] of pieces.entries()) {
    // Invalid bytes around the range show that the validator looks at its range only.
    const bytes = Buffer.concat([hex('ff'), piece, hex('ff')]);
    if (!validator.push(bytes, 1, bytes.length - 1, false)) return `refused with piece ${i + 1}`;
  }
  return validator.isComplete ? 'complete' : 'cut';
}

function byteByByte(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.from([byte]));
}

describe('RFC 3629 4: valid text', () => {
  test.each(VALID)('%s is valid alone, between other text, byte by byte and cut anywhere', (sequence) => {
    const bytes = hex(sequence);
    expect(validate([bytes])).toBe('complete');
    expect(validate([Buffer.concat([Buffer.from('aé'), bytes, Buffer.from('€z')])])).toBe('complete');
    expect(validate(byteByByte(bytes))).toBe('complete');
    for (let cut = 1; cut < bytes.length; cut++) {
      const [head, tail] = [bytes.subarray(0, cut), bytes.subarray(cut)];
      expect(validate([Buffer.concat([Buffer.from('ab'), head])])).toBe('cut');
      expect(validate([head, Buffer.alloc(0), Buffer.concat([tail, bytes, head]), tail])).toBe('complete');
    }
  });

  test('an empty text is complete', () => {
    expect(validate([])).toBe('complete');
    expect(validate([Buffer.alloc(0)])).toBe('complete');
  });
});

describe('RFC 6455 8.1: invalid text is refused with the piece that makes it invalid', () => {
  test.each(INVALID)('%s: %s', (_, sequence) => {
    const bytes = hex(sequence);
    expect(validate([bytes])).toBe('refused with piece 1');
    expect(validate(byteByByte(bytes))).toBe(`refused with piece ${bytes.length}`);
    // The same sequence is refused after valid text and before more text.
    expect(validate([Buffer.from('é'), Buffer.concat([Buffer.from('a€'), bytes, Buffer.from('😀z')])])).toBe(
      'refused with piece 2',
    );
    for (let cut = 1; cut < bytes.length; cut++) {
      const tail = Buffer.concat([bytes.subarray(cut), Buffer.from('xyz')]);
      expect(validate([bytes.subarray(0, cut), tail])).toBe('refused with piece 2');
    }
  });

  test('a sequence interrupted by another byte is refused in any pieces', () => {
    expect(validate([hex('f09f98'), hex('41')])).toBe('refused with piece 2');
    expect(validate([hex('41f09f'), hex('98'), hex('80'), hex('80')])).toBe('refused with piece 4');
  });
});

test('isAscii tells whether all pieces were ASCII, whether they were known to be or not', () => {
  const ascii = Buffer.from('abc');
  const other = Buffer.from('é');
  const seen = [[ascii], [ascii, ascii], [ascii, other], [other, ascii], [other]].map((pieces) =>
    [true, false].map((isKnown) => {
      const validator = new Utf8Validator();
      for (const piece of pieces) expect(validator.push(piece, 0, piece.length, isKnown && piece === ascii)).toBe(true);
      return validator.isAscii;
    }),
  );
  expect(seen).toEqual([true, true, false, false, false].map((isAscii) => [isAscii, isAscii]));
});

test('an ASCII piece inside a sequence is refused, though it is known to be ASCII', () => {
  const validator = new Utf8Validator();
  expect(validator.push(Buffer.from([0xc3]), 0, 1, false)).toBe(true);
  expect(validator.push(Buffer.from('a'), 0, 1, true)).toBe(false);
});

describe.each([1, 50, 400, 30_000])('decodeText(), %i times', (count) => {
  test.each(['a', 'ä', '€', '😀', '\uFEFFa', 'aä€😀', '\u0000', '\uFFFD', '\u{10FFFF}'])('decodes %j', (part) => {
    const text = part.repeat(count);
    const bytes = Buffer.concat([hex('ff'), Buffer.from(text), hex('ff')]);
    expect(decodeText(bytes, 1, bytes.length - 1, false)).toBe(text);
    if (Buffer.byteLength(text) === text.length) expect(decodeText(bytes, 1, bytes.length - 1, true)).toBe(text);
  });
});
