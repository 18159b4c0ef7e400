import { describe, expect, test } from 'vitest';
import { parsePosition, toPosition } from '../../src/topics/position.ts';

describe('a position', () => {
  test.each([
    ['e', 0, 0],
    ['0k2j4h5g6f7d8s9a', 1, 0xffff_ffff],
    ['zzzzzzzzzzzzzzzz', Number.MAX_SAFE_INTEGER, 0xffff_ffff],
  ])('of epoch %s, offset %i and tag %i is read as it was written', (epoch, offset, tag) => {
    const text = toPosition(epoch, { offset, tag });
    expect(text.length).toBeLessThanOrEqual(40);
    expect(parsePosition(text)).toEqual({ epoch, offset, tag });
  });

  test.each([
    ['no text', 7],
    ['nothing', ''],
    ['two parts', 'e.1'],
    ['a capital', 'E.1.1'],
    ['a leading zero', 'e.01.1'],
    ['a sign', 'e.-1.1'],
    ['a tag of more than 32 bits', `e.1.${(2 ** 32).toString(36)}`],
    ['an offset that no number holds exactly', `e.${'z'.repeat(11)}.1`],
    ['more than 40 characters', `${'e'.repeat(38)}.1.1`],
    ['something behind it', 'e.1.1\n'],
  ])('is not read from %s', (_, text) => expect(parsePosition(text)).toBeUndefined());
});
