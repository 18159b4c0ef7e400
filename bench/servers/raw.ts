import { serveBareRoom } from './bare-room.ts';
import { BareServer } from './bare-server.ts';
import type { ServerPeer } from './server-peer.ts';

/** Bare sockets of Node: the floor of all servers that use them. */
export function createPeer(): ServerPeer {
  let server: BareServer | undefined;
  return {
    version: process.versions.node,
    notes: 'bare sockets: counts bytes, sends bytes made beforehand',
    serve(workload) {
      if (workload.behaviour === 'topics') return serveBareRoom();
      server = new BareServer(workload);
      return server.listen();
    },
    findFault: (isQuiet) => server?.findFault(isQuiet),
  };
}
