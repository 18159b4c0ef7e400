import { parseArgs } from 'node:util';
import { parseStreamCase, type StreamCase } from './streams/stream-case.ts';

/** Options of `npm run fuzz`. */
export interface CommandLine {
  readonly seconds: number;
  readonly seed: number;
  /** Where to begin in the inputs of the seed, for the one law that {@link only} selects. */
  readonly path: string | undefined;
  /** Parts of names of laws; an empty list selects all laws. */
  readonly only: readonly string[];
  /** Whether streams with a new outcome are added to the corpus. */
  readonly saves: boolean;
  /** One stream to run, instead of everything else. */
  readonly replay: StreamCase | undefined;
  readonly needsHelp: boolean;
}

export const USAGE = `Usage: npm run fuzz -- [options]

  --seconds <number>  how long to try all laws together (60)
  --seed <number>     repeats the inputs of a run (random)
  --path <text>       where to begin in the inputs, from the report of a failure; with --only and --seed
  --only <text>       tries only laws whose names contain this text; may be repeated
  --save              adds streams with a new outcome to test/fuzz/corpus/found.txt
  --replay <stream>   shows the outcome of one stream, such as "server plain 8180…"`;

/** @throws Error for an unknown option or an invalid value */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string' },
      path: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      save: { type: 'boolean', default: false },
      replay: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const { seed, replay } = values;
  return {
    seconds: checkNumber('seconds', values.seconds, 1),
    seed: seed === undefined ? Math.floor(Math.random() * 2 ** 31) : checkNumber('seed', seed, -(2 ** 31)),
    path: values.path,
    only: values.only,
    saves: values.save,
    replay: replay === undefined ? undefined : parseStreamCase(replay),
    needsHelp: values.help,
  };
}

function checkNumber(name: string, text: string, min: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < min) {
    throw new Error(`--${name} must be a whole number, ${min} or more`);
  }
  return value;
}
