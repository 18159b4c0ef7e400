import { afterEach, describe, expect, test } from 'vitest';
import { forgetSharedFrames, SharedFrames } from '../../src/connection/shared-frames.ts';

const [A, B, C] = ['a', 'bb', 'ccc'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];

afterEach(forgetSharedFrames);

describe('frames that many connections send', () => {
  test('are put together in order', () => {
    const run = SharedFrames.first(A).append(B).append(C).append(A);
    expect(run.bytes.toString()).toBe('abbccca');
    expect(run.byteCount).toBe(7);
  });

  test('are put together once for all that send the same', () => {
    const runs = [1, 2, 3].map(() => SharedFrames.first(A));
    const longer = runs.map((run) => run.append(B)).map((run) => run.append(C));
    expect(longer[0]!.bytes.toString()).toBe('abbccc');
    expect(longer.every(({ bytes }) => bytes === longer[0]!.bytes)).toBe(true);
  });

  test('a single one is not copied', () => {
    expect(SharedFrames.first(B).bytes).toBe(B);
  });

  test('part where connections send something else', () => {
    const both = SharedFrames.first(A).append(B);
    const [one, other] = [both.append(C), both.append(A)];
    expect([one, other, both, both.append(C)].map(({ bytes }) => bytes.toString())).toEqual([
      'abbccc',
      'abba',
      'abb',
      'abbccc',
    ]);
    expect([A, B, C].map(String)).toEqual(['a', 'bb', 'ccc']);
  });

  test('equal bytes of another message are another run', () => {
    const run = SharedFrames.first(A);
    expect(SharedFrames.first(Buffer.from('a'))).not.toBe(run);
  });

  test('are forgotten after the turn', () => {
    const run = SharedFrames.first(A);
    forgetSharedFrames();
    expect(SharedFrames.first(A)).not.toBe(run);
  });
});
