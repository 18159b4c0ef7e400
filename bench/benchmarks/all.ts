import type { Benchmark } from '../benchmark.ts';
import { handshakes, idleMemories } from './connections.ts';
import { clientEchoes, compressedEchoes, serverEchoes } from './echo.ts';
import { fanOuts } from './fan-out.ts';
import { latencies } from './latency.ts';
import { packageSize } from './package-size.ts';
import { startUp } from './start-up.ts';
import { topicBenchmarks } from './topics.ts';

const BENCHMARKS: readonly Benchmark[] = [
  ...serverEchoes,
  ...compressedEchoes,
  ...fanOuts,
  ...latencies,
  ...handshakes,
  ...idleMemories,
  ...clientEchoes,
  ...topicBenchmarks,
  startUp,
  packageSize,
];

/** Returns the benchmarks with these names, or with these prefixes; an empty list selects all. */
export function selectBenchmarks(names: readonly string[]): readonly Benchmark[] {
  const selected = new Set(names.flatMap(find));
  return BENCHMARKS.filter((benchmark) => names.length === 0 || selected.has(benchmark));
}

function find(name: string): readonly Benchmark[] {
  const exact = BENCHMARKS.filter((benchmark) => benchmark.name === name);
  const found = exact.length > 0 ? exact : BENCHMARKS.filter((benchmark) => benchmark.name.startsWith(name));
  if (found.length > 0) return found;
  throw new Error(`there is no benchmark "${name}":\n  ${BENCHMARKS.map((each) => each.name).join('\n  ')}`);
}
