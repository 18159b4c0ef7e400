import type * as Ws from 'ws';
import { loadPackage, versionOf } from '../packages.ts';
import { COMPRESSION, nativeNotes } from '../servers/ws.ts';
import type { ClientConnection, ClientPeer, ConnectTask } from './client-peer.ts';

/** The client of ws, without compression unless compression is measured. */
export function createPeer(): ClientPeer {
  const { WebSocket } = loadPackage('ws') as typeof Ws;

  function connect({ url, shape, onMessage, onLost }: ConnectTask): Promise<ClientConnection> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, { perMessageDeflate: shape.isCompressed === true && COMPRESSION });
      const isObject = shape.kind === 'object';
      const isText = shape.kind === 'text';
      socket.on('message', (data: Buffer) => {
        onMessage(isObject ? JSON.parse(data.toString()) : isText ? data.toString() : data);
      });
      socket.on('error', reject);
      socket.on('close', onLost);
      socket.on('open', () => {
        resolve({ send: (message) => socket.send(isObject ? JSON.stringify(message) : (message as string | Buffer)) });
      });
    });
  }

  return { version: versionOf('ws'), notes: nativeNotes(), connect };
}
