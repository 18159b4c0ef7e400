import { expect, test } from 'vitest';
import type { AnswerPlace } from '../../bench/load/answers.ts';
import { CountedMessages } from '../../bench/load/counted-messages.ts';

test('messages of one size are counted by their bytes, in any pieces', () => {
  const messages = new CountedMessages(10, 3);
  const place: AnswerPlace = { answerVariant: 2, unclaimedBytes: 0 };
  expect(messages.read(place, 9)).toBe(0);
  expect(place).toEqual({ answerVariant: 2, unclaimedBytes: 9 });
  expect(messages.read(place, 1)).toBe(1);
  expect(place).toEqual({ answerVariant: 0, unclaimedBytes: 0 });
  expect(messages.read(place, 45)).toBe(4);
  expect(place).toEqual({ answerVariant: 1, unclaimedBytes: 5 });
});
