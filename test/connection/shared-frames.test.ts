import { afterEach, describe, expect, test } from 'vitest';
import { forgetSharedRun, SharedRun } from '../../src/connection/shared-frames.ts';

const [A, B, C] = ['a', 'bb', 'ccc'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];

afterEach(forgetSharedRun);

describe('frames that many connections send', () => {
  test('are put together in order', () => {
    const run = SharedRun.of(A).with(B).with(C).with(A);
    expect(run.bytes.toString()).toBe('abbccca');
    expect(run.byteCount).toBe(7);
  });

  test('are put together once for all that send the same', () => {
    const runs = [1, 2, 3].map(() => SharedRun.of(A));
    const longer = runs.map((run) => run.with(B)).map((run) => run.with(C));
    expect(longer[0]!.bytes.toString()).toBe('abbccc');
    expect(longer.every(({ bytes }) => bytes === longer[0]!.bytes)).toBe(true);
  });

  test('a single one is not copied', () => {
    expect(SharedRun.of(B).bytes).toBe(B);
  });

  test('part where connections send something else', () => {
    const both = SharedRun.of(A).with(B);
    const [one, other] = [both.with(C), both.with(A)];
    expect([one, other, both, both.with(C)].map(({ bytes }) => bytes.toString())).toEqual([
      'abbccc',
      'abba',
      'abb',
      'abbccc',
    ]);
    expect([A, B, C].map(String)).toEqual(['a', 'bb', 'ccc']);
  });

  test('equal bytes of another message are another run', () => {
    const run = SharedRun.of(A);
    expect(SharedRun.of(Buffer.from('a'))).not.toBe(run);
  });

  test('are forgotten after the turn', () => {
    const run = SharedRun.of(A);
    forgetSharedRun();
    expect(SharedRun.of(A)).not.toBe(run);
  });
});
