import type { ClientPeer } from '../clients/client-peer.ts';
import { ClientLoad } from '../clients/client-load.ts';
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

type ClientPeerModule = Exclude<Peer['module'], 'uwebsockets' | 'raw'>;

interface PeerModule {
  readonly createPeer: (peer: Peer) => ClientPeer | Promise<ClientPeer>;
}

async function load(peer: Peer): Promise<ClientPeer> {
  const { createPeer } = await CLIENTS[peer.module as ClientPeerModule]();
  return createPeer(peer);
}

let current: ClientLoad | undefined;

const calls: ClientCalls = {
  usage,
  startProfile,
  stopProfile,
  async describe(peer) {
    const { version, notes } = await load(peer);
    return { version, notes };
  },
  async open(task) {
    current = new ClientLoad(await load(task.peer), task);
    await current.open();
  },
  async run(durationMs) {
    if (current === undefined) throw new Error('no connections are open');
    return current.run(durationMs);
  },
};

answerCalls(calls);
