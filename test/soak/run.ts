/** Runs thousands of connections for minutes: see `npm run soak -- --help`. */
import { fileURLToPath } from 'node:url';
import { runClusterSoak } from '../cluster/run-cluster.ts';
import { installTools } from '../helpers/packed-library.ts';
import { comparePeers } from '../peers/compare.ts';
import { type CommandLine, parseCommandLine, USAGE } from './command-line.ts';
import { toMegabytes } from './memory.ts';
import { runSoak, type SoakResult } from './run-soak.ts';

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function printResult({ problems, endings, compressed, memory, ...counts }: SoakResult): void {
  const { sent, received, receivedLength, waits } = counts;
  const ended = Object.values(endings).reduce((a, b) => a + b, 0);
  print('');
  print(
    `connections  ${ended}: ${Object.entries(endings)
      .map(([kind, count]) => `${count} ${kind}`)
      .join(', ')}; ${compressed} compressed`,
  );
  print(
    `messages     ${sent} sent, ${received} received, ${toMegabytes(receivedLength)}; senders waited ${waits} times`,
  );
  for (const [side, pair] of Object.entries(memory)) {
    if (pair === undefined) print(`${side.padEnd(13)}memory not compared: the run is too short`);
    else {
      const [before, after] = pair;
      print(
        `${side.padEnd(13)}${toMegabytes(before.usedBytes)} in use after the first third, ` +
          `${toMegabytes(after.usedBytes)} at the end; ` +
          `RSS ${toMegabytes(before.rssBytes)} and ${toMegabytes(after.rssBytes)}`,
      );
    }
  }
  print(problems.length === 0 ? 'nothing lost, doubled, out of order or left behind' : `${problems.length} problems`);
}

const CLUSTER_CLIENTS = 200;

async function main({ needsHelp, mode, minutes, mistakes, ...options }: CommandLine): Promise<void> {
  if (needsHelp) {
    print(USAGE);
    return;
  }
  if (mode === 'peers') {
    installTools(fileURLToPath(new URL('../peers', import.meta.url)));
    print(await comparePeers('valkey', print));
    return;
  }
  if (mode === 'cluster') {
    print(`a cluster for ${minutes} min, --seed ${options.seed}`);
    const cluster = { minutes, mistakes, seed: options.seed, kind: 'valkey', clients: CLUSTER_CLIENTS } as const;
    const problems = await runClusterSoak(cluster, print);
    print(problems.length === 0 ? 'nothing lost, doubled, out of order or unexplained' : `${problems.length} problems`);
    if (problems.length > 0) process.exitCode = 1;
    return;
  }
  const { seconds, connections, seed, fault } = options;
  const planted = fault === undefined ? '' : `, --fault ${fault}`;
  print(`${connections} connections at a time for ${seconds} s, --seed ${seed}${planted}`);
  const result = await runSoak(options, print);
  printResult(result);
  if (result.problems.length > 0) process.exitCode = 1;
}

try {
  await main(parseCommandLine(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 2;
}
