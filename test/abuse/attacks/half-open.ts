import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.ts';
import { CONNECTION_BYTES } from '../bounds.ts';

export const halfOpen: Attack = {
  name: 'half-open',
  title: 'open a connection and are never heard of again; half of them do not even read',
  peers: 3000,
  settings: { pingIntervalMs: 3000, pongTimeoutMs: 2000 },
  bound: () => ({ bytes: CONNECTION_BYTES, formula: 'connection' }),
  // 1006 is never sent: TCP ends without a close frame.
  endings: ['cut off'],
  otherEndings: ['reset'],
  patienceMs: 10_000,
  async run(crowd) {
    const peers = await crowd.gather(async (index) => {
      const peer = await crowd.open();
      if (index % 2 === 0) peer.stopReading();
      return peer;
    });
    await crowd.atHeight();
    const { pingIntervalMs, pongTimeoutMs } = crowd.limits;
    await sleep(pingIntervalMs + pongTimeoutMs);
    // To learn how the server has ended them. Pings stay without an answer.
    for (const peer of peers) peer.readOn();
  },
};
