import { frame } from '../../helpers/frames.ts';
import type { Attack } from '../attack.ts';
import { CONNECTION_BYTES } from '../bounds.ts';

const PING = frame('client', '89', 'ab'.repeat(125));
/** Number of pings beyond the limit. */
const PINGS_BEYOND = 400;

export const pingFlood: Attack = {
  name: 'ping-flood',
  title: 'send pings of 125 bytes and read no answer',
  peers: 400,
  settings: {},
  bound: () => ({ bytes: CONNECTION_BYTES, formula: 'connection (one pong waits)' }),
  endings: ['1008'],
  patienceMs: 5000,
  async run(crowd) {
    const allowed = Buffer.concat(Array.from({ length: crowd.limits.maxControlFramesPerSecond }, () => PING));
    const beyond = Buffer.concat(Array.from({ length: PINGS_BEYOND }, () => PING));
    const peers = await crowd.gather(async () => {
      const peer = await crowd.open();
      peer.stopReading();
      await peer.write(allowed);
      return peer;
    });
    await crowd.atHeight();
    await Promise.all(
      peers.map(async (peer) => {
        await peer.write(allowed);
        await peer.write(beyond);
        peer.resumeReading();
        await crowd.waitForEnd(peer);
      }),
    );
    await crowd.flood(async () => {
      const peer = await crowd.open();
      peer.stopReading();
      await peer.write(allowed);
      await peer.write(beyond);
      peer.resumeReading();
      await crowd.waitForEnd(peer);
    });
  },
};
