import { expect, test } from 'vitest';
import { type Job, TopicLanes } from '../../src/server/topic-lanes.ts';

function setUp(): { lanes: TopicLanes; told: string[]; running: Map<string, () => void>; job: (name: string) => Job } {
  const told: string[] = [];
  const lanes = new TopicLanes({ onLanesFull: () => told.push('full'), onLanesFree: () => told.push('free') });
  const running = new Map<string, () => void>();
  return { lanes, told, running, job: (name) => (done) => void running.set(name, done) };
}

/** Ends a job that runs. */
function end(running: Map<string, () => void>, name: string): void {
  const done = running.get(name)!;
  running.delete(name);
  done();
}

test('jobs of one lane run in order, one at a time, and eight lanes at once', () => {
  const { lanes, running, job } = setUp();
  for (const name of ['a1', 'a2', 'a3', 'b1', 'c1', 'd1', 'e1', 'f1', 'g1', 'h1', 'i1', 'j1']) {
    lanes.add(name[0], job(name));
  }
  expect([...running.keys()]).toEqual(['a1', 'b1', 'c1', 'd1', 'e1', 'f1', 'g1', 'h1']);
  end(running, 'a1');
  // Lanes that have waited longer come first.
  expect([...running.keys()].slice(7)).toEqual(['i1']);
  end(running, 'b1');
  end(running, 'c1');
  expect([...running.keys()].slice(6)).toEqual(['j1', 'a2']);
  end(running, 'a2');
  expect(running.has('a3')).toBe(true);
});

test('a thousand jobs that are over at once need no stack frames, and keep their order', () => {
  const { lanes, running, job } = setUp();
  const order: number[] = [];
  lanes.add('a', job('first'));
  for (let i = 0; i < 10_000; i++) {
    lanes.add('a', (done) => {
      order.push(i);
      done();
    });
  }
  expect(order).toEqual([]);
  end(running, 'first');
  expect(order).toEqual(Array.from({ length: 10_000 }, (_, i) => i));
});

test('tells once when a hundred jobs wait, and once when fewer do', () => {
  const { lanes, told, running, job } = setUp();
  lanes.add('a', job('1'));
  for (let i = 2; i <= 100; i++) lanes.add('a', job(`${i}`));
  expect(told).toEqual([]);
  lanes.add('a', job('101'));
  lanes.add('a', job('102'));
  expect([told, lanes.isFull]).toEqual([['full'], true]);
  end(running, '1');
  expect(told).toEqual(['full']);
  end(running, '2');
  end(running, '3');
  expect([told, lanes.isFull]).toEqual([['full', 'free'], false]);
});

test('after the end nothing begins any more', () => {
  const { lanes, told, running, job } = setUp();
  lanes.add('a', job('1'));
  lanes.add('a', job('2'));
  lanes.end();
  lanes.add('b', job('3'));
  end(running, '1');
  expect([running.size, told]).toEqual([0, []]);
});
