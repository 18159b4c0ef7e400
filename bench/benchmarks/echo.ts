import type { Benchmark, Sample, Settings } from '../benchmark.ts';
import type { MessageShape } from '../messages.ts';
import type { Peer } from '../peers.ts';
import { FLOW_METRICS, measureFlow, type Measurement } from './message-flow.ts';
import { withClient, withServer } from './processes.ts';

interface EchoLoad {
  readonly name: string;
  readonly title: string;
  readonly shape: MessageShape;
  readonly connections: number;
}

const LOADS: readonly EchoLoad[] = [
  { name: 'text-64', title: '64 B text', shape: { kind: 'text', bytes: 64 }, connections: 64 },
  { name: 'object-64', title: '64 B object', shape: { kind: 'object', bytes: 64 }, connections: 64 },
  { name: 'binary-1k', title: '1 KiB binary', shape: { kind: 'binary', bytes: 1024 }, connections: 64 },
  { name: 'binary-64k', title: '64 KiB binary', shape: { kind: 'binary', bytes: 65_536 }, connections: 16 },
  { name: 'binary-1m', title: '1 MiB binary', shape: { kind: 'binary', bytes: 1_048_576 }, connections: 4 },
];

const COMPRESSED: EchoLoad = {
  name: 'compressed-1k',
  title: '1 KiB object, compressed',
  shape: { kind: 'object', bytes: 1024, isCompressed: true },
  connections: 64,
};

const IN_FLIGHT: readonly number[] = [1, 16];

/** Every message is sent back to where it came from. */
export const serverEchoes: readonly Benchmark[] = LOADS.flatMap((load) =>
  IN_FLIGHT.map((inFlight) => echo('server', load, inFlight)),
);

/** The same with messages that are inflated and compressed, each on its own. */
export const compressedEchoes: readonly Benchmark[] = IN_FLIGHT.map((inFlight) => ({
  ...echo('server', COMPRESSED, inFlight),
  side: 'compressing server',
}));

/** The same with clients under measurement: each answer is followed by the next message. */
export const clientEchoes: readonly Benchmark[] = LOADS.flatMap((load) =>
  IN_FLIGHT.map((inFlight) => echo('client', load, inFlight)),
);

function echo(side: 'server' | 'client', load: EchoLoad, inFlight: number): Benchmark {
  const isServer = side === 'server';
  const name = `${isServer ? '' : 'client-'}echo-${load.name}-${inFlight}`;
  const measure = isServer ? measureServer : measureClient;
  return {
    name,
    title: `${isServer ? 'Echo' : 'Client'}, ${load.title}, ${inFlight} in flight, ${load.connections} connections`,
    metrics: FLOW_METRICS,
    headline: 'cpu',
    side,
    measure: (peer, settings) => measure(name, load, inFlight, peer, settings),
  };
}

function measureServer(
  benchmark: string,
  { shape, connections }: EchoLoad,
  inFlight: number,
  peer: Peer,
  settings: Settings,
): Promise<Sample> {
  return withServer(peer, { behaviour: 'echo', shape }, settings, async (server, load, port) => {
    await load.ask('open', { port, shape, connections, pattern: 'echo', inFlight, checksAnswers: true });
    const measurement: Measurement = { benchmark, peer, settings, subject: server, load };
    return measureFlow(measurement, (durationMs) => load.ask('run', durationMs));
  });
}

function measureClient(
  benchmark: string,
  { shape, connections }: EchoLoad,
  inFlight: number,
  peer: Peer,
  settings: Settings,
): Promise<Sample> {
  return withClient({ behaviour: 'echo', shape }, settings, async (client, server, port) => {
    await client.ask('open', { peer, port, shape, connections, inFlight });
    const measurement: Measurement = { benchmark, peer, settings, subject: client, load: server };
    return measureFlow(measurement, (durationMs) => client.ask('run', durationMs));
  });
}
