import type { Benchmark } from '../benchmark.ts';
import type { LoadPlan } from '../load/load.ts';
import type { MessageShape } from '../messages.ts';
import { measureExchange, type Measurement } from './message-flow.ts';
import { withServer } from './processes.ts';

const SHAPE: MessageShape = { kind: 'text', bytes: 64 };

/** So many, because the code of a handshake is long and takes its time to be compiled. */
const WARM_UP_HANDSHAKES = 4000;
const HANDSHAKES = 4000;

interface IdleLoad {
  readonly name: string;
  readonly title: string;
  readonly shape: MessageShape;
  readonly side: Benchmark['side'];
}

const IDLE_CONNECTIONS = 10_000;
/** Opened before the first look at the memory: the heap then has its size, and all code is compiled. */
const FIRST_IDLE_CONNECTIONS = 2000;

const IDLE_LOADS: readonly IdleLoad[] = [
  {
    name: 'idle-memory',
    title: 'Idle memory',
    shape: SHAPE,
    side: 'server',
  },
  {
    name: 'idle-memory-compressed',
    title: 'Idle memory, compressed',
    // As long as a message must be for ws to compress it.
    shape: { kind: 'object', bytes: 1024, isCompressed: true },
    side: 'compressing server',
  },
];

/** Opening connections; they stay open, so that ending them is no part of it. */
export const handshakes: Benchmark = {
  name: 'handshakes',
  title: `Handshakes, ${HANDSHAKES} connections`,
  metrics: [
    { name: 'throughput', title: 'handshakes/s', better: 'higher', dependsOnLoad: true },
    { name: 'cpu', title: 'CPU µs/handshake', better: 'lower' },
  ],
  headline: 'cpu',
  side: 'server',
  measure: (peer, settings) =>
    withServer(peer, { behaviour: 'echo', shape: SHAPE }, settings, async (server, load, port) => {
      await load.ask('open', openPlan(port, SHAPE, WARM_UP_HANDSHAKES, false));
      const measurement: Measurement = { benchmark: 'handshakes', peer, settings, subject: server, load };
      return measureExchange(measurement, () => load.ask('open', openPlan(port, SHAPE, HANDSHAKES, false)));
    }),
};

/** What a connection holds that has sent and received one message and waits for the next. */
export const idleMemories: readonly Benchmark[] = IDLE_LOADS.map(({ name, title, shape, side }) => ({
  name,
  title: `${title}, ${IDLE_CONNECTIONS} connections`,
  metrics: [
    { name: 'rss', title: 'RSS bytes/connection', better: 'lower' },
    { name: 'heap', title: 'heap bytes/connection', better: 'lower' },
  ],
  headline: 'rss',
  side,
  maxRounds: 3,
  measure: (peer, settings) =>
    withServer(peer, { behaviour: 'echo', shape }, settings, async (server, load, port) => {
      const count = IDLE_CONNECTIONS - FIRST_IDLE_CONNECTIONS;
      await load.ask('open', openPlan(port, shape, FIRST_IDLE_CONNECTIONS, true));
      const before = await server.ask('usage', true);
      await load.ask('open', openPlan(port, shape, count, true));
      const after = await server.ask('usage', true);
      const rss = (after.rssBytes - before.rssBytes) / count;
      const heap = (after.heapBytes - before.heapBytes) / count;
      return { figures: { rss, heap } };
    }),
}));

function openPlan(port: number, shape: MessageShape, connections: number, checksAnswers: boolean): LoadPlan {
  return { port, shape, connections, pattern: 'echo', inFlight: 1, checksAnswers };
}
