import type { RequestOptions } from '../../helpers/handshake-request.ts';
import type { Attack } from '../attack.ts';
import { HANDSHAKE_BYTES } from '../bounds.ts';
import { CLOSE_1000 } from '../hostile/client-frames.ts';

/** Requests that are refused: a header that is too long, too many headers, too many offered extensions. */
const TOO_MUCH: readonly RequestOptions[] = [
  { headers: [`Cookie: ${'a'.repeat(65_536)}`] },
  { headers: Array.from({ length: 3000 }, (_, index) => `X-Header-${index}: abc`) },
  { headers: [`Sec-WebSocket-Extensions: ${Array.from({ length: 500 }, (_, index) => `x-${index}`).join(', ')}`] },
];
/** A request that just passes the limit. */
const JUST_RIGHT: RequestOptions = { headers: [`Cookie: ${'a'.repeat(15_000)}`] };

export const hugeHeaders: Attack = {
  name: 'huge-headers',
  title: 'send headers beyond the limit of Node, or just within it, or offer 500 extensions',
  peers: 400,
  settings: {},
  bound: () => ({ bytes: HANDSHAKE_BYTES, formula: 'connection + 2 x 16 KiB of headers (Node)' }),
  endings: ['HTTP 431', 'HTTP 400', '1000'],
  // Node resets a connection whose request it no longer reads.
  otherEndings: ['reset'],
  patienceMs: 8000,
  async run(crowd) {
    const peers = await crowd.gather(() => crowd.open(JUST_RIGHT));
    await crowd.atHeight();
    await Promise.all(peers.map((peer) => peer.write(CLOSE_1000)));
    await crowd.flood(async (index) => {
      const peer = await crowd.open(TOO_MUCH[index % TOO_MUCH.length]);
      await crowd.waitForEnd(peer);
    });
  },
};
