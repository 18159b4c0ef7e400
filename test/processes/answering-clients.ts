/**
 * Runs clients in a process of their own. On a message `{ port, count }` it opens that many connections, answers every
 * close frame with 1000, and sends its parent `open` when all are open and `over` when all have ended.
 */
import { connect } from 'node:net';
import { frame } from '../helpers/frames.ts';
import { handshakeRequest } from '../helpers/handshake-request.ts';

/** The message of the parent. */
export interface ClientsWanted {
  readonly port: number;
  readonly count: number;
}

process.on('message', ({ port, count }: ClientsWanted) => {
  let openCount = 0;
  let endedCount = 0;
  for (let i = 0; i < count; i++) {
    const socket = connect({ host: '127.0.0.1', port });
    socket.write(handshakeRequest());
    let isOpen = false;
    socket.on('data', () => {
      if (isOpen) {
        socket.write(frame('client', '88', '03e8'));
      } else {
        isOpen = true;
        if (++openCount === count) process.send!('open');
      }
    });
    socket.on('close', () => {
      if (++endedCount === count) process.send!('over');
    });
  }
});
process.send!('ready');
