import type { AddressInfo } from 'node:net';
import type * as Ws from 'ws';
import { loadPackage, versionOf } from '../packages.ts';
import { nativeNotes } from '../servers/ws.ts';
import type { ScaleServer } from './scale-server.ts';

const HEARTBEAT_MS = 30_000;

/** ws with the heartbeat that its documentation shows, because ws has no heartbeat of its own. */
export function createServer(): ScaleServer {
  const { WebSocketServer } = loadPackage('ws') as typeof Ws;
  const living = new WeakSet<Ws.WebSocket>();
  let server: Ws.WebSocketServer | undefined;

  function beat(): void {
    for (const client of server?.clients ?? []) {
      if (living.delete(client)) client.ping();
      else client.terminate();
    }
  }

  function markAlive(this: Ws.WebSocket): void {
    living.add(this);
  }

  function listen(): Promise<number> {
    const created = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    server = created;
    created.on('connection', (socket) => {
      living.add(socket);
      socket.on('error', ignore);
      socket.on('pong', markAlive);
    });
    setInterval(beat, HEARTBEAT_MS);
    return new Promise((resolve, reject) => {
      created.on('error', reject);
      created.on('listening', () => resolve((created.address() as AddressInfo).port));
    });
  }

  return {
    version: versionOf('ws'),
    notes: `${nativeNotes()}; the heartbeat of its documentation: a ping to all every 30 s`,
    ways: ['loop'],
    listen,
    connectionCount: () => server?.clients.size ?? 0,
    sendToAll(text) {
      for (const client of server?.clients ?? []) client.send(text);
    },
  };
}

function ignore(): void {}
