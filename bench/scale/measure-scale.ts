import { setTimeout as sleep } from 'node:timers/promises';
import type { Processors } from '../benchmark.ts';
import type { Usage } from '../processes/calls.ts';
import { Remote } from '../processes/remote.ts';
import type { LoopDelay, ScaleClientsCalls, ScaleServerCalls } from '../processes/scale-calls.ts';
import { clockMs } from './clock.ts';
import type { Shard } from './process-plan.ts';
import type { BroadcastFigures, ScaleResult, ServerFigures } from './scale-result.ts';
import type { BroadcastWay, ScalePeer } from './scale-server.ts';

/** Share of a shard's connections that are opened before the first measurement of memory, so that all code has run. */
const FIRST_SHARE = 0.1;
const MAX_FIRST_CONNECTIONS = 1000;
const MESSAGE_BYTES = 64;

/** Settings of a measurement. */
export interface ScaleSettings {
  readonly peer: ScalePeer;
  readonly shards: readonly Shard[];
  readonly rounds: number;
  readonly idleMs: number;
  /** Processors that servers and clients are pinned to. */
  readonly processors: Processors | undefined;
}

interface Pair {
  readonly shard: Shard;
  readonly server: Remote<ScaleServerCalls>;
  readonly clients: Remote<ScaleClientsCalls>;
}

/**
 * Opens connections to one peer, sends messages to all, and leaves them idle. Rejects when anything was lost or
 * doubled.
 */
export async function measureScale(settings: ScaleSettings, onProgress: (text: string) => void): Promise<ScaleResult> {
  const pairs = settings.shards.map((shard): Pair => ({
    shard,
    server: new Remote('scale-server', { processor: settings.processors?.subject }),
    clients: new Remote('scale-clients', { processor: settings.processors?.load }),
  }));
  try {
    return await measure(pairs, settings, onProgress);
  } finally {
    // The clients stop first, because they reset their connections, which leaves no port in TIME_WAIT.
    await Promise.all(pairs.map(({ clients }) => clients.stop()));
    await Promise.all(pairs.map(({ server }) => server.stop()));
  }
}

async function measure(
  pairs: readonly Pair[],
  { peer, rounds, idleMs }: ScaleSettings,
  onProgress: (text: string) => void,
): Promise<ScaleResult> {
  const connections = pairs.reduce((sum, { shard }) => sum + shard.connections, 0);
  const started = await Promise.all(pairs.map(({ server }) => server.ask('start', peer)));
  const [first] = started;
  if (first === undefined) throw new Error('there is nothing to measure');
  const ports = started.map(({ port }) => port);

  onProgress(`${peer}: opening ${connections} connections`);
  const firstMs = await open(pairs, ports, 'first');
  const before = await usageOf(pairs, true);
  const restMs = await open(pairs, ports, 'rest');
  const opened = await usageOf(pairs, true);
  await checkCount(pairs);

  onProgress(`${peer}: sending to all`);
  const broadcasts: BroadcastFigures[] = [];
  // Round 0 is the warm-up.
  for (let round = 0; round <= rounds; round++) {
    for (const way of first.ways) {
      const figures = await sendToAll(pairs, way, `${way} ${round} `.padEnd(MESSAGE_BYTES, '.'));
      if (round > 0) broadcasts.push(figures);
    }
  }

  onProgress(`${peer}: idle for ${idleMs / 1000} s`);
  const idle = await beIdle(pairs, idleMs);
  await Promise.all(pairs.map(({ clients }) => clients.ask('verify', null)));
  await checkCount(pairs);

  const servers = pairs.map(({ shard }, i): ServerFigures => {
    const [begin, end] = [before[i] as Usage, opened[i] as Usage];
    const added = shard.connections - firstOf(shard);
    return {
      connections: shard.connections,
      rssBytes: end.rssBytes,
      rssBytesPerConnection: (end.rssBytes - begin.rssBytes) / added,
      heapBytesPerConnection: (end.heapBytes - begin.heapBytes) / added,
      idle: idle[i] as ServerFigures['idle'],
    };
  });
  const { version, notes } = first;
  return { peer, version, notes, connections, openMs: firstMs + restMs, idleMs, servers, broadcasts };
}

