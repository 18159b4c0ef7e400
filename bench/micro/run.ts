/** Measures small parts of the library alone, to judge a change in seconds: `npm run bench:micro -- mask`. */
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type * as Frame from '../../src/protocol/frame-header.ts';
import type * as FrameParser from '../../src/protocol/frame-parser.ts';
import type * as Mask from '../../src/protocol/mask.ts';
import type * as ProtocolConnection from '../../src/protocol/protocol-connection.ts';
import type * as Utf8 from '../../src/protocol/utf8.ts';
import type * as Zlib from '../../src/connection/zlib.ts';
import { median } from '../report/statistics.ts';
import { deflateCases } from './deflate-cases.ts';
import { frameCases } from './frame-cases.ts';
import { maskCases } from './mask-cases.ts';
import type { MicroCase, Modules } from './micro-case.ts';
import { type Timing, timeInTurns } from './timing.ts';
import { utf8Cases } from './utf8-cases.ts';

const USAGE = `Usage: npm run bench:micro -- [words...] [--against <folder>]

  words      cases whose names begin with one of them: mask, utf8, parse, receive, send, deflate, inflate
  --against  the src folder of another checkout, measured in turns with this one`;

const ownSources = fileURLToPath(new URL('../../src', import.meta.url));

async function loadModules(sources: string): Promise<Modules> {
  const load = (name: string): Promise<unknown> =>
    import(pathToFileURL(join(sources, `${name}.ts`)).href) as Promise<unknown>;
  return {
    mask: (await load('protocol/mask')) as typeof Mask,
    utf8: (await load('protocol/utf8')) as typeof Utf8,
    frame: (await load('protocol/frame-header')) as typeof Frame,
    frameParser: (await load('protocol/frame-parser')) as typeof FrameParser,
    protocolConnection: (await load('protocol/protocol-connection')) as typeof ProtocolConnection,
    zlib: (await load('connection/zlib')) as typeof Zlib,
  };
}

async function loadCases(sources: string, words: readonly string[]): Promise<readonly MicroCase[]> {
  const modules = await loadModules(sources);
  const cases = [...maskCases(modules), ...utf8Cases(modules), ...frameCases(modules), ...deflateCases(modules)];
  return cases.filter(({ name }) => words.length === 0 || words.some((word) => name.startsWith(word)));
}

function formatTiming({ nanoseconds, spread }: Timing, bytes: number): string {
  const megabytes = (bytes / nanoseconds) * 1000;
  return `${nanoseconds.toFixed(1).padStart(11)} ns ±${(spread * 100).toFixed(0).padStart(2)} %${megabytes.toFixed(0).padStart(8)} MB/s`;
}

/** Returns how many times as fast this checkout is: the median of the rounds' ratios. */
function speedUp(own: Timing, other: Timing): string {
  const ratio = median(own.rounds.map((nanoseconds, round) => (other.rounds[round] ?? Number.NaN) / nanoseconds));
  return `${ratio.toFixed(2)}×`;
}

async function measure(words: readonly string[], against: string | undefined): Promise<void> {
  const own = await loadCases(ownSources, words);
  const other = against === undefined ? [] : await loadCases(resolve(against), words);
  if (own.length === 0) throw new Error(USAGE);
  const width = Math.max(...own.map(({ name }) => name.length));
  for (const [i, microCase] of own.entries()) {
    const { name, bytes } = microCase;
    const rival = other[i];
    const [timing, otherTiming] = await timeInTurns(rival === undefined ? [microCase] : [microCase, rival]);
    if (timing === undefined) continue;
    const comparison =
      otherTiming === undefined ? '' : `   other:${formatTiming(otherTiming, bytes)}   ${speedUp(timing, otherTiming)}`;
    console.log(`${name.padEnd(width)}${formatTiming(timing, bytes)}${comparison}`);
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { against: { type: 'string' }, help: { type: 'boolean', default: false } },
});
if (values.help) console.log(USAGE);
else await measure(positionals, values.against);
