import type { Benchmark } from '../benchmark.ts';
import { messageBenchmarks } from './messages.ts';
import { packageBenchmarks } from './packages.ts';
import { topicBenchmarks } from './topics.ts';
import { wsDoorBenchmarks } from './ws-door.ts';

/** Another benchmark is an entry here; what it needs of a peer is a side in `peers/peer.ts`. */
const BENCHMARKS: readonly Benchmark[] = [
  ...messageBenchmarks,
  ...topicBenchmarks,
  ...wsDoorBenchmarks,
  ...packageBenchmarks,
];

/** Returns the benchmarks with these names, or with these prefixes; an empty list selects all but long ones. */
export function selectBenchmarks(names: readonly string[]): readonly Benchmark[] {
  const find = (name: string): readonly Benchmark[] => {
    const exact = BENCHMARKS.filter((benchmark) => benchmark.name === name);
    const found = exact.length > 0 ? exact : BENCHMARKS.filter((benchmark) => benchmark.name.startsWith(name));
    if (found.length > 0) return found;
    throw new Error(`there is no benchmark "${name}", only ${BENCHMARKS.map((each) => each.name).join(', ')}`);
  };
  const chosen = new Set(names.flatMap(find));
  return BENCHMARKS.filter((each) => (names.length === 0 ? each.isLong !== true : chosen.has(each)));
}
