import type { AddressInfo } from 'node:net';
import type * as Ws from 'ws';
import { loadPackage, versionOf } from '../packages.ts';
import type { ServerWorkload } from '../processes/calls.ts';
import { MAX_MESSAGE_BYTES, type ServerPeer } from './server-peer.ts';

/**
 * Settings from the documentation of ws, which warns of the memory of the defaults. Clients ask servers for the window.
 */
export const COMPRESSION: Ws.PerMessageDeflateOptions = {
  zlibDeflateOptions: { chunkSize: 1024, memLevel: 7, level: 3 },
  zlibInflateOptions: { chunkSize: 10 * 1024 },
  clientNoContextTakeover: true,
  serverNoContextTakeover: true,
  serverMaxWindowBits: 10,
  concurrencyLimit: 10,
  threshold: 1024,
};

/**
 * ws with its best documented settings: optional native modules, and no compression unless it is measured. ws turns
 * Nagle's algorithm off by itself.
 */
export function createPeer(): ServerPeer {
  const ws = loadPackage('ws') as typeof Ws;
  return { version: versionOf('ws'), notes: nativeNotes(), serve: (workload) => serve(ws, workload) };
}

/** Describes which optional native modules ws has found. */
export function nativeNotes(): string {
  const found = ['bufferutil', 'utf-8-validate'].filter((name) => {
    try {
      return loadPackage(name) !== undefined;
    } catch {
      return false;
    }
  });
  return found.length > 0 ? `with ${found.join(' and ')}` : 'without its native modules: they are not installed';
}

function serve(ws: typeof Ws, { behaviour, shape }: ServerWorkload): Promise<number> {
  const server = new ws.WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    perMessageDeflate: shape.isCompressed === true && COMPRESSION,
    maxPayload: MAX_MESSAGE_BYTES,
  });
  const onMessage = behaviour === 'echo' ? ECHOES[shape.kind] : sendToAll(server);
  server.on('connection', (socket) => {
    socket.on('error', ignore);
    socket.on('message', onMessage);
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.on('listening', () => resolve((server.address() as AddressInfo).port));
  });
}

function ignore(): void {}

const ECHOES = { text: echoText, binary: echoBinary, object: echoObject };

/** Echoes a text as a string, as this library gives it to its user. */
function echoText(this: Ws.WebSocket, data: Buffer): void {
  this.send(data.toString());
}

function echoBinary(this: Ws.WebSocket, data: Buffer): void {
  this.send(data);
}

function echoObject(this: Ws.WebSocket, data: Buffer): void {
  this.send(JSON.stringify(JSON.parse(data.toString())));
}

/** Sends to all connections in a loop, which is the only way that ws has. */
function sendToAll(server: Ws.WebSocketServer): (data: Buffer, isBinary: boolean) => void {
  return (data, isBinary) => {
    for (const client of server.clients) client.send(data, { binary: isBinary });
  };
}
