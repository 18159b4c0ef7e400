import { describe, expect, test } from 'vitest';
import { AnswerBytes } from '../../bench/load/answer-bytes.ts';
import type { AnswerPlace } from '../../bench/load/answers.ts';

describe.each([[[3]], [[3, 5, 4]], [[66, 66, 66]], [[65_536, 1, 65_536]], [[200_000, 70_000]]])(
  'answers of %j bytes',
  (lengths) => {
    const answers = lengths.map((length, variant) =>
      Buffer.from(Uint8Array.from({ length }, (_, i) => (i + 100 * variant) % 251)),
    );
    const stream = Buffer.concat([...answers, ...answers, ...answers]);
    const answerBytes = new AnswerBytes(answers);

    test('match and count in any pieces', () => {
      for (const piece of [1, 7, 66, 65_537, stream.length]) {
        if (piece * 5000 < stream.length) continue;
        const place: AnswerPlace = { answerVariant: 0, unclaimedBytes: 0 };
        let count = 0;
        for (let at = 0; at < stream.length; at += piece) {
          const bytes = stream.subarray(at, at + piece);
          count += answerBytes.read(place, bytes.length, bytes);
        }
        expect({ count, ...place }).toEqual({ count: 3 * lengths.length, answerVariant: 0, unclaimedBytes: 0 });
      }
    });

    test('match from any answer on', () => {
      answers.forEach((_, answerVariant) => {
        const before = Buffer.concat(answers.slice(0, answerVariant)).length;
        const rest = stream.subarray(before);
        const place = { answerVariant, unclaimedBytes: 0 };
        expect(answerBytes.read(place, rest.length, rest)).toBe(3 * lengths.length - answerVariant);
      });
    });

    test('do not match when one byte differs', () => {
      for (const at of [0, lengths[0]!, stream.length - 1]) {
        const wrong = Buffer.from(stream);
        wrong[at]! ^= 1;
        expect(answerBytes.read({ answerVariant: 0, unclaimedBytes: 0 }, wrong.length, wrong)).toBe(-1);
      }
    });

    test('do not match from a wrong place on, and bytes behind the count are ignored', () => {
      const first = answers[0]!;
      expect(answerBytes.read({ answerVariant: 0, unclaimedBytes: 1 }, stream.length, stream)).toBe(-1);
      const more = Buffer.concat([first, Buffer.from('x')]);
      expect(answerBytes.read({ answerVariant: 0, unclaimedBytes: 0 }, first.length, more)).toBe(1);
    });
  },
);

describe('answers that differ', () => {
  const [first, second] = [Buffer.from('first'), Buffer.from('2nd')];
  const answerBytes = new AnswerBytes([first, second]);

  test.each([
    ['in another order', [second, first]],
    ['twice', [first, first]],
    ['with a missing answer', [first, second, second]],
  ])('do not match %s', (_, wrong) => {
    const bytes = Buffer.concat(wrong);
    expect(answerBytes.read({ answerVariant: 0, unclaimedBytes: 0 }, bytes.length, bytes)).toBe(-1);
  });

  test('count when complete, and keep the place within the next answer', () => {
    const place: AnswerPlace = { answerVariant: 0, unclaimedBytes: 0 };
    const read = (text: string): number => answerBytes.read(place, text.length, Buffer.from(text));
    expect(read('firs')).toBe(0);
    expect(place).toEqual({ answerVariant: 0, unclaimedBytes: 4 });
    expect(read('t2')).toBe(1);
    expect(place).toEqual({ answerVariant: 1, unclaimedBytes: 1 });
    expect(read('ndfirst2ndf')).toBe(3);
    expect(place).toEqual({ answerVariant: 0, unclaimedBytes: 1 });
  });
});
