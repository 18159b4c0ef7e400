import type { Benchmark } from '../benchmark.ts';
import type { LoadPlan } from '../load/load.ts';
import type { MessageShape } from '../messages.ts';
import { measureExchange, type Measurement } from './message-flow.ts';
import { withServer } from './processes.ts';

const SHAPE: MessageShape = { kind: 'text', bytes: 64 };

/** So many, because the code of a handshake is long and takes its time to be compiled. */
const WARM_UP_HANDSHAKES = 4000;
const HANDSHAKES = 4000;

const IDLE_CONNECTIONS = 10_000;
/** Opened before the first look at the memory: the heap then has its size, and all code is compiled. */
const FIRST_IDLE_CONNECTIONS = 2000;

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
      await load.ask('open', openPlan(port, WARM_UP_HANDSHAKES, false));
      const measurement: Measurement = { benchmark: 'handshakes', peer, settings, subject: server, load };
      return measureExchange(measurement, () => load.ask('open', openPlan(port, HANDSHAKES, false)));
    }),
};

/** What a connection holds that has sent and received one message and waits for the next. */
export const idleMemory: Benchmark = {
  name: 'idle-memory',
  title: `Idle memory, ${IDLE_CONNECTIONS} connections`,
  metrics: [
    { name: 'rss', title: 'RSS bytes/connection', better: 'lower' },
    { name: 'heap', title: 'heap bytes/connection', better: 'lower' },
  ],
  headline: 'rss',
  side: 'server',
  maxRounds: 3,
  measure: (peer, settings) =>
    withServer(peer, { behaviour: 'echo', shape: SHAPE }, settings, async (server, load, port) => {
      const count = IDLE_CONNECTIONS - FIRST_IDLE_CONNECTIONS;
      await load.ask('open', openPlan(port, FIRST_IDLE_CONNECTIONS, true));
      const before = await server.ask('usage', true);
      await load.ask('open', openPlan(port, count, true));
      const after = await server.ask('usage', true);
      const rss = (after.rssBytes - before.rssBytes) / count;
      const heap = (after.heapBytes - before.heapBytes) / count;
      return { figures: { rss, heap } };
    }),
};

function openPlan(port: number, connections: number, checksAnswers: boolean): LoadPlan {
  return { port, shape: SHAPE, connections, pattern: 'echo', inFlight: 1, checksAnswers };
}
