import { describe, expect, test } from 'vitest';
import { frameHeaderBytes, writeFrameHeader } from '../../src/protocol/frame-header.ts';
import { EXAMPLE_KEY, hex } from '../helpers/frames.ts';

/** Each payload length with the second header byte and the extended length, unmasked and masked. */
const LENGTHS: readonly (readonly [payloadBytes: number, plain: string, masked: string])[] = [
  [0, '00', '80'],
  [1, '01', '81'],
  [125, '7d', 'fd'],
  [126, '7e007e', 'fe007e'],
  [255, '7e00ff', 'fe00ff'],
  [256, '7e0100', 'fe0100'],
  [65_535, '7effff', 'feffff'],
  [65_536, '7f0000000000010000', 'ff0000000000010000'],
  [0xffff_ffff, '7f00000000ffffffff', 'ff00000000ffffffff'],
  [0x1_0000_0000, '7f0000000100000000', 'ff0000000100000000'],
  [Number.MAX_SAFE_INTEGER, '7f001fffffffffffff', 'ff001fffffffffffff'],
];

function header(payloadBytes: number, key: number | undefined): string {
  const buffer = Buffer.alloc(20, 0xaa);
  const end = writeFrameHeader(buffer, 3, 0xc1, payloadBytes, key);
  expect(buffer.toString('hex', 0, 3) + buffer.toString('hex', end)).toBe('aa'.repeat(20 - (end - 3)));
  return buffer.toString('hex', 3, end);
}

describe('RFC 6455 5.2: frame headers', () => {
  test.each(LENGTHS)('RFC 6455 5.2: the header of an unmasked payload of %i bytes', (payloadBytes, plain) => {
    expect(header(payloadBytes, undefined)).toBe(`c1${plain}`);
    expect(frameHeaderBytes(payloadBytes, false)).toBe(1 + plain.length / 2);
  });

  test.each(LENGTHS)('RFC 6455 5.2: the header of a masked payload of %i bytes', (payloadBytes, _, masked) => {
    expect(header(payloadBytes, hex(EXAMPLE_KEY).readInt32BE(0))).toBe(`c1${masked}${EXAMPLE_KEY}`);
    expect(frameHeaderBytes(payloadBytes, true)).toBe(1 + masked.length / 2 + 4);
  });

  test.each([
    ['00000000', 0],
    ['ffffffff', -1],
    ['80000000', -0x8000_0000],
  ])('RFC 6455 5.3: the masking key %s is written in network byte order', (expected, key) => {
    expect(header(0, key)).toBe(`c180${expected}`);
  });
});
