import { type AddressInfo, createServer, type Socket } from 'node:net';
import { firstFrame, frameOf, unmaskFrame } from '../load/frames.ts';
import { answerUpgrade } from '../load/handshake.ts';

const GREETING = frameOf(Buffer.from('{"t":"hi"}'), 0x81, false);

/**
 * Serves a room of bare sockets on a free port of 127.0.0.1, and returns the port: what the first connection sends goes
 * to all others, without the mask. This is the least that a server of rooms on Node has to do.
 */
export function serveBareRoom(): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    let rest: Buffer = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.once('data', (bytes) => {
      // Clients send their request in one piece, and nothing before the answer.
      socket.write(answerUpgrade(bytes.toString('latin1'), false));
      socket.write(GREETING);
      sockets.add(socket);
      socket.on('data', (chunk) => {
        rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
        const messages: Buffer[] = [];
        for (let frame = firstFrame(rest); frame !== undefined; frame = firstFrame(rest)) {
          const message = unmaskFrame(frame);
          if (message === undefined) throw new Error('a frame without a mask');
          messages.push(message);
          rest = rest.subarray(frame.length);
        }
        const all = Buffer.concat(messages);
        for (const other of sockets) if (other !== socket) other.write(all);
      });
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
