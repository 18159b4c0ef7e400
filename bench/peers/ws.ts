import type { AddressInfo } from 'node:net';
import type * as Ws from 'ws';
import { loadPackage, NATIVE, versionOf } from '../packages.ts';
import { MAX_MESSAGE_BYTES, type Peer, type RunningPeer } from './peer.ts';

/** Settings from the documentation of ws, which warns of the memory of the defaults. Clients ask for the window. */
const COMPRESSION: Ws.PerMessageDeflateOptions = {
  zlibDeflateOptions: { chunkSize: 1024, memLevel: 7, level: 3 },
  zlibInflateOptions: { chunkSize: 10 * 1024 },
  clientNoContextTakeover: true,
  serverNoContextTakeover: true,
  serverMaxWindowBits: 10,
  concurrencyLimit: 10,
  threshold: 1024,
};

function ignore(): void {}

/** In a text its user gets a string, as this library's user does. */
const ECHOES = {
  text(this: Ws.WebSocket, data: Buffer): void {
    this.send(data.toString());
  },
  binary(this: Ws.WebSocket, data: Buffer): void {
    this.send(data);
  },
  object(this: Ws.WebSocket, data: Buffer): void {
    this.send(JSON.stringify(JSON.parse(data.toString())));
  },
};

/** ws, or the door for its programs, with its best documented settings. It turns Nagle's algorithm off by itself. */
export function createPeer({ packageName = 'ws' }: Peer): RunningPeer {
  const { WebSocket, WebSocketServer } = loadPackage(packageName) as typeof Ws;
  return {
    version: versionOf(packageName),
    notes: packageName === 'ws' ? NATIVE : '',
    serve({ behaviour, shape }) {
      const perMessageDeflate = shape.isCompressed === true && COMPRESSION;
      const options = { host: '127.0.0.1', port: 0, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate };
      const server = new WebSocketServer(options);
      const sendToAll = (data: Buffer, isBinary: boolean): void => {
        for (const client of server.clients) client.send(data, { binary: isBinary });
      };
      const onMessage = behaviour === 'echo' ? ECHOES[shape.kind] : sendToAll;
      server.on('connection', (socket) => void socket.on('error', ignore).on('message', onMessage));
      return new Promise((resolve) => {
        server.on('listening', () => resolve((server.address() as AddressInfo).port));
      });
    },
    connect: ({ url, shape: { kind, isCompressed = false }, onMessage, onLost }) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(url, { perMessageDeflate: isCompressed && COMPRESSION });
        const isObject = kind === 'object';
        const isText = kind === 'text';
        socket.on('message', (data: Buffer) => {
          onMessage(isObject ? JSON.parse(data.toString()) : isText ? data.toString() : data);
        });
        socket.on('error', reject).on('close', onLost);
        const send = (data: unknown): void => socket.send(isObject ? JSON.stringify(data) : (data as string | Buffer));
        socket.on('open', () => resolve({ send }));
      }),
  };
}
