import { setTimeout as sleep } from 'node:timers/promises';
import { handshakeRequest } from '../../helpers/handshake-request.ts';
import type { Attack } from '../attack.ts';
import { CONNECTION_BYTES } from '../bounds.ts';
import { getRequest } from '../hostile/plain-requests.ts';
import { BIG_FILE, FILE_BYTES } from '../served-files.ts';

const RESPONSE_STALL_MS = 1500;
const HANDSHAKE_TIMEOUT_MS = 3000;
/** Time in which the system takes what it buffers for one peer, before its answer stalls. */
const FILLING_MS = 30;

export const unreadFiles: Attack = {
  name: 'unread-files',
  title: 'fetch a large file and read nothing; half of them send a WebSocket handshake behind it',
  peers: 100,
  settings: { handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS },
  web: { responseStallMs: RESPONSE_STALL_MS },
  bound: () => ({ bytes: CONNECTION_BYTES + FILE_BYTES, formula: 'connection + 6 x 64 KiB of the file' }),
  // Peers learn that an answer began, and that the connection ended in the middle of it.
  endings: ['HTTP 200 in part'],
  otherEndings: ['reset'],
  patienceMs: 10_000,
  async run(crowd) {
    const peers = await crowd.gather(async (index) => {
      const peer = await crowd.connect();
      peer.stopReading();
      await peer.write(getRequest(BIG_FILE) + (index % 2 === 0 ? '' : handshakeRequest()));
      return peer;
    });
    await crowd.atHeight();
    await sleep(crowd.peers * FILLING_MS + 2 * RESPONSE_STALL_MS);
    for (const peer of peers) peer.resumeReading();
  },
};
