import { describe, expect, test } from 'vitest';
import { selectBenchmarks } from '../../bench/benchmarks/all.ts';
import { parseCommandLine } from '../../bench/command-line.ts';
import { selectPeers } from '../../bench/peers.ts';

describe('the command line of the benchmark', () => {
  test('defaults to five rounds', () => {
    expect(parseCommandLine([], '/results')).toMatchObject({ rounds: 5, windowMs: 1000, checksFloors: false });
    expect(parseCommandLine(['--quick'], '/results')).toMatchObject({ rounds: 3, windowMs: 400 });
    expect(parseCommandLine(['--quick', '--rounds', '7'], '/results').rounds).toBe(7);
    expect(() => parseCommandLine(['--rounds', '0'], '/results')).toThrow('--rounds');
    expect(() => parseCommandLine(['--slow'], '/results')).toThrow('--slow');
  });

  test('selects benchmarks by name or prefix', () => {
    const all = selectBenchmarks([]).map(({ name }) => name);
    expect(new Set(all).size).toBe(all.length);
    expect(selectBenchmarks(['fan-out', 'echo-text-64-16']).map(({ name }) => name)).toEqual([
      'echo-text-64-16',
      'fan-out-1',
      'fan-out-16',
    ]);
    expect(selectBenchmarks(['echo-text-64-1'])).toHaveLength(1);
    expect(() => selectBenchmarks(['nothing'])).toThrow('there is no benchmark "nothing"');
  });

  test.each([
    ['client-handshakes', ['4d-websocket', 'ws', 'undici', 'node:net', 'other build']],
    ['client-echo-compressed-1k-1', ['4d-websocket', 'ws', 'other build']],
    ['idle-memory-compressed', ['4d-websocket', 'ws', 'other build']],
    ['handshakes', ['4d-websocket', 'ws', 'uWebSockets.js', 'node:net', 'other build']],
  ])('%s selects the peers that can take part', (name, expected) => {
    const [benchmark] = selectBenchmarks([name]);
    const taking = selectPeers([], ['/a']).filter(({ sides }) => sides.includes(benchmark!.side));
    expect(taking.map((peer) => peer.name)).toEqual(expected);
  });

  test('selects peers by name, and adds other builds', () => {
    expect(selectPeers(['ws'], ['/a/index.js']).map(({ name }) => name)).toEqual(['ws', 'other build']);
    expect(selectPeers(['ws'], ['/a', '/b']).map(({ name }) => name)).toEqual(['ws', 'other build 1', 'other build 2']);
    expect(() => selectPeers(['wss'], [])).toThrow('there is no peer "wss"');
  });
});
