import { quantilesOf } from '../load/quantiles.ts';
import type { ServerPeer } from '../servers/server-peer.ts';
import type { Peer } from '../peers.ts';
import { answerCalls } from './answer-calls.ts';
import type { ServerCalls } from './calls.ts';
import { startProfile, stopProfile } from './profile.ts';
import { usage } from './usage.ts';

const SERVERS: Readonly<Record<ServerPeerModule, () => Promise<PeerModule>>> = {
  library: () => import('../servers/library.ts'),
  ws: () => import('../servers/ws.ts'),
  uwebsockets: () => import('../servers/uwebsockets.ts'),
  raw: () => import('../servers/raw.ts'),
  socketio: () => import('../servers/socketio.ts'),
};

type ServerPeerModule = Exclude<Peer['module'], 'undici'>;

interface PeerModule {
  readonly createPeer: (peer: Peer) => ServerPeer | Promise<ServerPeer>;
}

async function load(peer: Peer): Promise<ServerPeer> {
  const { createPeer } = await SERVERS[peer.module as ServerPeerModule]();
  return createPeer(peer);
}

let current: ServerPeer | undefined;

const calls: ServerCalls = {
  usage,
  startProfile,
  stopProfile,
  async describe(peer) {
    const { version, notes } = await load(peer);
    return { version, notes };
  },
  async start({ peer, workload }) {
    current = await load(peer);
    return current.serve(workload);
  },
  async findFault(isQuiet) {
    return current?.findFault?.(isQuiet);
  },
  async publish({ prefix, from, count }) {
    if (current?.publish === undefined) throw new Error('this server has no topics');
    const { publish } = current;
    const micros = new Float64Array(count);
    for (let i = 0; i < micros.length; i++) {
      const beganAt = performance.now();
      await publish(`${prefix}${from + i}`);
      micros[i] = performance.now() - beganAt;
    }
    return quantilesOf(micros, 1000);
  },
  async peakBytes() {
    return process.resourceUsage().maxRSS * 1024;
  },
};

answerCalls(calls);
