/** Holds many connections open, and sends to all of them: see `npm run bench:scale -- --help`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { openFileLimit } from '../open-files.ts';
import { resultsFolder } from '../folders.ts';
import { describeMachine, findProcessors } from '../report/machine.ts';
import { parseScaleCommandLine, SCALE_USAGE, type ScaleCommandLine } from './command-line.ts';
import { formatScale } from './format-scale.ts';
import { measureScale } from './measure-scale.ts';
import { planShards } from './process-plan.ts';
import type { ScaleResult, ScaleRun } from './scale-result.ts';

/** Shows the progress on a terminal. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${text}`);
}

async function measureAll({ connections, peers, rounds, idleMs, jsonFile }: ScaleCommandLine): Promise<void> {
  const machine = describeMachine();
  const processors = findProcessors();
  const limit = openFileLimit();
  const shards = planShards(connections, limit);
  const servers =
    shards.length === 1
      ? 'one server process and one of clients'
      : `${shards.length} server processes and as many of clients`;
  console.log(`${machine.processor}, ${machine.processors} processors, ${machine.memoryGiB} GiB, ${machine.system}`);
  console.log(`Node ${machine.node}, V8 ${machine.v8}`);
  console.log(`a process may have ${limit.toLocaleString('en')} files open: ${servers}`);
  if (processors === undefined) console.log('not pinned to processors because taskset is missing');
  else console.log(`servers run on processor ${processors.subject}, clients on ${processors.load}`);
  console.log('');

  const results: ScaleResult[] = [];
  for (const peer of peers) {
    const result = await measureScale({ peer, shards, rounds, idleMs, processors }, showProgress);
    showProgress('');
    console.log(formatScale(result));
    results.push(result);
  }
  const run: ScaleRun = { date: new Date().toISOString(), machine, openFileLimit: limit, results };
  mkdirSync(dirname(jsonFile), { recursive: true });
  writeFileSync(jsonFile, `${JSON.stringify(run, undefined, 2)}\n`);
  console.log(jsonFile);
}

const commandLine = parseScaleCommandLine(process.argv.slice(2), resultsFolder);
if (commandLine.needsHelp) console.log(SCALE_USAGE);
else await measureAll(commandLine);
