import { expect, test } from 'vitest';
import { Ring, RingBudget } from '../../src/topics/ring.ts';
import { TopicEntry } from '../../src/topics/topic-entry.ts';
import { writeEntryBytes } from '../../src/topics/entry-bytes.ts';

const RETENTION = { messages: 256, seconds: 300, bytes: 1_048_576, stateSeconds: 86_400 };
const NOWHERE = { offset: 0, tag: 0 };

/** The only entry of its topic. */
function entryAt(nowMs: number): TopicEntry {
  const entry = { offset: 1, tag: 1, prev: 0, prevTag: 0, at: 0, bytes: writeEntryBytes({ data: '"x"' }) };
  return TopicEntry.read('t', 'e', entry, NOWHERE, nowMs)!;
}

/** Time in milliseconds for 100 entries, each of which finds the memory full: of the fastest round. */
function timeOf(ringCount: number): number {
  const entry = entryAt(0);
  const budget = new RingBudget(entry.heldBytes * ringCount);
  const rings = Array.from({ length: 2 * ringCount }, () => new Ring(budget, RETENTION));
  let next = 0;
  const push = (): void => rings[next++ % rings.length]!.push(entry);
  for (let i = 0; i < 1.5 * ringCount; i++) push();
  const times = Array.from({ length: 20 }, () => {
    const startMs = performance.now();
    for (let i = 0; i < 100; i++) push();
    return performance.now() - startMs;
  });
  return Math.min(...times);
}

test('the ring that was used longest ago is emptied first', () => {
  const budget = new RingBudget(entryAt(0).heldBytes * 4);
  const [one, other, third, last] = [0, 1, 2, 3].map(() => new Ring(budget, RETENTION));
  one!.push(entryAt(0));
  other!.push(entryAt(1));
  third!.push(entryAt(2));
  one!.push(entryAt(2000));
  last!.push(entryAt(2001));
  expect([one, other, third, last].map((ring) => ring!.count)).toEqual([2, 0, 1, 1]);
});

test('a ring is emptied for another one as fast as entries come, however many rings there are', () => {
  timeOf(1000);
  expect(timeOf(100_000)).toBeLessThan(15 * timeOf(1000));
});
