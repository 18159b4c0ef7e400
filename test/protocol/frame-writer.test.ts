import { describe, expect, test } from 'vitest';
import { LARGE_PAYLOAD_BYTES, SHORT_TEXT_LENGTH, writeFrame, writeShortText } from '../../src/protocol/frame-writer.ts';
import { otherRole, readFrames, ROLES } from '../helpers/frames.ts';
import { RecordingOutput } from '../helpers/recording-output.ts';

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
});
