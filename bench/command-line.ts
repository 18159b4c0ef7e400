import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export interface CommandLine {
  readonly only: readonly string[];
  readonly peers: readonly string[];
  readonly otherBuilds: readonly string[];
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly windowMs: number;
  readonly jsonFile: string;
  readonly checksFloors: boolean;
  readonly isPatient: boolean;
  readonly profiles: boolean;
  readonly needsHelp: boolean;
}

export const USAGE = `Usage: npm run bench -- [options]

  --only <name>      one benchmark, e.g. echo-text-64-16, or every one with this prefix, e.g. echo; may be repeated
  --peer <name>      4d-websocket, ws, undici, uWebSockets.js or node:net; may be repeated
  --also <file>      the entry file of another build of this library, measured beside it; may be repeated
  --rounds <number>  number of measurements of each peer (5)
  --quick            3 short rounds
  --patient          wait until the machine is quiet, and repeat measurements that other programs disturbed
  --json <file>      file for the results (bench/results/latest.json); the plot goes beside it
  --check            fail when a ratio against ws is below bench/floors.json
  --profile          write CPU profiles of the measured processes to bench/results/profiles`;

/** @throws Error for an unknown option or a value out of range */
export function parseCommandLine(args: readonly string[], resultsFolder: string): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true, default: [] },
      peer: { type: 'string', multiple: true, default: [] },
      also: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      patient: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const rounds = Number(values.rounds ?? (values.quick ? 3 : 5));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds must be a whole number, 1 or more');
  return {
    only: values.only,
    peers: values.peer,
    otherBuilds: values.also.map((file) => resolve(file)),
    rounds,
    warmUpMs: values.quick ? 300 : 600,
    windowMs: values.quick ? 400 : 1000,
    jsonFile: resolve(values.json ?? resolve(resultsFolder, 'latest.json')),
    checksFloors: values.check,
    isPatient: values.patient,
    profiles: values.profile,
    needsHelp: values.help,
  };
}
