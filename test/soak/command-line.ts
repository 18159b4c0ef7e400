import { parseArgs } from 'node:util';
import type { SoakOptions } from './run-soak.ts';

/** What `npm run soak` is asked to do. */
export interface CommandLine extends SoakOptions {
  readonly needsHelp: boolean;
}

export const USAGE = `Usage: npm run soak -- [options]

  --seconds <number>      how long new connections are opened (120)
  --connections <number>  how many are open at a time (2000)
  --seed <number>         repeats what an earlier run did, apart from its timing (random)`;

const MAX_SECONDS = 86_400;
const MAX_CONNECTIONS = 20_000;
const MAX_SEED = 2 ** 31 - 1;

/** @throws Error for what it does not understand */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '120' },
      connections: { type: 'string', default: '2000' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * MAX_SEED)) },
      help: { type: 'boolean', default: false },
    },
  });
  return {
    seconds: checkNumber('seconds', values.seconds, 1, MAX_SECONDS),
    connections: checkNumber('connections', values.connections, 1, MAX_CONNECTIONS),
    seed: checkNumber('seed', values.seed, 0, MAX_SEED),
    needsHelp: values.help,
  };
}

function checkNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new Error(`--${name} must be a whole number from ${least} to ${most}`);
  }
  return value;
}
