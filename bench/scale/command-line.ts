import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LIBRARY } from '../peers.ts';
import type { ScalePeer } from './scale-server.ts';

export interface ScaleCommandLine {
  readonly connections: number;
  readonly peers: readonly ScalePeer[];
  readonly rounds: number;
  readonly idleMs: number;
  readonly jsonFile: string;
  readonly needsHelp: boolean;
}

export const SCALE_USAGE = `Usage: npm run bench:scale -- [options]

  --connections <number>  number of connections that are held open (50000)
  --peer <name>           4d-websocket or ws; may be repeated (4d-websocket)
  --rounds <number>       number of measurements of each way to broadcast (3)
  --idle <seconds>        time with nothing but the heartbeat (30)
  --quick                 5000 connections, idle for 3 seconds
  --json <file>           file for the results (bench/results/scale.json)`;

const PEERS: readonly ScalePeer[] = [LIBRARY, 'ws'];

/** @throws Error for an unknown option or a value out of range */
export function parseScaleCommandLine(args: readonly string[], resultsFolder: string): ScaleCommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      connections: { type: 'string' },
      peer: { type: 'string', multiple: true, default: [LIBRARY] },
      rounds: { type: 'string', default: '3' },
      idle: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string', default: resolve(resultsFolder, 'scale.json') },
      help: { type: 'boolean', default: false },
    },
  });
  const connections = Number(values.connections ?? (values.quick ? 5000 : 50_000));
  if (!Number.isInteger(connections) || connections < 1)
    throw new Error('--connections must be a whole number, 1 or more');
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds must be a whole number, 1 or more');
  const idleMs = Number(values.idle ?? (values.quick ? 3 : 30)) * 1000;
  // A call to another process may take 90 seconds at most.
  if (!(idleMs > 0 && idleMs <= 80_000)) throw new Error('--idle must be a number of seconds, above 0 and up to 80');
  const peers = values.peer.map((name) => {
    const peer = PEERS.find((known) => known === name);
    if (peer === undefined) throw new Error(`there is no peer "${name}", only ${PEERS.join(', ')}`);
    return peer;
  });
  return { connections, peers, rounds, idleMs, jsonFile: resolve(values.json), needsHelp: values.help };
}
