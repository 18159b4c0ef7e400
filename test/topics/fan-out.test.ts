import { expect, test } from 'vitest';
import { WriteBatch } from '../../src/connection/write-batch.ts';
import { writeEntryBytes } from '../../src/topics/entry-bytes.ts';
import { FanOut } from '../../src/topics/fan-out.ts';
import { TopicEntry } from '../../src/topics/topic-entry.ts';
import { TopicStats } from '../../src/topics/topic-stats.ts';
import { NEVER_DETACHED } from '../helpers/never-detached.ts';
import { RecordingTransport } from '../helpers/recording-transport.ts';
import { turns } from '../helpers/turns.ts';
import { RecordingFeedSink } from './recording-feed-sink.ts';

function entryOf(offset: number): TopicEntry {
  const entry = { offset, tag: offset, prev: offset - 1, at: 0, bytes: writeEntryBytes({ data: `"${offset}"` }) };
  return TopicEntry.read('t', 'e', entry, { offset: offset - 1, tag: offset - 1 }, 0)!;
}

/** A fan-out to subscribers each of whom writes what it gets to a socket. */
function setUp(count: number): {
  fanOut: FanOut;
  stats: TopicStats;
  transports: RecordingTransport[];
  order: string[];
} {
  const stats = new TopicStats();
  const fanOut = new FanOut(stats, 4096, 256);
  const order: string[] = [];
  const transports = Array.from({ length: count }, (_, i) => {
    const transport = new RecordingTransport();
    const batch = new WriteBatch(transport, NEVER_DETACHED);
    const sink = new RecordingFeedSink();
    sink.onData = (data) => {
      order.push(`${i}:${data} after ${transports.filter(({ calls }) => calls.length > 0).length} writes`);
      batch.appendShared(Buffer.from(data));
    };
    fanOut.add({ sink, cursor: undefined, liveIndex: -1, fallBehind: () => {}, goOn: () => {} });
    return transport;
  });
  return { fanOut, stats, transports, order };
}

test('the first of many subscribers have their entries on the way before the last are visited', async () => {
  const { fanOut, stats, transports, order } = setUp(200);
  for (const offset of [1, 2, 3]) fanOut.push(entryOf(offset));
  await turns(2);
  expect(order.slice(0, 3)).toEqual(['0:"1" after 0 writes', '1:"1" after 0 writes', '2:"1" after 0 writes']);
  expect(order.at(-1)).toBe('199:"3" after 192 writes');
  // What was announced together leaves in one write of each socket.
  for (const { calls } of transports) expect(calls).toEqual(['"1""2""3"']);
  expect(stats.delivered).toBe(600);
  expect(stats.deliverTimes.figures.p50).toBeGreaterThan(0);
});

test('few subscribers get an entry at once', () => {
  const { fanOut, order } = setUp(64);
  fanOut.push(entryOf(1));
  expect(order).toHaveLength(64);
});

test('more entries at once than may wait are delivered while no round is under way', async () => {
  const { fanOut, transports } = setUp(65);
  for (let offset = 1; offset <= 600; offset++) fanOut.push(entryOf(offset));
  await turns(2);
  for (const { calls } of transports) expect(calls.join('').match(/\d+/g)).toHaveLength(600);
});