function firstOf({ connections }: Shard): number {
  return Math.min(MAX_FIRST_CONNECTIONS, Math.floor(connections * FIRST_SHARE));
}

/** Opens a part of the connections of all shards at the same time. Returns the time that it took, in milliseconds. */
async function open(pairs: readonly Pair[], ports: readonly number[], part: 'first' | 'rest'): Promise<number> {
  const beganAtMs = clockMs();
  await Promise.all(
    pairs.map(({ shard, clients }, i) => {
      const first = firstOf(shard);
      const [skipped, connections] = part === 'first' ? [0, first] : [first, shard.connections - first];
      return clients.ask('open', { port: ports[i] as number, connections, offset: shard.offset + skipped });
    }),
  );
  return clockMs() - beganAtMs;
}

function usageOf(pairs: readonly Pair[], afterGc: boolean): Promise<readonly Usage[]> {
  return Promise.all(pairs.map(({ server }) => server.ask('usage', afterGc)));
}

async function checkCount(pairs: readonly Pair[]): Promise<void> {
  for (const { shard, server } of pairs) {
    const count = await server.ask('connectionCount', null);
    if (count !== shard.connections)
      throw new Error(`a server has ${count} connections instead of ${shard.connections}`);
  }
}

async function sendToAll(pairs: readonly Pair[], way: BroadcastWay, text: string): Promise<BroadcastFigures> {
  await Promise.all(pairs.map(({ clients }) => clients.ask('expect', text)));
  await watchLoops(pairs);
  const begins = await Promise.all(pairs.map(({ server }) => server.ask('sendToAll', { text, way })));
  const arrivals = await Promise.all(pairs.map(({ clients }) => clients.ask('arrivals', null)));
  const all = arrivals.flat().toSorted((left, right) => left - right);
  const sinceBegin = (share: number): number =>
    (all[Math.max(0, Math.ceil(all.length * share) - 1)] ?? Number.NaN) - Math.min(...begins);
  return {
    way,
    firstMs: sinceBegin(0),
    halfMs: sinceBegin(0.5),
    lastMs: sinceBegin(1),
    loopDelays: await loopDelaysOf(pairs),
  };
}

async function beIdle(pairs: readonly Pair[], idleMs: number): Promise<readonly ServerFigures['idle'][]> {
  const pingsOf = (): Promise<readonly number[]> => Promise.all(pairs.map(({ clients }) => clients.ask('pings', null)));
  await watchLoops(pairs);
  const pingsBefore = await pingsOf();
  const before = await usageOf(pairs, false);
  const beganAtMs = clockMs();
  await sleep(idleMs);
  const after = await usageOf(pairs, false);
  const elapsedMicros = (clockMs() - beganAtMs) * 1000;
  const pings = await pingsOf();
  const delays = await loopDelaysOf(pairs);
  return pairs.map((_, i) => ({
    cpuShare: ((after[i]?.cpuMicros ?? Number.NaN) - (before[i]?.cpuMicros ?? Number.NaN)) / elapsedMicros,
    pings: (pings[i] ?? 0) - (pingsBefore[i] ?? 0),
    maxLoopDelayMs: delays[i]?.max ?? Number.NaN,
  }));
}

async function watchLoops(pairs: readonly Pair[]): Promise<void> {
  await Promise.all(pairs.map(({ server }) => server.ask('watchLoop', null)));
}

function loopDelaysOf(pairs: readonly Pair[]): Promise<readonly LoopDelay[]> {
  return Promise.all(pairs.map(({ server }) => server.ask('loopDelay', null)));
}
