import { parseArgs } from 'node:util';
import { parseStreamCase, type StreamCase } from './streams/stream-case.ts';

/** What `npm run fuzz` is asked to do. */
export interface CommandLine {
  readonly seconds: number;
  readonly seed: number;
  /** Where to begin in the inputs of the seed: of the one law that is left by {@link only}. */
  readonly path: string | undefined;
  /** Parts of names; none stands for all. */
  readonly only: readonly string[];
  /** Whether streams that reach something new are added to the corpus. */
  readonly saves: boolean;
  /** One stream to look at, instead of all else. */
  readonly replay: StreamCase | undefined;
  readonly needsHelp: boolean;
}

export const USAGE = `Usage: npm run fuzz -- [options]

  --seconds <number>  how long, all laws together (60)
  --seed <number>     the same inputs again (random)
  --path <text>       where to begin in them, as a failure tells it; with --only and --seed
  --only <text>       laws whose names hold this text; may be repeated
  --save              adds streams that reach something new to test/fuzz/corpus/found.txt
  --replay <stream>   tells what one stream leads to, such as "server plain 8180…"`;

/** @throws Error for what it does not understand */
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
