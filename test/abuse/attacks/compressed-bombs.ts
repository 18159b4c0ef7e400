import { constants, deflateRawSync } from 'node:zlib';
import type { Attack } from '../attack.ts';
import { CONNECTION_BYTES } from '../bounds.ts';
import { largeFrame } from '../hostile/client-frames.ts';

const OFFER = { headers: ['Sec-WebSocket-Extensions: permessage-deflate'] };
/** A megabyte of zeros in about a kilobyte, which may be followed by another one. */
const MEGABYTE = deflateRawSync(Buffer.alloc(1_048_576), { level: 9, finishFlush: constants.Z_FULL_FLUSH });
/** Number of bytes that a sender drops at the end (RFC 7692 section 7.2.1). */
const TAIL_BYTES = 4;

/** Makes a compressed message of about `bytes` bytes, each of which inflates to a thousand. */
function bomb(bytes: number): Buffer {
  const parts = Array.from({ length: Math.floor(bytes / MEGABYTE.length) }, () => MEGABYTE);
  return largeFrame('c1', Buffer.concat(parts).subarray(0, -TAIL_BYTES));
}

export const compressedBombs: Attack = {
  name: 'compressed-bombs',
  title: 'send a kilobyte to a megabyte that inflates to a thousand times as much',
  peers: 60,
  settings: { compression: true },
  bound: ({ maxMessageBytes }) => ({
    bytes: CONNECTION_BYTES + 2 * maxMessageBytes,
    formula: 'connection + maxMessageBytes compressed + maxMessageBytes inflated',
  }),
  endings: ['1009'],
  patienceMs: 10_000,
  async run(crowd) {
    const { maxMessageBytes } = crowd.limits;
    const large = bomb(maxMessageBytes);
    const bombs = [large, bomb(2 * MEGABYTE.length), bomb(40 * MEGABYTE.length)];
    const peers = await crowd.gather(async () => {
      const peer = await crowd.open(OFFER);
      await peer.write(large.subarray(0, -1));
      return peer;
    });
    await crowd.atHeight();
    await Promise.all(
      peers.map(async (peer) => {
        await peer.write(large.subarray(-1));
        await crowd.waitForEnd(peer);
      }),
    );
    await crowd.flood(async (index) => {
      const peer = await crowd.open(OFFER);
      await peer.write(bombs[index % bombs.length]!);
      await crowd.waitForEnd(peer);
    });
  },
};
