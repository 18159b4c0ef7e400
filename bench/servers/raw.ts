import { type AddressInfo, createServer, type Socket } from 'node:net';
import { answerUpgrade } from '../load/handshake.ts';
import { buildFrame, repeatFrame } from '../load/frames.ts';
import type { ServerWorkload } from '../processes/calls.ts';
import type { ServerPeer } from './server-peer.ts';

/** Most answers that leave in one write. */
const MAX_BURST = 16;

/**
 * What Node's sockets alone cost, the floor for anything that stands on them: bytes are counted, not looked at, and each
 * message's worth of bytes is answered by bytes that were made beforehand.
 */
export function createPeer(): ServerPeer {
  return { version: process.versions.node, notes: 'bare sockets: counts bytes, answers canned bytes', serve };
}

function serve({ behaviour, shape }: ServerWorkload): Promise<number> {
  const messageBytes = buildFrame(shape, true).length;
  const answers = repeatFrame(buildFrame(shape, false), MAX_BURST);
  const sockets = new Set<Socket>();

  function onMessages(socket: Socket, count: number): void {
    for (let left = count; left > 0; left -= MAX_BURST) {
      const answer = answers[Math.min(left, MAX_BURST)] as Buffer;
      if (behaviour === 'echo') socket.write(answer);
      else for (const other of sockets) other.write(answer);
    }
  }

  const server = createServer({ noDelay: true }, (socket) => {
    let isOpen = false;
    let unclaimedBytes = 0;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (bytes) => {
      if (!isOpen) {
        // The load sends its request in one piece, and nothing before the answer.
        isOpen = true;
        socket.write(answerUpgrade(bytes.toString('latin1')));
        return;
      }
      const total = unclaimedBytes + bytes.length;
      const count = Math.floor(total / messageBytes);
      unclaimedBytes = total - count * messageBytes;
      if (count > 0) onMessages(socket, count);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
