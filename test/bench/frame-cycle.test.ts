import { expect, test } from 'vitest';
import { FrameCycle } from '../../bench/load/frame-cycle.ts';

test('runs of frames of any lengths repeat the cycle', () => {
  const cycle = new FrameCycle([Buffer.from('a'), Buffer.from('bb'), Buffer.from('ccc')], 5);
  expect(cycle.length).toBe(3);
  expect(cycle.run(0, 1).toString()).toBe('a');
  expect(cycle.run(1, 2).toString()).toBe('bbccc');
  expect(cycle.run(2, 2).toString()).toBe('ccca');
  expect(cycle.run(2, 5).toString()).toBe('cccabbccca');
  expect(cycle.run(1, 0)).toHaveLength(0);
  expect([cycle.after(0, 1), cycle.after(2, 1), cycle.after(1, 5)]).toEqual([1, 0, 0]);
});
