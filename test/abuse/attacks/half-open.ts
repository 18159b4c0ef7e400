import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.ts';
import { CONNECTION_BYTES } from '../bounds.ts';

export const halfOpen: Attack = {
  name: 'half-open',
  title: 'open a connection and then stay silent; half of them do not even read',
  peers: 3000,
  settings: { pingIntervalMs: 3000, pongTimeoutMs: 2000 },
  bound: () => ({ bytes: CONNECTION_BYTES, formula: 'connection' }),
  // The server sends no close frame with 1006: it ends TCP.
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
    // Peers read again to learn how the server ended them. They do not answer pings.
    for (const peer of peers) peer.resumeReading();
  },
};
