/** Tries the laws with as many inputs as there is time for: `npm run fuzz -- --help`. */
import { allLaws } from './all-laws.ts';
import { type CommandLine, parseCommandLine, USAGE } from './command-line.ts';
import type { Law } from './law.ts';
import { checkStream } from './streams/check-stream.ts';
import { readCorpus, saveStream } from './streams/corpus.ts';
import { exploreStreams } from './streams/explore-streams.ts';
import { type Feature, featuresOf } from './streams/features.ts';
import { libraryOutcome } from './streams/library-outcome.ts';
import { minimizeStream } from './streams/minimize-stream.ts';
import { formatStreamCase, type StreamCase } from './streams/stream-case.ts';

const STREAMS = 'streams: the same outcome as with ws, however they are delivered';

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Reads a clock that no law replaces. */
function nowMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

/** Tries all laws in rounds, each with another seed. Returns whether all laws hold. */
async function tryLaws(laws: readonly Law[], endsMs: number, { seed, path }: CommandLine): Promise<boolean> {
  const tried = new Map<Law, number>();
  for (let round = 0; laws.length > 0 && (round === 0 || nowMs() < endsMs); round++) {
    for (const law of laws) {
      if (round > 0 && nowMs() >= endsMs) break;
      // The first round tries few inputs, so that each law has its turn.
      const runs = round === 0 ? law.runs : law.runs * 4;
      const report = await law.check({ seed: seed + round, runs, ...(path !== undefined && { path }) });
      tried.set(law, (tried.get(law) ?? 0) + runs);
      if (report === '') continue;
      print(`FAILED ${law.name}\n${report}`);
      print(`to repeat: npm run fuzz -- --only "${law.name}" --seed <seed> --path <path>`);
      return false;
    }
    if (path !== undefined) break;
  }
  for (const [law, runs] of tried) print(`${String(runs).padStart(9)}  ${law.name}`);
  return true;
}

/** Explores streams. Returns whether all laws hold. */
async function tryStreams(endsMs: number, { seed, saves }: CommandLine): Promise<boolean> {
  const corpus = readCorpus();
  const found: [StreamCase, readonly Feature[]][] = [];
  const { streams, features, failure } = await exploreStreams({
    corpus,
    seed,
    isOver: (count) => count >= corpus.length && nowMs() >= endsMs,
    onNew: (stream, news) => void found.push([stream, news]),
  });
  print(`${String(streams).padStart(9)}  ${STREAMS} (${features} outcomes, ${found.length} of them new to the corpus)`);
  if (failure !== '') print(`FAILED ${STREAMS}\n${failure}`);
  if (saves) await save(found);
  return failure === '';
}

/** Adds to the corpus the shortest streams with the ends that were found. */
async function save(found: readonly (readonly [StreamCase, readonly Feature[]])[]): Promise<void> {
  for (const [stream, features] of found) {
    const end = features.find(({ isEnd }) => isEnd);
    if (end === undefined) continue;
    const smallest = await minimizeStream(stream, async (each) =>
      featuresOf(each, await libraryOutcome(each)).some(({ name }) => name === end.name),
    );
    saveStream(smallest, end.name);
  }
}

async function replay(stream: StreamCase): Promise<boolean> {
  const { outcome, failure } = await checkStream(stream);
  print(JSON.stringify(outcome, undefined, 2));
  if (failure === '') return true;
  const smallest = await minimizeStream(stream, async (each) => (await checkStream(each)).failure !== '');
  print(`FAILED\n${failure}\nsmallest: ${formatStreamCase(smallest)}`);
  return false;
}

async function main(commandLine: CommandLine): Promise<boolean> {
  if (commandLine.replay !== undefined) return replay(commandLine.replay);
  const isSelected = (name: string): boolean =>
    commandLine.only.length === 0 || commandLine.only.some((part) => name.includes(part));
  const laws = allLaws.filter(({ name }) => isSelected(name));
  const withStreams = isSelected(STREAMS);
  if (laws.length === 0 && !withStreams) throw new Error('--only matches no law');
  print(`seed ${commandLine.seed}, ${commandLine.seconds} s`);
  const lengthMs = commandLine.seconds * 1000;
  const startMs = nowMs();
  // The streams get half of the time.
  const lawsEndMs = startMs + (withStreams ? lengthMs / 2 : lengthMs);
  const isFine = await tryLaws(laws, lawsEndMs, commandLine);
  return (!withStreams || (await tryStreams(startMs + lengthMs, commandLine))) && isFine;
}

try {
  const commandLine = parseCommandLine(process.argv.slice(2));
  if (commandLine.needsHelp) print(USAGE);
  else if (!(await main(commandLine))) process.exitCode = 1;
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 2;
}
