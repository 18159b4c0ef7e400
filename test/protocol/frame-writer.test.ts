import { describe, expect, test } from 'vitest';
import {
  LARGE_PAYLOAD_BYTES,
  SHORT_TEXT_LENGTH,
  writeFrame,
  writeLongText,
  writeShortText,
} from '../../src/protocol/frame-writer.ts';
import { markAsReused } from '../../src/protocol/assembly-memory.ts';
import { otherRole, readFrames, ROLES } from '../helpers/frames.ts';
import { RecordingOutput } from '../helpers/recording-output.ts';

/** The longest slice of a text that is encoded at a time. */
const SLICE = 65_536;

const LONG_TEXTS: readonly (readonly [string, string])[] = [
  ...[SHORT_TEXT_LENGTH + 1, SLICE - 1, SLICE, SLICE + 1, 131_072, 200_001, 1_048_576].map(
    (length) => [`${Math.ceil(length)} ASCII characters`, 'abcdefg'.repeat(length / 7 + 1).slice(0, length)] as const,
  ),
  ['characters of two bytes', 'ä'.repeat(100_000)],
  ['characters of three bytes', '€'.repeat(100_000)],
  ...[0, 1, 2, 3].map((n) => [`pairs of surrogates behind ${n} letters`, 'a'.repeat(n) + '😀'.repeat(70_000)] as const),
  ...[-2, -1, 0].map(
    (n) => [`a lone surrogate at ${SLICE + n}`, `${'a'.repeat(SLICE + n)}\ud83d${'b'.repeat(100_000)}`] as const,
  ),
  ['nothing but lone surrogates', '\ud83d'.repeat(50_000)],
  ['ASCII and others in turns', 'abcdé€😀'.repeat(30_000)],
];

describe.each(ROLES)('RFC 6455 5.2: frames of a %s', (role) => {
  const isMasked = role === 'client';

  test.each([0, 1, 125, 126, 16_383, 16_384, 65_535, 65_536, 65_537, 200_001])(
    'writeFrame() writes a payload of %i bytes',
    (length) => {
      const output = new RecordingOutput();
      const payload = Buffer.alloc(length, 'abcdefg');
      writeFrame(output, 0x82, payload, isMasked);
      writeFrame(output, 0x8a, Buffer.from('!'), isMasked);
      const [first, second] = readFrames(output.bytes, role);
      expect([first!.first, first!.payload.equals(payload)]).toEqual([0x82, true]);
      expect([second!.first, second!.payload.toString()]).toEqual([0x8a, '!']);
      expect(payload.equals(Buffer.alloc(length, 'abcdefg'))).toBe(true);
      expect(output.appended.includes(payload)).toBe(!isMasked && length >= LARGE_PAYLOAD_BYTES);
    },
  );

  test.each(['', 'Hello', 'é€😀', 'a'.repeat(125), 'é'.repeat(63), 'é'.repeat(100), '€'.repeat(SHORT_TEXT_LENGTH)])(
    'writeShortText() writes the text %j',
    (text) => {
      const output = new RecordingOutput();
      writeShortText(output, text, isMasked);
      const [only, ...others] = readFrames(output.bytes, role);
      expect([only!.first, only!.payload.toString(), others]).toEqual([0x81, text, []]);
      expect(() => readFrames(output.bytes, otherRole(role))).toThrow('wrong mask bit');
    },
  );

  describe.each([false, true])('when the output is blocked: %s', (isBlocked) => {
    test.each([...LONG_TEXTS])('writeLongText() writes %s', (_, text) => {
      const output = new RecordingOutput();
      output.isBlocked = isBlocked;
      writeLongText(output, text, isMasked);
      writeShortText(output, '!', isMasked);
      const [long, short, ...others] = readFrames(output.bytes, role);
      expect([long!.first, long!.payload.equals(Buffer.from(text)), short!.payload.toString()]).toEqual([
        0x81,
        true,
        '!',
      ]);
      expect(others).toEqual([]);
    });

    test.each([100, 16_383, 16_384, 65_526, 65_536, 65_537, 1_048_576, 1_048_577, 3_000_000])(
      'writeFrame() copies a payload of %i bytes in memory that was lent to the user',
      (length) => {
        const output = new RecordingOutput();
        output.isBlocked = isBlocked;
        const payload = Buffer.from(new ArrayBuffer(length)).fill('abcdefg');
        markAsReused(payload);
        writeFrame(output, 0x82, payload, isMasked, true);
        payload.fill(0);
        writeFrame(output, 0x8a, Buffer.from('!'), isMasked);
        const [first, second] = readFrames(output.bytes, role);
        expect([first!.first, first!.payload.equals(Buffer.alloc(length, 'abcdefg'))]).toEqual([0x82, true]);
        expect(second!.payload.toString()).toBe('!');
      },
    );

    test('writeFrame() writes a large payload', () => {
      const output = new RecordingOutput();
      output.isBlocked = isBlocked;
      const payload = Buffer.alloc(200_001, 'abcdefg');
      writeFrame(output, 0x82, payload, isMasked);
      expect(readFrames(output.bytes, role)[0]!.payload.equals(payload)).toBe(true);
    });
  });

  test('a long text that waits for a blocked peer takes no more memory than it needs', () => {
    const output = new RecordingOutput();
    output.isBlocked = true;
    writeLongText(output, 'x'.repeat(20_000), isMasked);
    // A header of its own lies in the pool of Node.
    const pieces = output.appended.filter(({ length }) => length > 14);
    expect(pieces.map(({ buffer }) => buffer.byteLength < 20_020)).toEqual([true]);
  });
});
