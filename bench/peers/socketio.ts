import { createServer, type Server } from 'node:http';
import { listening, loadPackage, NATIVE, versionOf } from '../packages.ts';
import {
  MAX_BUFFERED_BYTES,
  type Peer,
  PING_MS,
  RECOVERING_ROOMS,
  ROOMS_ON_DOOR,
  type RunningPeer,
  WS_DOOR,
} from './peer.ts';

interface SocketIO {
  readonly Server: new (web: Server, options: object) => IO;
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
 * compression (its default), and the request of each client forgotten.
 */
export function createPeer({ name }: Peer): RunningPeer {
  const { Server: Rooms } = loadPackage('socket.io') as SocketIO;
  const recovery = { connectionStateRecovery: { maxDisconnectionDuration: 120_000, skipMiddlewares: true } };
  const recovers = name === RECOVERING_ROOMS;
  const wsEngine = name === ROOMS_ON_DOOR && (loadPackage(WS_DOOR) as { WebSocketServer: object }).WebSocketServer;
  const serve = (): Promise<number> => {
    const web = createServer();
    const pings = { pingInterval: PING_MS, pingTimeout: PING_MS };
    const options = { transports: ['websocket'], serveClient: false, maxHttpBufferSize: MAX_BUFFERED_BYTES, ...pings };
    const io = new Rooms(web, { ...options, ...(recovers && recovery), ...(wsEngine && { wsEngine }) });
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
    return listening(web);
  };
  return { version: versionOf('socket.io'), notes: `websocket only, ${NATIVE}`, serve };
}
