import { describe, expect, test } from 'vitest';
import { selectBenchmarks } from '../../bench/benchmarks/all.ts';
import { LIBRARY } from '../../bench/peers.ts';
import { checkFloors, parseFloors, readFloors } from '../../bench/report/floors.ts';
import type { BenchmarkResult } from '../../bench/report/results.ts';

const benchmarks = selectBenchmarks([]);

/** Makes the result of a benchmark with a ratio to ws, or without one. */
function resultOf(name: string, ratio?: number): BenchmarkResult {
  const summaries = { cpu: { median: 1, spread: 0, ratio } };
  const peer = { peer: LIBRARY, summaries, busy: undefined, isLoadLimit: false, samples: [] };
  return { name, title: name, headline: 'cpu', peers: [peer], failures: [] };
}

describe('floors', () => {
  test('are reached by an equal or better ratio', () => {
    const floors = { handshakes: { cpu: 0.8 }, 'fan-out-1': { cpu: 1 } };
    expect(checkFloors(floors, [resultOf('handshakes', 0.8), resultOf('fan-out-1', 1.2)])).toEqual({
      missed: [],
      skipped: [],
      reached: 2,
    });
  });

  test('are missed by a slightly worse ratio', () => {
    const floors = { handshakes: { cpu: 0.8 }, 'fan-out-1': { cpu: 1 } };
    expect(checkFloors(floors, [resultOf('handshakes', 0.7), resultOf('fan-out-1', 0.9999)])).toEqual({
      missed: ['handshakes, cpu: 0.70× is below the floor of 0.8×', 'fan-out-1, cpu: 1.00× is below the floor of 1×'],
      skipped: [],
      reached: 0,
    });
  });

  test.each([
    ['without a ratio', resultOf('handshakes')],
    ['with the ratio NaN', resultOf('handshakes', Number.NaN)],
    ['that failed', { ...resultOf('handshakes', 5), peers: [], failures: ['ws: messages lost'] }],
  ])('are missed by a benchmark %s', (_, result) => {
    const { missed, reached } = checkFloors({ handshakes: { cpu: 0.8 } }, [result]);
    expect(missed).toHaveLength(1);
    expect(reached).toBe(0);
  });

  test('are skipped and named when the benchmark was not selected', () => {
    const floors = { handshakes: { cpu: 0.8 }, 'fan-out-1': { cpu: 1 } };
    expect(checkFloors(floors, [resultOf('handshakes', 1)])).toEqual({
      missed: [],
      skipped: ['fan-out-1: not selected'],
      reached: 1,
    });
  });

  test.each([
    [{ handshake: { cpu: 1 } }, 'floors.json: there is no benchmark "handshake"'],
    [{ handshakes: { cpus: 1 } }, 'floors.json: handshakes has no ratio "cpus", only throughput, cpu'],
    [{ 'latency-15k': { late: 1 } }, 'has no ratio "late"'],
    [{ handshakes: { cpu: '1' } }, 'floors.json: handshakes, cpu must be a ratio above 0, not "1"'],
    [{ handshakes: { cpu: 0 } }, 'must be a ratio above 0, not 0'],
  ])('of a file with a mistake are refused: %j', (floors, message) => {
    expect(() => parseFloors(JSON.stringify(floors), benchmarks)).toThrow(message);
  });

  test('of this project name existing benchmarks and metrics', () => {
    expect(Object.keys(readFloors(benchmarks)).length).toBeGreaterThan(5);
  });
});
