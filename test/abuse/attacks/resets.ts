import { setTimeout as sleep } from 'node:timers/promises';
import { frame } from '../../helpers/frames.ts';
import { handshakeRequest } from '../../helpers/handshake-request.ts';
import type { Attack } from '../attack.ts';
import { CONNECTION_BYTES } from '../bounds.ts';
import { CLOSE_1000 } from '../hostile/client-frames.ts';
import type { HostileCrowd } from '../hostile/hostile-crowd.ts';
import type { HostilePeer } from '../hostile/hostile-peer.ts';

const REQUEST = handshakeRequest();
const MESSAGE = frame('client', '81', Buffer.alloc(1000, 'a'));

/** The steps of a connection's life after which a peer resets it. */
const STEPS: readonly ((crowd: HostileCrowd) => Promise<HostilePeer>)[] = [
  (crowd) => crowd.connect(),
  ...[5, 30, REQUEST.length - 1, REQUEST.length].map((length) => async (crowd: HostileCrowd): Promise<HostilePeer> => {
    const peer = await crowd.connect();
    await peer.write(REQUEST.slice(0, length));
    return peer;
  }),
  ...[0, 5, 20, 25].map((delayMs) => async (crowd: HostileCrowd): Promise<HostilePeer> => {
    const peer = await crowd.connect();
    peer.request({ path: '/?wait=briefly' });
    await sleep(delayMs);
    return peer;
  }),
  (crowd) => crowd.open(),
  ...[MESSAGE.subarray(0, 1), MESSAGE.subarray(0, 500), MESSAGE, Buffer.concat([MESSAGE, CLOSE_1000])].map(
    (bytes) =>
      async (crowd: HostileCrowd): Promise<HostilePeer> => {
        const peer = await crowd.open();
        await peer.write(bytes);
        return peer;
      },
  ),
];

export const resets: Attack = {
  name: 'resets',
  title: 'reset the connection at every step, from the first byte of the request to the close frame',
  peers: 200,
  settings: {},
  bound: () => ({ bytes: CONNECTION_BYTES, formula: 'connection' }),
  endings: ['own reset'],
  patienceMs: 5000,
  async run(crowd) {
    await crowd.flood(async (index) => {
      const peer = await STEPS[index % STEPS.length]!(crowd);
      peer.reset();
      await crowd.waitForEnd(peer);
    });
  },
};
