import { createCipheriv } from 'node:crypto';
import type { Attack } from '../attack.ts';
import { CONNECTION_BYTES } from '../bounds.ts';
import type { HostileCrowd } from '../hostile/hostile-crowd.ts';
import type { HostilePeer } from '../hostile/hostile-peer.ts';

const PIECE_BYTES = 16_384;
/** Enough pieces to complete a frame: random bytes announce at most 64 KiB, or more than any limit. */
const PIECE_COUNT = 40;

/** Pseudo-random bytes, the same in every run. */
const random = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
const nextGarbage = (): Buffer => random.update(Buffer.alloc(PIECE_BYTES));

/** The beginnings of other protocols: TLS, HTTP/2, SSH. */
const OTHER_PROTOCOLS = [
  Buffer.concat([Buffer.from('16030100c8010000c40303', 'hex'), Buffer.alloc(190, 7)]),
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from('SSH-2.0-OpenSSH_9.6\r\n'),
];

async function pour(peer: HostilePeer): Promise<void> {
  for (let i = 0; i < PIECE_COUNT && !peer.hasEnded; i++) await peer.write(nextGarbage());
}

const WAYS: readonly ((crowd: HostileCrowd, index: number) => Promise<HostilePeer>)[] = [
  async (crowd) => {
    const peer = await crowd.connect();
    await pour(peer);
    return peer;
  },
  async (crowd, index) => {
    const peer = await crowd.connect();
    await peer.write(OTHER_PROTOCOLS[index % OTHER_PROTOCOLS.length]!);
    return peer;
  },
  async (crowd) => {
    const peer = await crowd.open();
    await pour(peer);
    return peer;
  },
];

export const garbage: Attack = {
  name: 'garbage',
  title: 'send random bytes, or speak TLS, HTTP/2 or SSH, before and after the handshake',
  peers: 100,
  settings: {},
  bound: ({ maxMessageBytes }) => ({
    bytes: CONNECTION_BYTES + maxMessageBytes,
    formula: 'connection + maxMessageBytes',
  }),
  endings: ['HTTP 400', '1002'],
  otherEndings: ['1007', '1009', 'reset'],
  patienceMs: 5000,
  async run(crowd) {
    await crowd.flood(async (index) => {
      const peer = await WAYS[index % WAYS.length]!(crowd, index);
      await crowd.waitForEnd(peer);
    });
  },
};
