import { expect, test } from 'vitest';
import { type Benchmark, flowOf, type Sample } from '../../bench/benchmark.ts';
import { selectBenchmarks } from '../../bench/benchmarks/all.ts';
import { compare, isLoadSaturated, median } from '../../bench/compare.ts';
import { LIBRARY, type Peer, selectPeers } from '../../bench/peers/peer.ts';
import { formatBenchmark, formatSummary, missedFloors, readFloors } from '../../bench/report.ts';

const settings = { rounds: 3, warmUpMs: 0, windowMs: 0, isPatient: false, processors: undefined };

function echo(measure: (peer: Peer) => Sample): Benchmark {
  return { name: 'echo', metrics: flowOf('message'), side: 'server', measure: async (peer) => measure(peer) };
}

/** Measures on a machine that is ten times slower in the second round. */
function slowOnce(order: string[]): (peer: Peer) => Sample {
  return ({ name }) => {
    const slow = order.push(name) > 2 && order.length < 5 ? 10 : 1;
    return { figures: { cpu: slow * (name === LIBRARY ? 2 : 8), throughput: 1000 / slow } };
  };
}

test('rounds are interleaved, begin with another peer each, and give the median of their ratios', async () => {
  const order: string[] = [];
  const benchmark = echo(slowOnce(order));
  const result = await compare(benchmark, selectPeers([LIBRARY, 'ws']), settings);
  expect(order).toEqual([LIBRARY, 'ws', 'ws', LIBRARY, LIBRARY, 'ws']);
  expect(result.peers[0]?.summaries['cpu']).toEqual({ median: 2, spread: 4.5, ratio: 4 });
  expect(formatBenchmark(result, benchmark)).toMatch(/4d-websocket +2\.00 +450 % +4\.00× +1,000 +45 % +1\.00×/);
  expect(formatSummary([result], [LIBRARY, 'ws', 'undici'])).toMatch(/echo +4\.00× +1\.00× +- +-$/);
  expect([median([9, 1, 5]), median([8, 2, 4, 6])]).toEqual([5, 5]);
});

test('a failure of one round refuses the comparison, and misses its floor', async () => {
  let calls = 0;
  const benchmark = echo(() => {
    if (++calls === 4) throw new Error('messages lost: 1 of 9');
    return { figures: { cpu: 1 } };
  });
  const result = await compare(benchmark, selectPeers([LIBRARY, 'ws']), settings);
  expect(formatBenchmark(result, benchmark)).toBe('echo\n  no comparison: 4d-websocket: messages lost: 1 of 9\n');
  expect([result.peers, formatSummary([result], [LIBRARY])]).toEqual([[], expect.stringContaining('failed')]);
  expect(missedFloors({ echo: { cpu: 1 }, other: { cpu: 1 } }, [result])).toEqual(['echo, cpu: NaN×, the floor is 1×']);
});

test('a load at its limit has no ratio of messages, but one of CPU time; a busy machine shows', async () => {
  const benchmark = echo(({ name }) => {
    const busy = { subject: 0.6, load: name === 'ws' ? 0.99 : 0.5, others: name === 'ws' ? 0 : 0.4 };
    return { figures: { cpu: 2, throughput: 5 }, busy, isLoadLimit: isLoadSaturated(busy) };
  });
  const result = await compare(benchmark, selectPeers([LIBRARY, 'ws']), settings);
  const summaries = result.peers.map((peer) => [peer.summaries['cpu']?.ratio, peer.summaries['throughput']?.ratio]);
  expect(summaries.flat()).toEqual([1, undefined, 1, undefined]);
  const table = formatBenchmark(result, benchmark);
  expect(table).toMatch(/4d-websocket .* 40 % +!$/m);
  expect(table).toMatch(/ws .* 99 % +0 % +\*$/m);
  expect(isLoadSaturated({ subject: 0.97, load: 0.99, others: 0 })).toBe(false);
});

test('floors are reached by an equal ratio, and those of the project name metrics of benchmarks', async () => {
  const result = await compare(echo(slowOnce([])), selectPeers([LIBRARY, 'ws']), settings);
  const missed = missedFloors({ echo: { cpu: 4, throughput: 1.01 } }, [result]);
  expect(missed).toEqual(['echo, throughput: 1.00×, the floor is 1.01×']);
  for (const [name, metrics] of Object.entries(readFloors())) {
    const known = selectBenchmarks([name])[0]?.metrics.map((metric) => metric.name);
    expect(known, name).toEqual(expect.arrayContaining(Object.keys(metrics)));
    for (const floor of Object.values(metrics)) expect(floor).toBeGreaterThan(0);
  }
});
