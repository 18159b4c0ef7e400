import { afterEach, describe, expect, test } from 'vitest';
import { forgetSharedFrames, SharedFrames } from '../../src/connection/shared-frames.ts';

const [A, B, C] = ['a', 'bb', 'ccc'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];

afterEach(forgetSharedFrames);

describe('frames that many connections send', () => {
  test('are concatenated in order', () => {
    const frames = SharedFrames.first(A).append(B).append(C).append(A);
    expect(frames.bytes.toString()).toBe('abbccca');
    expect(frames.byteCount).toBe(7);
  });

  test('are concatenated once for all connections that send the same frames', () => {
    const sequences = [1, 2, 3].map(() => SharedFrames.first(A));
    const longer = sequences.map((frames) => frames.append(B)).map((frames) => frames.append(C));
    expect(longer[0]!.bytes.toString()).toBe('abbccc');
    expect(longer.every(({ bytes }) => bytes === longer[0]!.bytes)).toBe(true);
  });

  test('are not copied when there is one only', () => {
    expect(SharedFrames.first(B).bytes).toBe(B);
  });

  test('branch where connections send different frames', () => {
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

  test('are not shared with another frame of equal bytes', () => {
    const frames = SharedFrames.first(A);
    expect(SharedFrames.first(Buffer.from('a'))).not.toBe(frames);
  });

  test('are forgotten by forgetSharedFrames()', () => {
    const frames = SharedFrames.first(A);
    forgetSharedFrames();
    expect(SharedFrames.first(A)).not.toBe(frames);
  });
});
