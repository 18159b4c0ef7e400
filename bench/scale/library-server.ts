import { WebServer, WebSocketServer } from '4d-websocket';
import { versionOf } from '../packages.ts';
import type { BroadcastWay, ScaleServer } from './scale-server.ts';

/** This library's server. */
export function createServer(): ScaleServer {
  const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' });
  let server: WebSocketServer | null = null;

  async function listen(): Promise<number> {
    await web.start();
    server = WebSocketServer.new({ onConnection: () => ({ onMessage() {} }) }, { webServer: web });
    return web.HTTPPort;
  }

  function sendToAll(text: string, way: BroadcastWay): void {
    if (way === 'broadcast') server?.broadcast(text);
    else for (const connection of server?.connections ?? []) connection.send(text);
  }

  return {
    version: versionOf('4d-websocket'),
    notes: 'default heartbeat: a ping to peers that were silent for 25 s',
    ways: ['broadcast', 'loop'],
    listen,
    connectionCount: () => server?.connections.length ?? 0,
    sendToAll,
  };
}
