import type { Benchmark } from '../benchmark.ts';
import { handshakes, idleMemory } from './connections.ts';
import { clientEchoes, serverEchoes } from './echo.ts';
import { fanOuts } from './fan-out.ts';
import { packageSize } from './package-size.ts';
import { startUp } from './start-up.ts';

const BENCHMARKS: readonly Benchmark[] = [
  ...serverEchoes,
  ...fanOuts,
  handshakes,
  idleMemory,
  ...clientEchoes,
  startUp,
  packageSize,
];

/** The benchmarks whose names begin with one of `prefixes`; none means all. */
export function selectBenchmarks(prefixes: readonly string[]): readonly Benchmark[] {
  const names = BENCHMARKS.map(({ name }) => name);
  const unknown = prefixes.find((prefix) => !names.some((name) => name.startsWith(prefix)));
  if (unknown !== undefined) throw new Error(`there is no benchmark "${unknown}":\n  ${names.join('\n  ')}`);
  return BENCHMARKS.filter(({ name }) => prefixes.length === 0 || prefixes.some((prefix) => name.startsWith(prefix)));
}
