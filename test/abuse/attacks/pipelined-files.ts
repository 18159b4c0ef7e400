import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.ts';
import { CONNECTION_BYTES, READ_BUFFER_BYTES } from '../bounds.ts';
import { getRequest } from '../hostile/plain-requests.ts';
import { BIG_FILE, FILE_BYTES, SMALL_FILE } from '../served-files.ts';

const RESPONSE_STALL_MS = 1500;
/** As many requests of one connection as the web server lets wait, and the one before them. */
const MOST_REQUESTS = getRequest(BIG_FILE).repeat(17);
const TOO_MANY_REQUESTS = getRequest(SMALL_FILE).repeat(100);
/** Time of a peer between its requests and its reset, which may come before, in or behind the server's own end. */
const LIFE_MS = 100;
/** Time in which the system takes what it buffers for one peer, before its answer stalls. */
const FILLING_MS = 30;

export const pipelinedFiles: Attack = {
  name: 'pipelined-files',
  title: 'ask for a large file 17 times, or for a small one 100 times, in one piece, and read nothing; some reset',
  peers: 100,
  settings: {},
  web: { responseStallMs: RESPONSE_STALL_MS },
  bound: () => ({
    bytes: CONNECTION_BYTES + READ_BUFFER_BYTES + FILE_BYTES,
    formula: 'connection + 64 KiB of requests + 6 x 64 KiB of the file',
  }),
  // Peers learn that an answer began, and that its connection ended. More than 17 requests end without an answer.
  endings: ['HTTP 200 in part', 'own reset'],
  otherEndings: ['reset', 'cut off'],
  patienceMs: 10_000,
  async run(crowd) {
    const peers = await crowd.gather(async () => {
      const peer = await crowd.connect();
      peer.stopReading();
      await peer.write(MOST_REQUESTS);
      return peer;
    });
    await crowd.atHeight();
    await crowd.flood(async (index) => {
      const peer = await crowd.connect();
      if (index % 2 === 0) peer.stopReading();
      void peer.write(TOO_MANY_REQUESTS);
      await sleep(Math.random() * LIFE_MS);
      peer.reset();
    });
    for (const peer of peers.filter((_, index) => index % 4 === 0)) peer.reset();
    // The server has given up the others before they read again, to learn how they ended.
    await sleep(crowd.peers * FILLING_MS + 2 * RESPONSE_STALL_MS);
    for (const peer of peers) peer.resumeReading();
  },
};
