import { describe, expect, test } from 'vitest';
import { AnswerBytes, type AnswerPlace } from '../../bench/load/answer-bytes.ts';

describe.each([[[3]], [[3, 5, 4]], [[66, 66, 66]], [[65_536, 1, 65_536]], [[200_000, 70_000]]])(
  'answers of %j bytes',
  (lengths) => {
    const answers = lengths.map((length, variant) =>
      Buffer.from(Uint8Array.from({ length }, (_, i) => (i + 100 * variant) % 251)),
    );
    const stream = Buffer.concat([...answers, ...answers, ...answers]);
    const answerBytes = new AnswerBytes(answers);

    test('match and count whatever the pieces in which they come', () => {
      for (const piece of [1, 7, 66, 65_537, stream.length]) {
        if (piece * 5000 < stream.length) continue;
        const place: AnswerPlace = { answerVariant: 0, unclaimedBytes: 0 };
        let count = 0;
        for (let at = 0; at < stream.length; at += piece) {
          const bytes = stream.subarray(at, at + piece);
          expect(answerBytes.match(place, bytes.length, bytes)).toBe(true);
          count += answerBytes.advance(place, bytes.length);
        }
        expect({ count, ...place }).toEqual({ count: 3 * lengths.length, answerVariant: 0, unclaimedBytes: 0 });
      }
    });

    test('begin with any of them', () => {
      answers.forEach((_, answerVariant) => {
        const before = Buffer.concat(answers.slice(0, answerVariant)).length;
        const rest = stream.subarray(before);
        const place = { answerVariant, unclaimedBytes: 0 };
        expect(answerBytes.match(place, rest.length, rest)).toBe(true);
        expect(answerBytes.advance(place, rest.length)).toBe(3 * lengths.length - answerVariant);
      });
    });

    test('do not match when one byte is another', () => {
      for (const at of [0, lengths[0]!, stream.length - 1]) {
        const wrong = Buffer.from(stream);
        wrong[at]! ^= 1;
        expect(answerBytes.match({ answerVariant: 0, unclaimedBytes: 0 }, wrong.length, wrong)).toBe(false);
      }
    });

    test('do not match from another place on, and what is not counted does not matter', () => {
      const first = answers[0]!;
      expect(answerBytes.match({ answerVariant: 0, unclaimedBytes: 1 }, stream.length, stream)).toBe(false);
      expect(
        answerBytes.match(
          { answerVariant: 0, unclaimedBytes: 0 },
          first.length,
          Buffer.concat([first, Buffer.from('x')]),
        ),
      ).toBe(true);
    });
  },
);

describe('answers that differ', () => {
  const [first, second] = [Buffer.from('first'), Buffer.from('2nd')];
  const answerBytes = new AnswerBytes([first, second]);
  const begin: AnswerPlace = { answerVariant: 0, unclaimedBytes: 0 };

  test.each([
    ['in another order', [second, first]],
    ['twice', [first, first]],
    ['with one left out', [first, second, second]],
  ])('do not match %s', (_, wrong) => {
    const bytes = Buffer.concat(wrong);
    expect(answerBytes.match(begin, bytes.length, bytes)).toBe(false);
  });

  test('count those that are complete, and keep what has come of the next', () => {
    const place = { ...begin };
    expect(answerBytes.advance(place, 4)).toBe(0);
    expect(place).toEqual({ answerVariant: 0, unclaimedBytes: 4 });
    expect(answerBytes.advance(place, 2)).toBe(1);
    expect(place).toEqual({ answerVariant: 1, unclaimedBytes: 1 });
    expect(answerBytes.advance(place, 2 + 8 + 1)).toBe(3);
    expect(place).toEqual({ answerVariant: 0, unclaimedBytes: 1 });
  });
});
