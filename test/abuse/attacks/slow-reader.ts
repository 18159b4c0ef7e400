import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.ts';
import { CONNECTION_BYTES } from '../bounds.ts';
import { largeFrame } from '../hostile/client-frames.ts';
import type { HostilePeer } from '../hostile/hostile-peer.ts';

const MESSAGE_BYTES = 65_536;
/** Most bytes that the system buffers between the two ends; the peers send them in addition. */
const SYSTEM_BYTES = 12 * 1_048_576;
/** A short time, so that the server has cut off half of the peers long before they read again. */
const CLOSE_TIMEOUT_MS = 4000;

let messageNumber = 0;

/** Makes a new message every time, because the server frames equal messages only once. */
function nextMessage(): Buffer {
  return largeFrame('81', Buffer.from(String(++messageNumber).padEnd(MESSAGE_BYTES, 'a')));
}

async function pour(peer: HostilePeer, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes; sent += MESSAGE_BYTES) await peer.write(nextMessage());
}

export const slowReader: Attack = {
  name: 'slow-reader',
  title: 'have messages echoed and read nothing',
  peers: 24,
  settings: { closeTimeoutMs: CLOSE_TIMEOUT_MS },
  bound: ({ maxBufferedBytes }) => ({
    bytes: CONNECTION_BYTES + maxBufferedBytes + 2 * MESSAGE_BYTES,
    formula: 'connection + maxBufferedBytes + 2 messages of 64 KiB',
  }),
  endings: ['1013', 'cut off'],
  otherEndings: ['reset'],
  patienceMs: 15_000,
  async run(crowd) {
    const { maxBufferedBytes } = crowd.limits;
    const peers = await crowd.gather(async () => {
      const peer = await crowd.open();
      peer.stopReading();
      await pour(peer, maxBufferedBytes);
      return peer;
    });
    await crowd.atHeight();
    await Promise.all(peers.map((peer) => pour(peer, SYSTEM_BYTES)));
    await crowd.atHeight();
    peers.filter((_, index) => index % 2 === 0).forEach((peer) => peer.resumeReading());
    await sleep(CLOSE_TIMEOUT_MS + 1000);
    for (const peer of peers) peer.resumeReading();
  },
};
