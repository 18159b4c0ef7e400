import type { Attack } from '../attack.ts';
import { CONNECTION_BYTES, READ_BUFFER_BYTES } from '../bounds.ts';
import { unfinishedText } from '../hostile/client-frames.ts';

export const slowWriter: Attack = {
  name: 'slow-writer',
  title: 'announce the longest message, and send it byte by byte or all but its last byte',
  peers: 200,
  settings: { incompleteMessageTimeoutMs: 3000 },
  bound: ({ maxMessageBytes }) => ({
    bytes: CONNECTION_BYTES + READ_BUFFER_BYTES + maxMessageBytes,
    formula: 'connection + read buffer + maxMessageBytes',
  }),
  endings: ['1008'],
  patienceMs: 10_000,
  async run(crowd) {
    const { maxMessageBytes } = crowd.limits;
    const begun = unfinishedText(maxMessageBytes, maxMessageBytes - 65_536);
    const nearlyDone = unfinishedText(maxMessageBytes, 1);
    const peers = await crowd.gather(async (index) => {
      const peer = await crowd.open();
      await peer.write(index % 2 === 0 ? begun : nearlyDone);
      return peer;
    });
    await crowd.atHeight();
    await Promise.all(peers.filter((_, index) => index % 2 === 0).map((peer) => crowd.trickle(peer)));
  },
};
