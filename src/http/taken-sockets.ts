import type { Duplex } from 'node:stream';

/** The sockets whose upgrade request a server of the library decides about, or has decided about. */
const taken = new WeakSet<Duplex>();

/** Takes a socket. Returns false when it is taken already: two answers to one request would corrupt the connection. */
export function takeSocket(socket: Duplex): boolean {
  if (taken.has(socket)) return false;
  taken.add(socket);
  return true;
}

export function isTaken(socket: Duplex): boolean {
  return taken.has(socket);
}
