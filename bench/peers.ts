import type { Benchmark } from './benchmark.ts';

/** Name of this library among the peers. */
export const LIBRARY = '4d-websocket';
/** Name of the peer that every ratio compares with. */
export const BASELINE = 'ws';
/** Name of the peer that is the floor: sockets of Node without any WebSocket. */
export const BARE_SOCKETS = 'node:net';

/** Rooms of Socket.IO, and the same with its option connectionStateRecovery. */
export const ROOMS = 'socket.io';
export const RECOVERING_ROOMS = 'socket.io recov.';

/** A program that is measured. The data is plain, because it is sent to other processes. */
export interface Peer {
  /** Name in tables. */
  readonly name: string;
  /** The file of `servers/` or `clients/` that runs it. */
  readonly module: 'library' | 'ws' | 'uwebsockets' | 'undici' | 'raw' | 'socketio';
  /** Package of the peer, if it has one. */
  readonly packageName?: string;
  /** Entry file of another build of this library. */
  readonly entry?: string;
  readonly sides: readonly Benchmark['side'][];
}

/** Sides of a peer that is measured as server and as client, and compresses its messages. */
const BOTH_SIDES: Peer['sides'] = ['server', 'compressing server', 'client', 'compressing client'];

const PEERS: readonly Peer[] = [
  {
    name: LIBRARY,
    module: 'library',
    packageName: '4d-websocket',
    sides: [...BOTH_SIDES, 'package', 'room', 'topics', 'resume', 'log'],
  },
  { name: BASELINE, module: 'ws', packageName: 'ws', sides: [...BOTH_SIDES, 'package'] },
  // undici inflates messages that it receives, but compresses none that it sends.
  { name: 'undici', module: 'undici', packageName: 'undici', sides: ['client', 'package'] },
  { name: 'uWebSockets.js', module: 'uwebsockets', packageName: 'uwebsockets', sides: ['server', 'package'] },
  { name: ROOMS, module: 'socketio', packageName: 'socket.io', sides: ['room', 'topics'] },
  { name: RECOVERING_ROOMS, module: 'socketio', packageName: 'socket.io', sides: ['room', 'topics', 'resume'] },
  { name: BARE_SOCKETS, module: 'raw', sides: ['server', 'client', 'room'] },
];

/**
 * Returns the peers of a run.
 *
 * @param names - names of the peers to select; an empty list selects all
 * @param otherBuilds - entry files of other builds of this library, measured beside it
 */
export function selectPeers(names: readonly string[], otherBuilds: readonly string[]): readonly Peer[] {
  const known = PEERS.map((peer) => peer.name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`there is no peer "${unknown}", only ${known.join(', ')}`);
  const selected = PEERS.filter((peer) => names.length === 0 || names.includes(peer.name));
  const others = otherBuilds.map((entry, index): Peer => ({
    name: otherBuilds.length === 1 ? 'other build' : `other build ${index + 1}`,
    module: 'library',
    entry,
    sides: BOTH_SIDES,
  }));
  return [...selected, ...others];
}
