import type { Benchmark } from './benchmark.ts';

/** Name of this library among the peers. */
export const LIBRARY = '4d-websocket';
/** Every ratio is against this peer. */
export const BASELINE = 'ws';

/** Something that is measured. Plain data: it travels to the other processes. */
export interface Peer {
  /** As shown in tables. */
  readonly name: string;
  /** The file of `servers/` or `clients/` that runs it. */
  readonly module: 'library' | 'ws' | 'uwebsockets' | 'undici' | 'raw';
  /** Package that it comes from, when it does. */
  readonly packageName?: string;
  /** Entry file of another build of this library. */
  readonly entry?: string;
  readonly sides: readonly Benchmark['side'][];
}

/** What a peer takes part in that is measured as server and as client, and compresses what it sends. */
const BOTH_SIDES: Peer['sides'] = ['server', 'compressing server', 'client', 'compressing client'];

const PEERS: readonly Peer[] = [
  { name: LIBRARY, module: 'library', packageName: '4d-websocket', sides: [...BOTH_SIDES, 'package'] },
  { name: BASELINE, module: 'ws', packageName: 'ws', sides: [...BOTH_SIDES, 'package'] },
  // It inflates what it gets, but compresses nothing that it sends.
  { name: 'undici', module: 'undici', packageName: 'undici', sides: ['client', 'package'] },
  { name: 'uWebSockets.js', module: 'uwebsockets', packageName: 'uwebsockets', sides: ['server', 'package'] },
  { name: 'node:net', module: 'raw', sides: ['server', 'client'] },
];

/**
 * The peers of a run.
 *
 * @param names - only these; none means all
 * @param otherBuilds - entry files of other builds of this library, measured beside it
 */
export function selectPeers(names: readonly string[], otherBuilds: readonly string[]): readonly Peer[] {
  const known = PEERS.map((peer) => peer.name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`there is no peer "${unknown}": ${known.join(', ')}`);
  const selected = PEERS.filter((peer) => names.length === 0 || names.includes(peer.name));
  const others = otherBuilds.map((entry, index): Peer => ({
    name: otherBuilds.length === 1 ? 'other build' : `other build ${index + 1}`,
    module: 'library',
    entry,
    sides: BOTH_SIDES,
  }));
  return [...selected, ...others];
}
