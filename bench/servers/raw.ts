import { type AddressInfo, createServer, type Socket } from 'node:net';
import { FrameCycle } from '../load/frame-cycle.ts';
import { buildFrame, buildFrames } from '../load/frames.ts';
import { answerUpgrade, firstVariantOf } from '../load/handshake.ts';
import type { ServerWorkload } from '../processes/calls.ts';
import type { ServerPeer } from './server-peer.ts';

/** Most answers that leave in one write. */
const MAX_BURST = 16;

/**
 * What Node's sockets alone cost, the floor for anything that stands on them: bytes are counted, not looked at, and each
 * message's worth of bytes is answered by bytes that were made beforehand. With which message a client begins is in its URL,
 * and those that follow come in turn.
 */
export function createPeer(): ServerPeer {
  return { version: process.versions.node, notes: 'bare sockets: counts bytes, answers canned bytes', serve };
}

function serve({ behaviour, shape }: ServerWorkload): Promise<number> {
  const messageBytes = buildFrame(shape, true).length;
  const answers = new FrameCycle(buildFrames(shape, false), MAX_BURST);
  const sockets = new Set<Socket>();

  /** Answers messages of which the first is `variant`; returns the one after them. */
  function onMessages(socket: Socket, variant: number, count: number): number {
    let next = variant;
    for (let left = count; left > 0; left -= MAX_BURST) {
      const burst = Math.min(left, MAX_BURST);
      const answer = answers.run(next, burst);
      next = answers.after(next, burst);
      if (behaviour === 'echo') socket.write(answer);
      else for (const other of sockets) other.write(answer);
    }
    return next;
  }

  const server = createServer({ noDelay: true }, (socket) => {
    let isOpen = false;
    let unclaimedBytes = 0;
    let nextVariant = 0;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (bytes) => {
      if (!isOpen) {
        // The load sends its request in one piece, and nothing before the answer.
        isOpen = true;
        const request = bytes.toString('latin1');
        nextVariant = firstVariantOf(request) % answers.length;
        socket.write(answerUpgrade(request));
        return;
      }
      const total = unclaimedBytes + bytes.length;
      const count = Math.floor(total / messageBytes);
      unclaimedBytes = total - count * messageBytes;
      if (count > 0) nextVariant = onMessages(socket, nextVariant, count);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
