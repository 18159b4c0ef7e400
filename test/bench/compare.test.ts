import { describe, expect, test } from 'vitest';
import type { Benchmark, Sample, Settings } from '../../bench/benchmark.ts';
import { FLOW_METRICS } from '../../bench/benchmarks/message-flow.ts';
import { compare } from '../../bench/compare.ts';
import { LIBRARY, type Peer, selectPeers } from '../../bench/peers.ts';
import type { BenchmarkResult } from '../../bench/report/results.ts';
import { formatBenchmark, formatSummary } from '../../bench/report/table.ts';

const settings: Settings = {
  rounds: 3,
  warmUpMs: 0,
  windowMs: 0,
  isPatient: false,
  processors: undefined,
  profileFolder: undefined,
};
const peers = selectPeers([LIBRARY, 'ws'], []);

function benchmarkOf(measure: (peer: Peer) => Promise<Sample>): Benchmark {
  return {
    name: 'echo',
    title: 'Echo & <more>',
    metrics: FLOW_METRICS,
    headline: 'cpu',
    side: 'server',
    measure,
  };
}

async function run(
  measure: (peer: Peer) => Promise<Sample>,
  taking: readonly Peer[] = peers,
): Promise<{ result: BenchmarkResult; table: string }> {
  const benchmark = benchmarkOf(measure);
  const result = await compare(benchmark, taking, settings, () => {});
  return { result, table: formatBenchmark(result, benchmark.metrics) };
}

/** Measures 2 µs for the library and 8 µs for other peers. */
function steady(peer: Peer): Promise<Sample> {
  return Promise.resolve({
    figures: { throughput: 1000, cpu: peer.name === LIBRARY ? 2 : 8 },
    busy: { subject: 0.9, load: 0.5, others: 0 },
  });
}

describe('a comparison', () => {
  test('measures in turns, and begins each round with another peer', async () => {
    const order: string[] = [];
    await run((peer) => {
      order.push(peer.name);
      return steady(peer);
    });
    expect(order).toEqual([LIBRARY, 'ws', 'ws', LIBRARY, LIBRARY, 'ws']);
  });

  test('shows each peer with its ratio', async () => {
    const { table, result } = await run(steady);
    expect(table).toMatch(/4d-websocket +1,000 +0 % +1\.00× +2\.00 +0 % +4\.00× +90 % \/ +50 % \/ +0 %$/m);
    expect(table).toMatch(/ws +1,000 +0 % +1\.00× +8\.00 +0 % +1\.00×/);
    expect(formatSummary([result], [LIBRARY, 'ws', 'undici'])).toMatch(/4\.00× +1\.00× +-$/);
  });

  test('tells which share of bare sockets this library reaches', async () => {
    const taking = selectPeers([LIBRARY, 'ws', 'node:net'], []);
    const { result } = await run(({ name }) => {
      const cpu = name === LIBRARY ? 2 : name === 'ws' ? 8 : 1.5;
      return Promise.resolve({ figures: { throughput: 1, cpu } });
    }, taking);
    const [head, row] = formatSummary([result], [LIBRARY, 'ws', 'node:net']).split('\n');
    expect([head, row]).toEqual([expect.stringMatching(/ of node:net$/), expect.stringMatching(/ 5\.33× +0\.75$/)]);
  });

  test('is refused when a peer failed in any round', async () => {
    let calls = 0;
    const { table, result } = await run((peer) =>
      ++calls === 4 ? Promise.reject(new Error('messages lost: 1 of 9')) : steady(peer),
    );
    expect(table).toContain('no comparison: 4d-websocket: messages lost: 1 of 9');
    expect(table).not.toContain('×');
    expect(result.peers).toEqual([]);
    expect(formatSummary([result], [LIBRARY])).toContain('failed');
  });

  test('notes when other programs used the processors', async () => {
    const { table } = await run(() =>
      Promise.resolve({ figures: { cpu: 1 }, busy: { subject: 0.6, load: 0.99, others: 0.4 } }),
    );
    expect(table).toContain('other programs used the processors');
  });

  test.each([
    ['a peer', 'node:net', /4d-websocket +100\.0 +0 % +2\.00×/],
    ['the baseline', 'ws', /4d-websocket +100\.0 +0 % +- /],
  ])('has no ratio of messages/s when the load was the limit of %s, but one of CPU time', async (_, limited, other) => {
    const { table, result } = await run(
      ({ name }) => {
        const figures = { throughput: name === LIBRARY ? 100 : 50, cpu: name === LIBRARY ? 2 : 8 };
        return Promise.resolve({ figures, isLoadLimit: name === limited });
      },
      selectPeers([LIBRARY, 'ws', 'node:net'], []),
    );
    const peer = result.peers.find((each) => each.peer === limited);
    expect(peer?.isLoadLimit).toBe(true);
    expect(peer?.summaries['throughput']?.ratio).toBeUndefined();
    expect(peer?.summaries['cpu']?.ratio).toBe(1);
    expect(table).toMatch(new RegExp(`${limited} +50\\.00 +0 % +- .*1\\.00×.* \\*$`, 'm'));
    expect(table).toMatch(other);
    expect(table).toContain(`* the load was the limit of ${limited}: figures that depend on it are not compared`);
  });

  test('takes the load as the limit only when it was in most rounds', async () => {
    let round = 0;
    const { table } = await run(() => {
      const isLoadLimit = ++round > 4;
      return Promise.resolve({ figures: { throughput: 1, cpu: 1 }, isLoadLimit });
    });
    expect(table).not.toContain('the load was the limit');
  });
});
