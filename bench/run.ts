/** Measures this library and its peers, and compares them: see `npm run bench -- --help`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Settings } from './benchmark.ts';
import { selectBenchmarks } from './benchmarks/all.ts';
import { startProcess } from './benchmarks/measure.ts';
import { type BenchmarkResult, compare } from './compare.ts';
import { describeMachine, findProcessors } from './machine.ts';
import { projectFolder } from './packages.ts';
import { type Peer, selectPeers } from './peers/peer.ts';
import { formatBenchmark, formatSummary, missedFloors, readFloors } from './report.ts';

const USAGE = `Usage: npm run bench -- [options]

  --only <name>    one benchmark, e.g. echo-text-64-16, or every one with this prefix, e.g. echo; may be repeated
  --peer <name>    4d-websocket, ws, undici, uWebSockets.js, socket.io or node:net; may be repeated
  --also <file>    the entry file of another build of this library, measured beside it; may be repeated
  --rounds <n>     number of measurements of each peer (5)
  --quick          3 short rounds
  --patient        wait until the machine is quiet, and repeat measurements that other programs disturbed
  --json <file>    file for the results (bench/results/latest.json)
  --check          fail when a ratio is below bench/floors.json`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    peer: { type: 'string', multiple: true, default: [] },
    also: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    patient: { type: 'boolean', default: false },
    json: { type: 'string', default: join(projectFolder, 'bench', 'results', 'latest.json') },
    check: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** Loads each peer in a process of its own, because a native module may crash its process. */
async function describe(peer: Peer): Promise<{ version: string; notes: string } | undefined> {
  const remote = startProcess('peer');
  try {
    const description = await remote.ask('describe', peer);
    console.log(`${peer.name} ${description.version}: ${description.notes}`);
    return description;
  } catch (error) {
    const reason = String(error).split('\n', 1)[0];
    console.log(`skipped ${peer.name}: ${reason}; npm ci --prefix bench/npm installs the peers`);
    return undefined;
  } finally {
    await remote.stop();
  }
}

async function run(): Promise<void> {
  const rounds = Number(values.rounds ?? (values.quick ? 3 : 5));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds must be a whole number, 1 or more');
  const settings: Settings = {
    rounds,
    warmUpMs: values.quick ? 300 : 600,
    windowMs: values.quick ? 400 : 1000,
    isPatient: values.patient,
    processors: findProcessors(),
  };
  const builds = values.also.map((file) => resolve(file));
  const selected = selectPeers(values.peer, builds);
  const machine = describeMachine();
  console.log(Object.values(machine).join(', '));
  const peers: Record<string, Awaited<ReturnType<typeof describe>>> = {};
  for (const peer of selected) peers[peer.name] = await describe(peer);
  console.log('pinned to processors:', settings.processors ?? 'no, because taskset is missing: expect more spread');
  console.log(`${rounds} rounds of ${settings.windowMs} ms, medians; ± is half the range\n`);

  const results: BenchmarkResult[] = [];
  for (const benchmark of selectBenchmarks(values.only)) {
    const taking = selected.filter(({ name, sides }) => peers[name] && sides.includes(benchmark.side));
    if (taking.length === 0) continue;
    const result = await compare(benchmark, taking, settings);
    console.log(formatBenchmark(result, benchmark));
    results.push(result);
  }
  console.log('Times as good as the baseline, in the first figure of each benchmark:\n');
  console.log(formatSummary(results, Object.keys(peers)));

  const file = resolve(values.json);
  const content = { date: new Date().toISOString(), machine, settings, peers, benchmarks: results };
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(content, undefined, 2)}\n`);
  console.log(`\n${file}`);

  const failed = results.flatMap(({ name, failures }) => failures.map((failure) => `FAILED ${name}: ${failure}`));
  const missed = values.check ? missedFloors(readFloors(), results).map((floor) => `FLOOR MISSED ${floor}`) : [];
  console.log([...failed, ...missed].join('\n'));
  if (failed.length + missed.length > 0) process.exitCode = 1;
}

if (values.help) console.log(USAGE);
else await run();
