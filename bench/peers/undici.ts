import type * as Undici from 'undici';
import { loadPackage, versionOf } from '../packages.ts';
import type { RunningPeer } from './peer.ts';

/** undici's client, which is also the global WebSocket of Node. */
export function createPeer(): RunningPeer {
  const { WebSocket } = loadPackage('undici') as typeof Undici;
  const connect: RunningPeer['connect'] = ({ url, shape, onMessage, onLost }) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(url);
      socket.binaryType = 'arraybuffer';
      const isObject = shape.kind === 'object';
      socket.addEventListener('message', ({ data }) => onMessage(isObject ? JSON.parse(data as string) : data));
      socket.addEventListener('error', () => reject(new Error('no connection')));
      socket.addEventListener('close', onLost);
      const send = (data: unknown): void => socket.send(isObject ? JSON.stringify(data) : (data as string | Buffer));
      socket.addEventListener('open', () => resolve({ send }));
    });
  return { version: versionOf('undici'), notes: "also Node's global WebSocket", connect };
}
