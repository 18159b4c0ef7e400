/**
 * Clients in a process of their own: on a message `{ port, count }` it opens that many connections, answers every close
 * frame alike, and tells its parent `open` when all are open and `over` when all are over.
 */
import { connect } from 'node:net';
import { frame } from '../helpers/frames.ts';
import { handshakeRequest } from '../helpers/handshake-request.ts';

/** What the parent asks for. */
export interface ClientsWanted {
  readonly port: number;
  readonly count: number;
}

process.on('message', ({ port, count }: ClientsWanted) => {
  let open = 0;
  let over = 0;
  for (let i = 0; i < count; i++) {
    const socket = connect({ host: '127.0.0.1', port });
    socket.write(handshakeRequest());
    let isOpen = false;
    socket.on('data', () => {
      if (isOpen) {
        socket.write(frame('client', '88', '03e8'));
      } else {
        isOpen = true;
        if (++open === count) process.send!('open');
      }
    });
    socket.on('close', () => {
      if (++over === count) process.send!('over');
    });
  }
});
process.send!('ready');
