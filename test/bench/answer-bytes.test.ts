import { describe, expect, test } from 'vitest';
import { AnswerBytes } from '../../bench/load/answer-bytes.ts';

describe.each([3, 66, 65_536, 200_000])('answers of %i bytes', (length) => {
  const answer = Buffer.from(Uint8Array.from({ length }, (_, i) => i % 251));
  const stream = Buffer.concat([answer, answer, answer]);
  const answers = new AnswerBytes(answer);

  test('match from any place on', () => {
    for (const offset of [0, 1, length - 1]) {
      const rest = stream.subarray(offset);
      expect(answers.match(rest, rest.length, offset)).toBe(true);
      expect(answers.match(rest, rest.length, offset + length * 7)).toBe(true);
    }
  });

  test('do not match when one byte is another', () => {
    for (const at of [0, length, stream.length - 1]) {
      const wrong = Buffer.from(stream);
      (wrong[at] as number) ^= 1;
      expect(answers.match(wrong, wrong.length, 0)).toBe(false);
    }
  });

  test('do not match from another place on, and what is not counted does not matter', () => {
    expect(answers.match(stream, stream.length, 1)).toBe(false);
    expect(answers.match(Buffer.concat([answer, Buffer.from('x')]), length, 0)).toBe(true);
  });
});
