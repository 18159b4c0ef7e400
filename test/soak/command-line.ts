import { parseArgs } from 'node:util';
import { FAULT_NAMES, type FaultName } from '../helpers/planted-faults.ts';
import type { SoakOptions } from './run-soak.ts';

/** The parsed arguments of `npm run soak`. */
export interface CommandLine extends SoakOptions {
  readonly needsHelp: boolean;
  /** What is run: a soak of connections, one of a cluster, or the comparison with other libraries. */
  readonly mode: 'connections' | 'cluster' | 'peers';
  readonly minutes: number;
  /** Mistakes of the product in a cluster. */
  readonly mistakes: readonly string[];
}

export const USAGE = `Usage: npm run soak -- [options]

  --seconds <number>      time for which new connections are opened (120)
  --connections <number>  connections that are open at a time (2000)
  --seed <number>         repeats the plans of an earlier run, but not their timing (random)
  --fault <name>          counter-check: makes a mistake for each connection that ends, so that the command must fail

  --cluster               nodes, clients and a broker in processes of their own, and faults at random: needs Valkey
  --minutes <number>      of a cluster (3)
  --mistake <name>        counter-check: a mistake of the nodes of a cluster, so that the command must fail

  --peers                 puts other libraries to the same faults, and prints one table

Faults: ${FAULT_NAMES.join(', ')}`;

const MAX_SECONDS = 86_400;
const MAX_MINUTES = 1440;
const MAX_CONNECTIONS = 20_000;
const MAX_SEED = 2 ** 31 - 1;

/** @throws Error for an unknown option or a value out of range */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '120' },
      connections: { type: 'string', default: '2000' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * MAX_SEED)) },
      fault: { type: 'string' },
      cluster: { type: 'boolean', default: false },
      peers: { type: 'boolean', default: false },
      minutes: { type: 'string', default: '3' },
      mistake: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  });
  return {
    seconds: checkNumber('seconds', values.seconds, 1, MAX_SECONDS),
    connections: checkNumber('connections', values.connections, 1, MAX_CONNECTIONS),
    seed: checkNumber('seed', values.seed, 0, MAX_SEED),
    fault: checkFault(values.fault),
    needsHelp: values.help,
    mode: values.cluster ? 'cluster' : values.peers ? 'peers' : 'connections',
    minutes: checkNumber('minutes', values.minutes, 1, MAX_MINUTES),
    mistakes: values.mistake,
  };
}

function checkNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new Error(`--${name} must be a whole number from ${min} to ${max}`);
  }
  return value;
}

function checkFault(name: string | undefined): FaultName | undefined {
  const known = FAULT_NAMES.find((fault) => fault === name);
  if (name !== undefined && known === undefined) throw new Error(`--fault must be one of ${FAULT_NAMES.join(', ')}`);
  return known;
}
