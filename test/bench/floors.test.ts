import { describe, expect, test } from 'vitest';
import { selectBenchmarks } from '../../bench/benchmarks/all.ts';
import { LIBRARY } from '../../bench/peers.ts';
import { checkFloors, parseFloors, readFloors } from '../../bench/report/floors.ts';
import type { BenchmarkResult } from '../../bench/report/results.ts';

const benchmarks = selectBenchmarks([]);

/** A benchmark in which this library was so many times better than ws; without a ratio there was nothing to compare. */
function resultOf(name: string, ratio?: number): BenchmarkResult {
  const summaries = { cpu: { median: 1, spread: 0, ratio } };
  const peer = { peer: LIBRARY, summaries, busy: undefined, isLoadLimit: false, samples: [] };
  return { name, title: name, headline: 'cpu', peers: [peer], failures: [] };
}

describe('floors', () => {
  test('are reached by what is as good or better', () => {
    const floors = { handshakes: { cpu: 0.8 }, 'fan-out-1': { cpu: 1 } };
    expect(checkFloors(floors, [resultOf('handshakes', 0.8), resultOf('fan-out-1', 1.2)])).toEqual({
      missed: [],
      skipped: [],
      reached: 2,
    });
  });

  test('are missed by what is worse, by a hair too', () => {
    const floors = { handshakes: { cpu: 0.8 }, 'fan-out-1': { cpu: 1 } };
    expect(checkFloors(floors, [resultOf('handshakes', 0.7), resultOf('fan-out-1', 0.9999)])).toEqual({
      missed: ['handshakes, cpu: 0.70× is below the floor of 0.8×', 'fan-out-1, cpu: 1.00× is below the floor of 1×'],
      skipped: [],
      reached: 0,
    });
  });

  test.each([
    ['could not be compared', resultOf('handshakes')],
    ['is no number', resultOf('handshakes', Number.NaN)],
    ['failed', { ...resultOf('handshakes', 5), peers: [], failures: ['ws: messages lost'] }],
  ])('are missed by what %s', (_, result) => {
    const { missed, reached } = checkFloors({ handshakes: { cpu: 0.8 } }, [result]);
    expect(missed).toHaveLength(1);
    expect(reached).toBe(0);
  });

  test('are skipped, and named, where the benchmark was not selected', () => {
    const floors = { handshakes: { cpu: 0.8 }, 'fan-out-1': { cpu: 1 } };
    expect(checkFloors(floors, [resultOf('handshakes', 1)])).toEqual({
      missed: [],
      skipped: ['fan-out-1: not selected'],
      reached: 1,
    });
  });

  test.each([
    [{ handshake: { cpu: 1 } }, 'floors.json: there is no benchmark "handshake"'],
    [{ handshakes: { cpus: 1 } }, 'floors.json: handshakes has no ratio of "cpus", only of throughput, cpu'],
    [{ 'latency-15k': { late: 1 } }, 'has no ratio of "late"'],
    [{ handshakes: { cpu: '1' } }, 'floors.json: handshakes, cpu must be a ratio above 0, not "1"'],
    [{ handshakes: { cpu: 0 } }, 'must be a ratio above 0, not 0'],
  ])('in a file with a mistake are refused: %j', (floors, message) => {
    expect(() => parseFloors(JSON.stringify(floors), benchmarks)).toThrow(message);
  });

  test('of this project are for what is measured', () => {
    expect(Object.keys(readFloors(benchmarks)).length).toBeGreaterThan(5);
  });
});
