import { describe, expect, test } from 'vitest';
import { countCopies } from '../../scripts/simulate/copies.ts';
import { loseRegion, loseRelay, loseShard } from '../../scripts/simulate/losses.ts';
import { writePage } from '../../scripts/simulate/page.ts';
import { chooseShard, type Shard } from '../../scripts/simulate/rendezvous.ts';
import { moveTopic } from '../../scripts/simulate/resharding.ts';
import { comeBack } from '../../scripts/simulate/storm.ts';
import { World, type WorldSettings } from '../../scripts/simulate/world.ts';
import { createRandom } from '../soak/random.ts';

const SMALL: WorldSettings = {
  regions: 3,
  nodesPerRegion: 5,
  shards: 6,
  topics: 2000,
  clients: 3000,
  topicsPerClient: 3,
  zipf: 1.05,
  locality: 0.8,
  publishesPerSecond: 1000,
};

const TOPICS = Array.from({ length: 50_000 }, (_, topic) => topic);
const shardsOf = (count: number): Shard[] => Array.from({ length: count }, (_, id) => ({ id, weight: 1 }));

describe('chooseShard', () => {
  test.each([
    [1, 1 / 25],
    [2, 2 / 26],
  ])('a 25th shard of weight %d gets its part of the topics, and no topic moves elsewhere', (weight, part) => {
    const before = shardsOf(24);
    const after = [...before, { id: 24, weight }];
    const moved = TOPICS.filter((topic) => chooseShard(topic, before) !== chooseShard(topic, after));
    expect(moved.length / TOPICS.length).toBeCloseTo(part, 2);
    expect(moved.filter((topic) => chooseShard(topic, after) !== 24)).toEqual([]);
  });

  test('spreads topics evenly', () => {
    const counts = new Uint32Array(24);
    for (const topic of TOPICS) counts[chooseShard(topic, shardsOf(24))]!++;
    expect(Math.max(...counts) / Math.min(...counts)).toBeLessThan(1.15);
  });
});

test('the same seed makes the same page, another one another', () => {
  const page = writePage(new World(1, SMALL));
  expect(writePage(new World(1, SMALL))).toBe(page);
  expect(writePage(new World(2, SMALL))).not.toBe(page);
});

test('interest and relays reach all nodes with subscribers, and no others', () => {
  const world = new World(3, { ...SMALL, topics: 1, clients: 7, topicsPerClient: 1 });
  // Nodes 0 to 4 of the first region and 5 and 6 of the second one have subscribers of the only topic.
  expect([...world.nodesOf(0)]).toEqual([0, 1, 2, 3, 4, 5, 6]);
  const inFirst = new Uint8Array(1);
  expect(countCopies(world, 'flooding', inFirst, 10)).toEqual({ fromShards: 15, overWan: 10, busiest: 6 });
  expect(countCopies(world, 'interest', inFirst, 10)).toEqual({ fromShards: 7, overWan: 2, busiest: 6 });
  expect(countCopies(world, 'relays', inFirst, 10)).toEqual({ fromShards: 6, overWan: 1, busiest: 6 });
});

test('publications to a lost shard wait for 10 s, and are refused then', () => {
  const world = new World(4, { ...SMALL, shards: 1, regions: 1 });
  const short = loseShard(world, 5);
  expect(short).toMatchObject({ topics: 1, publishes: expect.closeTo(1), clients: 1, late: 5000, refused: 0 });
  const long = loseShard(world, 40);
  expect(long.late + long.refused).toBe(40_000);
  expect(long.late).toBeGreaterThan(9500);
  expect(long.late).toBeLessThan(10_500);
});

test('a lost relay is a gap only for topics with more messages than their history holds', () => {
  const world = new World(5, { ...SMALL, topics: 2, zipf: 0, publishesPerSecond: 100 });
  // Each topic gets 50 messages a second.
  expect(loseRelay(world, 1, 5)).toMatchObject({ topics: 2, reads: 2, readsWithoutRelays: 10, gapTopics: 0 });
  expect(loseRelay(world, 1, 6)).toMatchObject({ gapTopics: 2, gapSubscriptions: 1 });
});

test('with a home region, a lost region takes the topics of its own clients', () => {
  const world = new World(6, SMALL);
  const home = loseRegion(world, world.homeShardOf);
  expect(home.ownSubscriptions).toBeGreaterThan(0.8);
  expect(home.otherSubscriptions).toBeLessThan(0.15);
  expect(home).toMatchObject({ connectionsBefore: 200, connectionsAfter: 300 });
});

test('clients that come back wait for the limits of their node', () => {
  const world = new World(7, SMALL);
  const storm = comeBack(world, 1, () => 0);
  expect(storm).toMatchObject({ peak: 1000, mostWaiting: 963 });
  // 3 000 subscriptions, 5 000 a second.
  expect(storm.allLiveSeconds).toBeCloseTo(0.6, 1);
  expect(comeBack(world, 1, (random) => 5000 * random())).toMatchObject({ mostWaiting: expect.closeTo(0, -1) });
});

describe('moveTopic', () => {
  const random = createRandom(8);
  const moves = (oldDiesMs: (i: number) => number | undefined) =>
    Array.from({ length: 300 }, (_, i) =>
      moveTopic(random, { publishesPerSecond: 1 + (i % 100) * 10, delayMs: 20, oldDiesMs: oldDiesMs(i) }),
    );

  test('loses nothing while the old shard lives, and holds publications up for two ways', () => {
    const all = moves(() => undefined);
    expect(all.filter(({ outcome }) => outcome === 'gap')).toEqual([]);
    expect(all.some(({ isClosedFirst }) => isClosedFirst)).toBe(true);
    expect(Math.max(...all.map(({ waitMs }) => waitMs))).toBe(40);
  });

  test('tells a gap where the old shard was lost with entries that were not copied', () => {
    const all = moves((i) => i);
    const gaps = all.filter(({ outcome }) => outcome === 'gap');
    expect(gaps.length).toBeGreaterThan(50);
    // The offset of most lost entries is used again: only their tags show it.
    expect(gaps.filter(({ isSilentByOffset }) => isSilentByOffset).length).toBeGreaterThan(50);
  });
});
