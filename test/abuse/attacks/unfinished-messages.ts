import type { Attack } from '../attack.ts';
import { CONNECTION_BYTES, READ_BUFFER_BYTES } from '../bounds.ts';
import { unfinishedText } from '../hostile/client-frames.ts';

export const unfinishedMessages: Attack = {
  name: 'unfinished-messages',
  title: 'leave so many long messages unfinished that they fill memory together',
  peers: 500,
  settings: { incompleteMessageTimeoutMs: 4000 },
  bound: ({ maxIncompleteBytes }, peers) => ({
    bytes: CONNECTION_BYTES + READ_BUFFER_BYTES + Math.ceil(maxIncompleteBytes / peers),
    formula: 'connection + read buffer + its share of maxIncompleteBytes',
  }),
  // The server refuses what does not fit into the budget; the others end at their timeout.
  endings: ['1013', '1008'],
  patienceMs: 10_000,
  async run(crowd) {
    const message = unfinishedText(crowd.limits.maxMessageBytes, 1);
    await crowd.gather(async () => {
      const peer = await crowd.open();
      await peer.write(message);
      return peer;
    });
    await crowd.atHeight();
  },
};
