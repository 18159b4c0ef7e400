/** Measures this library and its peers, and compares them: see `npm run bench -- --help`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describePeers, installPeers } from './available-peers.ts';
import type { Settings } from './benchmark.ts';
import { selectBenchmarks } from './benchmarks/all.ts';
import { type CommandLine, parseCommandLine, USAGE } from './command-line.ts';
import { compare } from './compare.ts';
import { resultsFolder } from './folders.ts';
import { LIBRARY, selectPeers } from './peers.ts';
import { checkFloors, readFloors } from './report/floors.ts';
import { describeMachine, findProcessors } from './report/machine.ts';
import { drawPlot } from './report/plot.ts';
import type { BenchmarkResult, RunResult } from './report/results.ts';
import { formatBenchmark, formatSummary } from './report/table.ts';

/** Shows the progress on a terminal. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${text}`);
}

async function measure(commandLine: CommandLine): Promise<RunResult> {
  const settings: Settings = {
    rounds: commandLine.rounds,
    warmUpMs: commandLine.warmUpMs,
    windowMs: commandLine.windowMs,
    isPatient: commandLine.isPatient,
    processors: findProcessors(),
    profileFolder: commandLine.profiles ? join(resultsFolder, 'profiles') : undefined,
  };
  const benchmarks = selectBenchmarks(commandLine.only);
  const selected = selectPeers(commandLine.peers, commandLine.otherBuilds);
  installPeers(console.log);
  const { descriptions, skipped } = await describePeers(selected);
  const peers = selected.filter(({ name }) => name in descriptions);
  const machine = describeMachine();

  console.log(`${machine.processor}, ${machine.processors} processors, ${machine.memoryGiB} GiB, ${machine.system}`);
  console.log(`Node ${machine.node}, V8 ${machine.v8}`);
  for (const { name } of peers) console.log(`${name} ${descriptions[name]?.version}: ${descriptions[name]?.notes}`);
  for (const reason of skipped) console.log(`skipped ${reason}`);
  const { processors } = settings;
  if (processors === undefined) console.log('not pinned to processors because taskset is missing: expect more spread');
  else console.log(`the measured process runs on processor ${processors.subject}, the other one on ${processors.load}`);
  console.log(`${settings.rounds} rounds of ${settings.windowMs} ms, medians; ± is half the range\n`);

  const results: BenchmarkResult[] = [];
  for (const benchmark of benchmarks) {
    const taking = peers.filter(({ sides }) => sides.includes(benchmark.side));
    if (taking.length === 0) continue;
    const result = await compare(benchmark, taking, settings, showProgress);
    showProgress('');
    console.log(formatBenchmark(result, benchmark.metrics));
    results.push(result);
  }
  return { date: new Date().toISOString(), machine, settings, peers: descriptions, skipped, benchmarks: results };
}

/** Writes the files and prints the summary. Returns false when a benchmark failed or a floor was missed. */
function report(result: RunResult, { jsonFile, checksFloors }: CommandLine): boolean {
  const { benchmarks } = result;
  const names = Object.keys(result.peers);
  const plotFile = jsonFile.replace(/(\.json)?$/, '.svg');
  mkdirSync(dirname(jsonFile), { recursive: true });
  writeFileSync(jsonFile, `${JSON.stringify(result, undefined, 2)}\n`);
  const plot = drawPlot(result);
  if (plot !== undefined) writeFileSync(plotFile, plot);
  console.log('Times as good as ws (CPU time of a message or handshake, memory, size):\n');
  console.log(formatSummary(benchmarks, names));
  console.log(`\n${jsonFile}`);
  if (plot !== undefined) console.log(plotFile);

  const failed = benchmarks.filter(({ failures }) => failures.length > 0);
  for (const { name, failures } of failed) console.log(`FAILED ${name}: ${failures.join('; ')}`);
  if (!checksFloors) return failed.length === 0;
  const { missed, skipped, reached } = checkFloors(readFloors(selectBenchmarks([])), benchmarks);
  for (const floor of skipped) console.log(`floor not checked: ${floor}`);
  for (const floor of missed) console.log(`FLOOR MISSED ${floor}`);
  console.log(`${LIBRARY} reaches ${reached} of ${reached + missed.length} checked floors`);
  return failed.length === 0 && missed.length === 0;
}

const commandLine = parseCommandLine(process.argv.slice(2), resultsFolder);
if (commandLine.needsHelp) console.log(USAGE);
else {
  // An error in floors.json must show before the measurements.
  if (commandLine.checksFloors) readFloors(selectBenchmarks([]));
  if (!report(await measure(commandLine), commandLine)) process.exitCode = 1;
}
