import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Benchmark, Settings } from '../../bench/benchmark.ts';
import { selectBenchmarks } from '../../bench/benchmarks/all.ts';
import { FLOW_METRICS } from '../../bench/benchmarks/message-flow.ts';
import { compare } from '../../bench/compare.ts';
import { WRONG_ANSWER, WRONG_MESSAGE } from '../../bench/load/failure.ts';
import { Load } from '../../bench/load/load.ts';
import type { MessageShape } from '../../bench/messages.ts';
import { LIBRARY, type Peer, selectPeers } from '../../bench/peers.ts';
import type { BenchmarkResult } from '../../bench/report/results.ts';
import { formatBenchmark } from '../../bench/report/table.ts';
import { type Received, startLoadServer } from '../helpers/load-server.ts';

const shape: MessageShape = { kind: 'text', bytes: 64 };
const settings: Settings = {
  rounds: 1,
  warmUpMs: 5,
  windowMs: 5,
  isPatient: false,
  processors: undefined,
  profileFolder: undefined,
};

/** Compares servers that answer everything; the one for `ws` has a fault. */
async function compareWith(fault: (received: Received) => Buffer | undefined): Promise<BenchmarkResult> {
  const benchmark: Benchmark = {
    name: 'echo',
    title: 'Echo',
    metrics: FLOW_METRICS,
    headline: 'cpu',
    side: 'server',
    async measure({ name }) {
      const port = await startLoadServer(name === 'ws' ? fault : ({ answer }) => answer, shape);
      const load = new Load({
        port,
        shape,
        connections: 2,
        pattern: 'echo',
        inFlight: 1,
        checksAnswers: true,
        drainTimeoutMs: 1000,
      });
      try {
        await load.open();
        const { messages, elapsedMs } = await load.run(settings.windowMs);
        await load.verify();
        return { figures: { throughput: messages / elapsedMs, cpu: 1 } };
      } finally {
        load.close();
      }
    },
  };
  return compare(benchmark, selectPeers([LIBRARY, 'ws', 'node:net'], []), settings, () => {});
}

/** Tells whether a message is the second one of the second connection, which is the first measured one. */
function isVictim({ n, connection }: Received): boolean {
  return n === 2 && connection === 1;
}

function change(answer: Buffer): Buffer {
  const changed = Buffer.from(answer);
  changed[20]! ^= 0x20;
  return changed;
}

describe('the result has the peer and the reason instead of a comparison', () => {
  test.each<[string, (received: Received) => Buffer | undefined, RegExp]>([
    [
      'when a peer loses one message',
      (received) => (isVictim(received) ? undefined : received.answer),
      /^ws: messages lost: 1 of \d+ not answered$/,
    ],
    [
      'when a peer answers a message twice',
      (received) => (isVictim(received) ? Buffer.concat([received.answer, received.answer]) : received.answer),
      new RegExp(`^ws: ${WRONG_ANSWER}$`),
    ],
    [
      'when a peer changes one byte',
      (received) => (isVictim(received) ? change(received.answer) : received.answer),
      new RegExp(`^ws: ${WRONG_ANSWER}$`),
    ],
    [
      'when a peer drops a connection',
      (received) => {
        if (isVictim(received)) received.socket.resetAndDestroy();
        return received.answer;
      },
      /^ws: connection lost: /,
    ],
  ])('%s', async (_, fault, reason) => {
    const result = await compareWith(fault);
    expect(result.failures).toEqual([expect.stringMatching(reason)]);
    expect(result.peers).toEqual([]);
    const table = formatBenchmark(result, FLOW_METRICS);
    expect(table).toBe(`Echo\n  no comparison: ${result.failures[0]}\n`);
  });

  test('unless nothing is wrong', async () => {
    const result = await compareWith(({ answer }) => answer);
    expect(result.failures).toEqual([]);
    expect(formatBenchmark(result, FLOW_METRICS).match(/×/g)).toHaveLength(6);
  });
});

describe('with separate processes', () => {
  const before = Array.from(process.execArgv);

  // The other processes need tsx to run TypeScript, because vitest's transform does not reach them.
  beforeAll(() => void process.execArgv.push('--import', 'tsx'));
  afterAll(() => void process.execArgv.splice(0, Infinity, ...before));

  test.each([
    ['fan-out-16', 'node:net'],
    ['broadcast-16', 'node:net'],
    ['client-echo-object-64-16', 'ws'],
    ['client-echo-compressed-1k-16', 'ws'],
    ['client-echo-text-64-16', 'node:net'],
  ])('%s runs with the bare server, which answers message by message', { timeout: 60_000 }, async (name, peer) => {
    const [benchmark] = selectBenchmarks([name]);
    const result = await compare(benchmark!, selectPeers([peer], []), settings, () => {});
    expect(result.failures).toEqual([]);
    expect(result.peers[0]?.samples[0]?.figures.throughput).toBeGreaterThan(0);
  });

  test('there is no comparison when the bare server refuses a message', { timeout: 60_000 }, async () => {
    const [benchmark] = selectBenchmarks(['client-echo-compressed-1k-1']);
    // undici offers compression but does not compress, so the server cuts it off; only the server knows the reason.
    const result = await compare(benchmark!, selectPeers(['undici'], []), settings, () => {});
    expect(result.failures).toEqual([`undici: ${WRONG_MESSAGE}`]);
  });

  test('there is no comparison when a peer crashes', { timeout: 60_000 }, async () => {
    const entry = fileURLToPath(new URL('../processes/crashing-library.ts', import.meta.url));
    const peer: Peer = { name: 'crashing', module: 'library', entry, sides: ['server'] };
    const [benchmark] = selectBenchmarks(['echo-text-64-1']);
    const result = await compare(benchmark!, [peer], settings, () => {});
    expect(result.peers).toEqual([]);
    // The reason depends on who notices first: the parent of the process, or the load that lost its connections.
    expect(result.failures).toEqual([
      expect.stringMatching(/^crashing: (the server process ended: exit code 7|connection lost: .*)$/),
    ]);
  });
});
