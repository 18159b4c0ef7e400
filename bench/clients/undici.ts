import type * as Undici from 'undici';
import { loadPackage, versionOf } from '../packages.ts';
import type { ClientConnection, ClientPeer, ConnectTask } from './client-peer.ts';

/** undici's client, which is also the global WebSocket of Node. */
export function createPeer(): ClientPeer {
  const { WebSocket } = loadPackage('undici') as typeof Undici;

  function connect({ url, shape, onMessage, onLost }: ConnectTask): Promise<ClientConnection> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url);
      socket.binaryType = 'arraybuffer';
      const isObject = shape.kind === 'object';
      socket.addEventListener('message', ({ data }) => onMessage(isObject ? JSON.parse(data as string) : data));
      socket.addEventListener('error', () => reject(new Error('no connection')));
      socket.addEventListener('close', onLost);
      socket.addEventListener('open', () => {
        resolve({ send: (message) => socket.send(isObject ? JSON.stringify(message) : (message as string | Buffer)) });
      });
    });
  }

  return { version: versionOf('undici'), notes: "also Node's global WebSocket", connect };
}
