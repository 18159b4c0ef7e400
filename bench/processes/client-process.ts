import type { ClientPeer } from '../clients/client-peer.ts';
import { ClientLoad } from '../clients/client-load.ts';
import { Load, type LoadPlan } from '../load/load.ts';
import type { Peer } from '../peers.ts';
import { answerCalls } from './answer-calls.ts';
import type { ClientCalls } from './calls.ts';
import { startProfile, stopProfile } from './profile.ts';
import { usage } from './usage.ts';

const CLIENTS: Readonly<Record<ClientPeerModule, () => Promise<PeerModule>>> = {
  library: () => import('../clients/library.ts'),
  ws: () => import('../clients/ws.ts'),
  undici: () => import('../clients/undici.ts'),
};

type ClientPeerModule = Exclude<Peer['module'], 'uwebsockets' | 'raw' | 'socketio'>;

interface PeerModule {
  readonly createPeer: (peer: Peer) => ClientPeer | Promise<ClientPeer>;
}

async function load(peer: Peer): Promise<ClientPeer> {
  const { createPeer } = await CLIENTS[peer.module as ClientPeerModule]();
  return createPeer(peer);
}

/** Creates the clients of a peer. The load generator, which is bare sockets, is the floor of the clients. */
async function createLoad(peer: Peer, plan: LoadPlan): Promise<Load | ClientLoad> {
  return peer.module === 'raw' ? new Load(plan) : new ClientLoad(await load(peer), plan);
}

const loads: (Load | ClientLoad)[] = [];

const calls: ClientCalls = {
  usage,
  startProfile,
  stopProfile,
  async describe(peer) {
    const { version, notes } = await load(peer);
    return { version, notes };
  },
  async open({ peer, plan }) {
    const opened = await createLoad(peer, plan);
    loads.push(opened);
    return opened.open();
  },
  async run(durationMs) {
    const last = loads.at(-1);
    if (last === undefined) throw new Error('no connections are open');
    return last.run(durationMs);
  },
  async verify() {
    await Promise.all(loads.map((each) => each.verify()));
  },
};

answerCalls(calls);
