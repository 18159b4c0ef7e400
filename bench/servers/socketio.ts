import { createServer, type Server as WebServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadPackage, versionOf } from '../packages.ts';
import { type Peer, RECOVERING_ROOMS } from '../peers.ts';
import { nativeNotes } from './ws.ts';
import { MAX_BUFFERED_BYTES, PING_MS, type ServerPeer } from './server-peer.ts';

/** What is used of the package, whose types are installed only with the peers. */
interface SocketIO {
  readonly Server: new (web: WebServer, options: object) => IO;
}

interface IO {
  readonly engine: { on(event: 'connection', listener: (connection: { request: unknown }) => void): void };
  on(event: 'connection', listener: (socket: Socket) => void): void;
  to(room: string): { emit(event: string, data: object): void };
}

interface Socket {
  join(rooms: readonly string[]): unknown;
  on(event: 'join', listener: (rooms: readonly string[], done: () => void) => void): void;
  on(event: 'm', listener: (data: object) => void): void;
}

/**
 * Socket.IO with what its documentation advises for performance: only WebSocket, `bufferutil` where it loads, no
 * compression (its default), and the request of each client forgotten. A message of a client goes to the room `room`.
 */
export function createPeer(peer: Peer): ServerPeer {
  const { Server } = loadPackage('socket.io') as SocketIO;
  const recovers = peer.name === RECOVERING_ROOMS;

  function serve(): Promise<number> {
    const web = createServer();
    const io = new Server(web, {
      transports: ['websocket'],
      serveClient: false,
      maxHttpBufferSize: MAX_BUFFERED_BYTES,
      pingInterval: PING_MS,
      pingTimeout: PING_MS,
      ...(recovers && { connectionStateRecovery: { maxDisconnectionDuration: 120_000, skipMiddlewares: true } }),
    });
    io.engine.on('connection', (connection) => {
      connection.request = null;
    });
    io.on('connection', (socket) => {
      socket.on('join', (rooms, done) => {
        void socket.join(rooms);
        done();
      });
      socket.on('m', (data) => io.to('room').emit('m', data));
    });
    return new Promise((resolve) => {
      web.listen(0, '127.0.0.1', () => resolve((web.address() as AddressInfo).port));
    });
  }

  return {
    version: versionOf('socket.io'),
    notes: `websocket only, ${nativeNotes()}${recovers ? ', connectionStateRecovery' : ''}`,
    serve,
  };
}
