import type { Attack } from '../attack.ts';
import { CONNECTION_BYTES } from '../bounds.ts';
import { CLOSE_1000 } from '../hostile/client-frames.ts';

export const connectionFlood: Attack = {
  name: 'connection-flood',
  title: 'open connections from one address without end; half of the refused ones never end their side',
  peers: 1000,
  settings: { maxConnectionsPerAddress: 400 },
  bound: () => ({ bytes: CONNECTION_BYTES, formula: 'connection' }),
  endings: ['HTTP 429', '1000'],
  patienceMs: 8000,
  async run(crowd) {
    const peers = await crowd.gather((index) => crowd.open({}, { keepsOpen: index % 2 === 0 }));
    await crowd.atHeight();
    await crowd.flood(async () => {
      const peer = await crowd.open();
      await crowd.waitForEnd(peer);
    });
    await Promise.all(peers.map((peer) => peer.write(CLOSE_1000)));
  },
};
