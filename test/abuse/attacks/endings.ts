import { setTimeout as sleep } from 'node:timers/promises';
import { frame } from '../../helpers/frames.ts';
import type { Attack } from '../attack.ts';
import { CONNECTION_BYTES } from '../bounds.ts';
import { CLOSE_1000 } from '../hostile/client-frames.ts';
import type { HostileCrowd } from '../hostile/hostile-crowd.ts';
import type { HostilePeer } from '../hostile/hostile-peer.ts';

const CLOSE_TIMEOUT_MS = 500;
const MESSAGE = frame('client', '81', Buffer.from('hello'));

/** What the callback of a message does, and what the peer does then. `undefined`: the peer waits for the server. */
type Life = readonly [path: string, bytes: Buffer, end?: (peer: HostilePeer) => void | Promise<void>];

/** Does not read until the server has lost its patience. */
async function standStill(peer: HostilePeer): Promise<void> {
  peer.stopReading();
  await sleep(2 * CLOSE_TIMEOUT_MS);
  peer.resumeReading();
}

const LIVES: readonly Life[] = [
  ['/', CLOSE_1000],
  ['/', CLOSE_1000, (peer) => peer.end()],
  ['/', Buffer.concat([CLOSE_1000, CLOSE_1000])],
  ['/', MESSAGE, (peer) => peer.end()],
  ['/', MESSAGE.subarray(0, 3), (peer) => peer.end()],
  ['/', Buffer.concat([MESSAGE, CLOSE_1000]), (peer) => peer.reset()],
  // The server destroys the connection while the answer to the close frame leaves, and the end of TCP behind it.
  ...[0, 1, 2, 3].map((turnCount): Life => [`/?do=destroy-${turnCount}`, Buffer.concat([MESSAGE, CLOSE_1000])]),
  ['/?do=destroy-1', MESSAGE],
  ['/?do=destroy-1', MESSAGE, (peer) => peer.end()],
  ['/?do=terminate', MESSAGE],
  ['/?do=terminate', MESSAGE, standStill],
  ['/?do=terminate', MESSAGE, (peer) => peer.end()],
  // A callback hangs, and the socket goes.
  ['/?do=hang', MESSAGE, (peer) => peer.reset()],
  ['/?do=hang', MESSAGE, (peer) => peer.end()],
  ['/?do=hang', Buffer.concat([MESSAGE, CLOSE_1000])],
  ['/?do=hang', Buffer.concat([MESSAGE, MESSAGE]), (peer) => peer.reset()],
  // A callback hangs, and the server ends.
  ['/ending', MESSAGE],
  ['/ending', MESSAGE],
  ['/ending', Buffer.concat([MESSAGE, CLOSE_1000])],
  ['/ending', MESSAGE, (peer) => peer.end()],
];

async function live(crowd: HostileCrowd, [path, bytes, end]: Life): Promise<void> {
  const peer = await crowd.open({ path });
  await peer.write(bytes);
  await end?.(peer);
  await crowd.waitForEnd(peer);
}

export const endings: Attack = {
  name: 'endings',
  title:
    'end in every way and state while the server ends them too, with callbacks that hang; other servers of the process ' +
    'are ended one after the other',
  peers: 60,
  // Were a hanging callback to keep a place, there would soon be no place left.
  settings: { closeTimeoutMs: CLOSE_TIMEOUT_MS, maxConnectionsPerAddress: 300 },
  endsServers: true,
  bound: () => ({ bytes: CONNECTION_BYTES, formula: 'connection' }),
  endings: ['1000', 'cut off', 'reset', 'own reset'],
  // A server that ends: 1001, and 503 to those who come late.
  otherEndings: ['1001', 'HTTP 503'],
  patienceMs: 8000,
  async run(crowd) {
    await crowd.flood((index) => live(crowd, LIVES[index % LIVES.length]!));
  },
};
