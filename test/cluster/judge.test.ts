import { expect, test } from 'vitest';
import { judge, type Problem } from './judge.ts';
import type { Mark, Outcome, Publication, RunRecord, Sighting } from './records.ts';

const BEGUN: Mark = { mark: 'new', atMs: 0 };
const gap = (reason: string, atMs: number): Mark => ({ mark: 'gap', reason, atMs });

/** Messages 1 to 4, of publishers 1 and 2 in turn: each is published in the millisecond of its place. */
const [m1, m2, m3, m4] = [10_000_000, 20_000_000, 10_000_001, 20_000_001] as const;

function published(outcomes: Readonly<Record<number, Outcome>> = {}): Publication[] {
  return [m1, m2, m3, m4].map((id, i) => {
    return { id, topic: 't', beganMs: i + 1, endedMs: i + 1.5, outcome: outcomes[id] ?? 'stored' };
  });
}

function problemsOf(seen: readonly (readonly Sighting[])[], more: Partial<RunRecord> = {}): string[] {
  const subscribers = seen.map((sightings, i) => {
    const all = typeof sightings[0] === 'number' ? [BEGUN, ...sightings] : sightings;
    return { name: 'abc'[i]!, topic: 't', isKilled: false, seen: all };
  });
  const run = { publications: published(), subscribers, killedPublishers: new Set<number>(), ...more };
  return judge(run).problems.map(({ kind, text }: Problem) => `${kind}: ${text}`);
}

test.each<[what: string, seen: (readonly Sighting[])[], more?: Partial<RunRecord>]>([
  [
    'everything, in one order',
    [
      [m1, m2, m3, m4],
      [m1, m2, m3, m4],
    ],
  ],
  [
    'messages from before it began',
    [
      [m1, m2, m3, m4],
      [{ ...BEGUN, atMs: 2.5 }, m3, m4],
    ],
  ],
  [
    'less, behind a gap',
    [
      [m1, m2, m3, m4],
      [BEGUN, m1, gap('trimmed', 3.5), m4],
    ],
  ],
  ['a message twice, on both sides of a new epoch', [[BEGUN, m1, m2, gap('epoch', 2.7), m2, m3, m4]]],
  ['messages whose outcome is unknown', [[m1, m2, m4]], { publications: published({ [m3]: 'unknown' }) }],
  [
    'the last messages of a publisher that was killed',
    [[m1, m2, m3, m4, 30_000_000]],
    { killedPublishers: new Set([3]) },
  ],
  [
    'less, where a failover lost what it never saw',
    [
      [m1, m2, m4],
      [BEGUN, m1, m2, m3, gap('forked', 4), m4],
    ],
    { lostByFailover: new Set([m3]) },
  ],
])('is content with %s', (_, seen, more) => {
  expect(problemsOf(seen, more)).toEqual([]);
});

test.each<[problem: string, seen: (readonly Sighting[])[], more?: Partial<RunRecord>]>([
  ['lost: a in t: message 1/1 was acknowledged and never came, nor anything behind it', [[m1, m2, m4]]],
  ['lost: a in t: message 2/0 was acknowledged and never came, although message 2/1 came', [[m1, m3, m4]]],
  ['lost: a in t: message 1/0 was acknowledged and never came, although message 1/1 came; 2 in all', [[m3, m4]]],
  [
    'lost: a in t: message 2/1 was acknowledged and never came, nor anything behind it',
    [[BEGUN, m1, gap('slow', 3.5)]],
  ],
  ['doubled: a in t: message 2/0 came twice', [[m1, m2, m3, m2, m4]]],
  ['doubled: a in t: message 2/0 came twice', [[BEGUN, m1, m2, gap('trimmed', 3), m2, m3, m4]]],
  ['disorder: a in t: message 1/0 came behind message 1/1', [[m2, m3, m1, m4]]],
  [
    'disorder: b in t: message 2/0 came ahead of message 1/0, and behind it at a',
    [
      [m1, m2, m3, m4],
      [m2, m1, m3, m4],
    ],
  ],
  ['phantom: a in t: message 3/0 was never published', [[m1, m2, m3, m4, 30_000_000]]],
  [
    'phantom: a in t: message 1/1 came, and its publisher was told that it was not stored',
    [[m1, m2, m3, m4]],
    { publications: published({ [m3]: 'no' }) },
  ],
  [
    'hole: b in t: message 1/1 did not come, and others saw it behind message 2/0',
    [
      [m1, m2, m3, m4],
      [m1, m2, m4],
    ],
    { publications: published({ [m3]: 'unknown' }) },
  ],
  [
    'gap: a in t: message 1/1 is not in the log any more, which was not told',
    [[m1, m2, m3, m4]],
    { lostByFailover: new Set([m3]) },
  ],
  [
    'gap: a in t: a gap (forked) was told, and nothing that was seen is lost',
    [[BEGUN, m1, m2, gap('forked', 2.9), m4]],
    { lostByFailover: new Set([m3]) },
  ],
])('finds %s', (problem, seen, more) => {
  expect(problemsOf(seen, more)).toContain(problem);
});
