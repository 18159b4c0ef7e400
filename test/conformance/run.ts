/** Runs the conformance cases: `npm run conformance -- --help`. */
import type { ConformanceCase } from './case.ts';
import { conformanceCases } from './cases/all.ts';
import { strictness } from './cases/strictness.ts';
import { type CommandLine, isSelected, parseCommandLine, type PeerName, USAGE } from './runner/command-line.ts';
import type { CaseResult } from './runner/judge.ts';
import { type Peer, remoteServer, startLibraryClient, startLibraryServer, startWsServer } from './runner/peers.ts';
import { limitExchanges, toQuickForm } from './runner/quick.ts';
import { runAgainst } from './runner/run-peer.ts';
import { formatResults } from './runner/table.ts';

const STARTERS: Readonly<Record<PeerName, () => Promise<Peer>>> = {
  server: startLibraryServer,
  client: startLibraryClient,
  ws: startWsServer,
};

/** Selects the cases. The strictness cases are for this library only: others may be less strict for a reason. */
function selectCases({ url, peers, only, messages, isQuick }: CommandLine): ConformanceCase[] {
  const isOwn = url === undefined && !peers.includes('ws');
  return [...conformanceCases, ...(isOwn ? strictness : [])]
    .filter(({ id }) => isSelected(id, only))
    .map((each) => limitExchanges(isQuick ? toQuickForm(each) : each, messages));
}

async function runAll(peer: Peer, cases: readonly ConformanceCase[], commandLine: CommandLine): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const testCase of cases) {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${peer.name}: ${testCase.id} ${testCase.title}`);
    results.push(await runAgainst(peer, testCase, commandLine));
  }
  if (process.stderr.isTTY) process.stderr.write('\r\u001B[K');
  return results;
}

async function main(commandLine: CommandLine): Promise<void> {
  const { url, peers } = commandLine;
  const cases = selectCases(commandLine);
  if (cases.length === 0) throw new Error('--only names no case');
  for (const start of url === undefined ? peers.map((name) => STARTERS[name]) : [() => remoteServer(url)]) {
    const peer = await start();
    const startedAt = performance.now();
    const results = await runAll(peer, cases, commandLine);
    await peer.stop();
    process.stdout.write(`${formatResults(peer.name, results, (performance.now() - startedAt) / 1000)}\n\n`);
    if (results.some(({ verdict }) => verdict === 'failed')) process.exitCode = 1;
  }
}

try {
  const commandLine = parseCommandLine(process.argv.slice(2));
  if (commandLine.needsHelp) process.stdout.write(`${USAGE}\n`);
  else await main(commandLine);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 2;
}
