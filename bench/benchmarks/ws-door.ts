import { type Benchmark, flowOf, lower } from '../benchmark.ts';
import { ROOMS, type Workload } from '../peers/peer.ts';
import { between, measureFlow } from './measure.ts';

const ECHO: Workload = { behaviour: 'echo', shape: { kind: 'text', bytes: 64 } };
const ROOM: Workload = { behaviour: 'topics', shape: { kind: 'object', bytes: 64 } };
const IN_ROOM = { topics: ['room'], bytes: 40 };
const IDLE = 4000;
const FIRST_IDLE = 1000;

function echo(burst: number): Benchmark {
  return {
    name: `ws-door-echo-${burst}`,
    metrics: flowOf('message'),
    side: 'ws api',
    measure: between('server', ECHO, async (measurement) => {
      await measurement.open({ connections: 64, burst, checksAnswers: true });
      return measureFlow(measurement, burst);
    }),
  };
}

function room(burst: number): Benchmark {
  return {
    name: `ws-door-room-${burst}`,
    metrics: flowOf('delivery'),
    side: 'ws engine',
    baseline: ROOMS,
    measure: between('server', ROOM, async (measurement) => {
      await measurement.openTopics({ ...IN_ROOM, connections: 500 });
      return measureFlow(measurement, burst);
    }),
  };
}

/** What programs written for ws get from the door `ws` of this library, and Socket.IO from it below. */
export const wsDoorBenchmarks: readonly Benchmark[] = [
  echo(1),
  echo(16),
  room(1),
  room(16),
  {
    name: 'ws-door-idle-memory',
    metrics: lower('RSS bytes/client', 'heap bytes/client'),
    side: 'ws engine',
    baseline: ROOMS,
    maxRounds: 3,
    measure: between('server', ROOM, async ({ subject, openTopics }) => {
      await openTopics({ ...IN_ROOM, connections: FIRST_IDLE });
      const before = await subject.ask('usage', true);
      await openTopics({ ...IN_ROOM, connections: IDLE });
      const after = await subject.ask('usage', true);
      const [rss, heap] = [after.rssBytes - before.rssBytes, after.heapBytes - before.heapBytes];
      return { figures: { 'RSS bytes/client': rss / IDLE, 'heap bytes/client': heap / IDLE } };
    }),
  },
];
