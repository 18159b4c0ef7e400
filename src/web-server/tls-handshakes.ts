import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import { type Deadline, timers } from '../base/timers.ts';

/**
 * Cuts off clients that take longer for their TLS handshake than the server gives them for the head of a request.
 *
 * @remarks Node's own limit cannot be changed once the server is made. Node does not tell which TCP connection a TLS
 * connection lies on, so both are known by the client's address and port.
 */
export function limitTlsHandshakes(server: Server): void {
  const handshakes = new Map<string, TlsHandshake>();
  server.prependListener('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    const handshake = new TlsHandshake(socket, server.headersTimeout);
    handshakes.set(peer, handshake);
    socket.once('close', () => {
      handshake.finish();
      if (handshakes.get(peer) === handshake) handshakes.delete(peer);
    });
  });
  server.prependListener('secureConnection', (socket: Socket) => {
    const peer = peerOf(socket);
    handshakes.get(peer)?.finish();
    handshakes.delete(peer);
  });
}

/** A TLS handshake that has not finished, with a deadline. */
class TlsHandshake implements Deadline {
  readonly #socket: Socket;
  #ticket: number | undefined;

  /** @param timeoutMs - 0 for no limit */
  constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    if (timeoutMs > 0) this.#ticket = timers.schedule(this, timeoutMs);
  }

  onDeadline(): void {
    this.#socket.destroy();
  }

  finish(): void {
    if (this.#ticket !== undefined) timers.cancel(this, this.#ticket);
    this.#ticket = undefined;
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
