import type { Attack } from '../attack.ts';
import { HANDSHAKE_BYTES } from '../bounds.ts';
import { getRequest } from '../hostile/plain-requests.ts';
import { SMALL_FILE } from '../served-files.ts';

export const socketFlood: Attack = {
  name: 'socket-flood',
  title: 'open TCP connections from one address without end, and send nothing, one request, or half of one',
  peers: 1000,
  settings: { handshakeTimeoutMs: 3000 },
  web: { maxConnectionsPerAddress: 400 },
  bound: () => ({ bytes: HANDSHAKE_BYTES, formula: 'connection + 2 x 16 KiB of headers (Node)' }),
  // Within the limit: a slow head, and a keep-alive time that is over. Beyond: 503, or cut off when there are too many.
  endings: ['HTTP 408', 'HTTP 200', 'HTTP 503'],
  otherEndings: ['cut off', 'reset'],
  patienceMs: 10_000,
  async run(crowd) {
    await crowd.gather(async (index) => {
      const peer = await crowd.connect({ keepsOpen: index % 2 === 0 });
      if (index % 3 === 1) await peer.write(getRequest(SMALL_FILE));
      if (index % 3 === 2) await peer.write('GET / HTTP/1.1\r\nHost: loc');
      return peer;
    });
    await crowd.atHeight();
    await crowd.flood(async () => {
      const peer = await crowd.connect();
      await crowd.waitForEnd(peer);
    });
  },
};
