import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { MemorySocket } from './memory-socket.ts';

/** Builds the request of an opening handshake, as node:http passes it to an 'upgrade' listener. */
export function upgradeRequest(socket: MemorySocket, extensions: string | undefined): IncomingMessage {
  const request = new IncomingMessage(socket as unknown as Socket);
  request.method = 'GET';
  request.url = '/';
  request.httpVersion = '1.1';
  request.headers = {
    host: 'memory',
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...(extensions !== undefined && { 'sec-websocket-extensions': extensions }),
  };
  for (const [name, value] of Object.entries(request.headers)) request.rawHeaders.push(name, String(value));
  return request;
}
