import type { Benchmark } from '../benchmark.ts';
import type { LoadPlan } from '../load/load.ts';
import type { MessageShape } from '../messages.ts';
import { checkOpenFiles } from '../open-files.ts';
import { measureExchange } from './message-flow.ts';
import { withEchoes } from './processes.ts';

type Side = 'server' | 'client';

const SHAPE: MessageShape = { kind: 'text', bytes: 64 };

/** The number is high because the code of a handshake is long, and V8 takes long to compile it. */
const WARM_UP_HANDSHAKES = 4000;
const HANDSHAKES = 4000;

interface IdleLoad {
  readonly name: string;
  readonly title: string;
  readonly side: Side;
  readonly shape: MessageShape;
}

const IDLE_CONNECTIONS = 10_000;
/** Connections that are opened before the first measurement, so that the heap has its size and all code is compiled. */
const FIRST_IDLE_CONNECTIONS = 2000;

const IDLE_LOADS: readonly IdleLoad[] = [
  {
    name: 'idle-memory',
    title: 'Idle memory',
    side: 'server',
    shape: SHAPE,
  },
  {
    name: 'idle-memory-compressed',
    title: 'Idle memory, compressed',
    side: 'server',
    // The size is ws's threshold of compression.
    shape: { kind: 'object', bytes: 1024, isCompressed: true },
  },
  {
    name: 'client-idle-memory',
    title: 'Client, idle memory',
    side: 'client',
    shape: SHAPE,
  },
];

/**
 * Measures opening connections, as a server and as clients of one process. They stay open, so their end does not count.
 */
export const handshakes: readonly Benchmark[] = [
  handshake('handshakes', 'Handshakes', 'server'),
  handshake('client-handshakes', 'Client, handshakes', 'client'),
];

/** Measures the memory of a connection that has sent and received one message. */
export const idleMemories: readonly Benchmark[] = IDLE_LOADS.map(idleMemory);

function handshake(name: string, title: string, side: Side): Benchmark {
  return {
    name,
    title: `${title}, ${HANDSHAKES} connections`,
    metrics: [
      { name: 'throughput', title: 'handshakes/s', better: 'higher', dependsOnLoad: true },
      { name: 'cpu', title: 'CPU µs/handshake', better: 'lower' },
    ],
    headline: 'cpu',
    side,
    measure: (peer, settings) =>
      withEchoes(side, peer, SHAPE, settings, async (ends) => {
        await ends.open(openPlan(SHAPE, WARM_UP_HANDSHAKES, false));
        const measurement = { benchmark: name, peer, settings, ...ends };
        return measureExchange(measurement, () => ends.open(openPlan(SHAPE, HANDSHAKES, false)));
      }),
  };
}

function idleMemory({ name, title, side, shape }: IdleLoad): Benchmark {
  return {
    name,
    title: `${title}, ${IDLE_CONNECTIONS} connections`,
    metrics: [
      { name: 'rss', title: 'RSS bytes/connection', better: 'lower' },
      { name: 'heap', title: 'heap bytes/connection', better: 'lower' },
    ],
    headline: 'rss',
    side: shape.isCompressed === true ? `compressing ${side}` : side,
    maxRounds: 3,
    async measure(peer, settings) {
      checkOpenFiles(IDLE_CONNECTIONS);
      return withEchoes(side, peer, shape, settings, async ({ subject, open }) => {
        const count = IDLE_CONNECTIONS - FIRST_IDLE_CONNECTIONS;
        await open(openPlan(shape, FIRST_IDLE_CONNECTIONS, true));
        const before = await subject.ask('usage', true);
        await open(openPlan(shape, count, true));
        const after = await subject.ask('usage', true);
        const rss = (after.rssBytes - before.rssBytes) / count;
        const heap = (after.heapBytes - before.heapBytes) / count;
        return { figures: { rss, heap } };
      });
    },
  };
}

function openPlan(
  shape: MessageShape,
  connections: number,
  checksAnswers: boolean,
): Omit<LoadPlan, 'port' | 'pattern'> {
  return { shape, connections, inFlight: 1, checksAnswers };
}
