import { handshakeRequest } from '../../helpers/handshake-request.ts';
import type { Attack } from '../attack.ts';
import { HANDSHAKE_BYTES } from '../bounds.ts';

/** A request without its end, nearly as long as Node allows. */
const MOST_OF_A_REQUEST = handshakeRequest({ headers: [`Cookie: ${'a'.repeat(15_000)}`] }).slice(0, -2);

export const slowHandshake: Attack = {
  name: 'slow-handshake',
  title: 'send nothing, or send their request byte by byte, or wait for an onConnection that never decides',
  peers: 600,
  settings: {},
  bound: () => ({ bytes: HANDSHAKE_BYTES, formula: 'connection + 2 x 16 KiB of headers (Node)' }),
  endings: ['HTTP 408', 'HTTP 503'],
  patienceMs: 20_000,
  async run(crowd) {
    const peers = await crowd.gather(async (index) => {
      const peer = await crowd.connect();
      if (index % 3 === 1) await peer.write(`${MOST_OF_A_REQUEST}X-Slow: `);
      if (index % 3 === 2) peer.request({ path: '/?wait=forever' });
      return peer;
    });
    await crowd.atHeight();
    await Promise.all(peers.filter((_, index) => index % 3 === 1).map((peer) => crowd.trickle(peer)));
  },
};
