import { BareServer } from './bare-server.ts';
import type { ServerPeer } from './server-peer.ts';

/** What Node's sockets alone cost, the floor for anything that stands on them. */
export function createPeer(): ServerPeer {
  let server: BareServer | undefined;
  return {
    version: process.versions.node,
    notes: 'bare sockets: counts bytes, sends bytes made beforehand',
    serve(workload) {
      server = new BareServer(workload);
      return server.listen();
    },
    findFault: (isQuiet) => server?.findFault(isQuiet),
  };
}
