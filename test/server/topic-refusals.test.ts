import { expect, test } from 'vitest';
import { TopicRefusals } from '../../src/server/topic-refusals.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';

const RATE = { code: 'rate', message: 'too many', retryMs: 9 } as const;

/** Lets publications come, and tells whether each may pass: `-` where it must wait. */
function come(refusals: TopicRefusals, mids: string): string {
  return mids.replaceAll(/\w/g, (mid) => (refusals.findFor(refusals.arrive(mid)) === undefined ? mid : '-'));
}

test('publications that were refused for now come again in their order, and the others behind them', () => {
  useFakeClock();
  const refusals = new TopicRefusals();
  const [a, b] = [refusals.arrive('a'), refusals.arrive('b')];
  // Different topics: the later one is refused first.
  refusals.note(b, RATE);
  refusals.note(a, RATE);
  expect(come(refusals, 'cbdacbcdef')).toBe('---a-bcdef');
});

test('a publication that is refused once more keeps its place', () => {
  useFakeClock();
  const refusals = new TopicRefusals();
  for (const mid of ['a', 'b']) refusals.note(refusals.arrive(mid), RATE);
  const again = refusals.arrive('a');
  expect(refusals.findFor(again)).toBeUndefined();
  refusals.note(again, RATE);
  expect(come(refusals, 'bab')).toBe('-ab');
});

test('a client that does not come back to what was refused is held back for 5 s, others not at all', async () => {
  const clock = useFakeClock();
  const refusals = new TopicRefusals();
  refusals.note(refusals.arrive('a'), RATE);
  await clock.advance(4999);
  expect(come(refusals, 'b')).toBe('-');
  expect(refusals.findFor(refusals.arrive(undefined))).toBeUndefined();
  await clock.advance(5000);
  expect(come(refusals, 'c')).toBe('c');
});

test('keeps the places of 1 000 publications at most', () => {
  useFakeClock();
  const refusals = new TopicRefusals();
  for (let n = 0; n < 1500; n++) refusals.note(refusals.arrive(`${n}`), RATE);
  for (let n = 0; n < 1000; n++) expect(refusals.findFor(refusals.arrive(`${n}`))).toBeUndefined();
  expect(refusals.findFor(refusals.arrive('new'))).toBeUndefined();
});
