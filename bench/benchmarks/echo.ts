import type { Benchmark } from '../benchmark.ts';
import type { MessageShape } from '../messages.ts';
import { FLOW_METRICS, measureFlow } from './message-flow.ts';
import { withEchoes } from './processes.ts';

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

/** Texts that are long, in frames of which the server or client makes strings. */
const LONG_TEXTS: readonly EchoLoad[] = [
  { name: 'text-4k', title: '4 KiB text', shape: { kind: 'text', bytes: 4096 }, connections: 64 },
  { name: 'text-64k', title: '64 KiB text', shape: { kind: 'text', bytes: 65_536 }, connections: 16 },
  { name: 'text-1m', title: '1 MiB text', shape: { kind: 'text', bytes: 1_048_576 }, connections: 4 },
  { name: 'wide-4k', title: '4 KiB German text', shape: { kind: 'text', bytes: 4096, isWide: true }, connections: 64 },
  {
    name: 'wide-64k',
    title: '64 KiB German text',
    shape: { kind: 'text', bytes: 65_536, isWide: true },
    connections: 16,
  },
  {
    name: 'wide-1m',
    title: '1 MiB German text',
    shape: { kind: 'text', bytes: 1_048_576, isWide: true },
    connections: 4,
  },
  { name: 'object-64k', title: '64 KiB object', shape: { kind: 'object', bytes: 65_536 }, connections: 16 },
];

/** Texts that come in fragments of 16 KiB. Only servers: the bare server answers with whole messages. */
const FRAGMENTED: readonly EchoLoad[] = LONG_TEXTS.filter(({ shape }) => shape.bytes > 4096).map(
  ({ name, title, shape, connections }) => ({
    name: `${name}-fragments`,
    title: `${title} in fragments of 16 KiB`,
    shape: { kind: shape.kind, bytes: shape.bytes, isWide: shape.isWide === true, fragmentBytes: 16_384 },
    connections,
  }),
);

const COMPRESSED: EchoLoad = {
  name: 'compressed-1k',
  title: '1 KiB object, compressed',
  shape: { kind: 'object', bytes: 1024, isCompressed: true },
  connections: 64,
};

const IN_FLIGHT: readonly number[] = [1, 16];

/** Measures servers that send every message back to its sender. */
export const serverEchoes: readonly Benchmark[] = [...LOADS, ...LONG_TEXTS, ...FRAGMENTED].flatMap((load) =>
  echoes('server', load),
);

/** Measures echoes of compressed messages, each compressed on its own. */
export const compressedEchoes: readonly Benchmark[] = echoes('server', COMPRESSED);

/** Measures clients that send the next message after each answer. */
export const clientEchoes: readonly Benchmark[] = [...LOADS, ...LONG_TEXTS, COMPRESSED].flatMap((load) =>
  echoes('client', load),
);

function echoes(side: 'server' | 'client', load: EchoLoad): readonly Benchmark[] {
  return IN_FLIGHT.map((inFlight) => echo(side, load, inFlight));
}

function echo(side: 'server' | 'client', load: EchoLoad, inFlight: number): Benchmark {
  const { shape, connections } = load;
  const isServer = side === 'server';
  const name = `${isServer ? '' : 'client-'}echo-${load.name}-${inFlight}`;
  return {
    name,
    title: `${isServer ? 'Echo' : 'Client'}, ${load.title}, ${inFlight} in flight, ${connections} connections`,
    metrics: FLOW_METRICS,
    headline: 'cpu',
    side: shape.isCompressed === true ? `compressing ${side}` : side,
    measure: (peer, settings) =>
      withEchoes(side, peer, shape, settings, async (ends) => {
        await ends.open({ shape, connections, inFlight, checksAnswers: true });
        return measureFlow({ benchmark: name, peer, settings, ...ends }, ends.run);
      }),
  };
}
