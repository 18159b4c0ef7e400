import type { Attack } from '../attack.ts';
import { HANDSHAKE_BYTES } from '../bounds.ts';
import { unfinishedPost } from '../hostile/plain-requests.ts';

export const slowBodies: Attack = {
  name: 'slow-bodies',
  title: 'send the body of a request byte by byte',
  peers: 400,
  settings: {},
  web: { requestTimeoutMs: 3000 },
  bound: () => ({ bytes: HANDSHAKE_BYTES, formula: 'connection + 2 x 16 KiB of headers (Node)' }),
  // The request is answered at once, and the connection ends when the body takes too long.
  endings: ['HTTP 405'],
  otherEndings: ['reset'],
  // Shorter than the keep-alive time, after which the connection of an answered request ends anyway.
  patienceMs: 4500,
  async run(crowd) {
    const peers = await crowd.gather(async () => {
      const peer = await crowd.connect();
      await peer.write(unfinishedPost());
      return peer;
    });
    await crowd.atHeight();
    await Promise.all(peers.map((peer) => crowd.trickle(peer)));
  },
};
