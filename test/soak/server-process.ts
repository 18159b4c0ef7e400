/** The server of a soak, in a process of its own: `server-process.ts <seed> <longest pause in ms>`. */
import type { Socket } from 'node:net';
import { WebServer, WebSocketServer } from '../../src/index.ts';
import { type ConnectionPlan, planOf } from './plan.ts';
import { PATIENCE, SoakProcess } from './soak-process.ts';
import { Talker } from './talker.ts';

const [seed, longestPauseMs] = process.argv.slice(2).map(Number) as [number, number];

const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' });
await web.start();
const http = web.httpServers[0]!;

const servers = (['text', 'blob', 'object'] as const).map((dataType) => {
  const options = { webServer: web, path: `/${dataType}`, compression: true, ...PATIENCE };
  return WebSocketServer.new({ onConnection }, { ...options, dataType: dataType as 'object' })!;
});

function onConnection(_: unknown, { request }: { readonly request: { readonly url: string } }): Talker {
  return new Talker(planOfRequest(request.url), 'server', soak);
}

const countConnections = (): number => servers.reduce((count, { connections }) => count + connections.length, 0);

const soak = new SoakProcess(longestPauseMs, countConnections);

// In front of the library, whose onOpen may want to reset at once.
http.prependListener('upgrade', ({ url }, socket) => {
  // Node gives a socket here, whatever its types say.
  soak.onReset(planOfRequest(url ?? '').id, () => (socket as Socket).resetAndDestroy());
});

function planOfRequest(url: string): ConnectionPlan {
  return planOf(seed, Number(url.slice(url.indexOf('=') + 1)));
}

function countSockets(): Promise<number> {
  return new Promise((resolve, reject) => {
    http.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}

soak.listen(async (order) => {
  if (order !== 'end') return;
  // Without the web server: stopping it would end connections that should be over by now.
  for (let i = 0; i < 100 && (await countSockets()) > 0; i++) await soak.pace.pause(0);
  const left = await countSockets();
  await web.stop();
  await soak.end(() => left);
});
soak.tell({ report: 'ready', port: web.HTTPPort });
