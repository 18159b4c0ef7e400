/** Runs the servers of a soak in a process of their own: `server-process.ts <seed> <max pause in ms> [<fault>]`. */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebServer, WebSocketServer } from '../../src/index.ts';
import type { FaultName } from '../helpers/planted-faults.ts';
import { type ConnectionPlan, planOf } from './plan.ts';
import { LONG_TIMEOUTS, SoakProcess } from './soak-process.ts';
import { Talker } from './talker.ts';

const LEAVE_TIMEOUT_MS = 5000;

const [seed, longestPauseMs] = process.argv.slice(2).map(Number) as [number, number];
const fault = process.argv[4] as FaultName | undefined;

// A second 'upgrade' listener gets the sockets, but turns off the library's fast path. Hence there are two web servers.
const plainWeb = await startWebServer();
const resettingWeb = await startWebServer();
const webs = [plainWeb, resettingWeb];

const servers = webs.flatMap((webServer) =>
  (['text', 'blob', 'object'] as const).map((dataType) => {
    return WebSocketServer.new(
      { onConnection },
      {
        webServer,
        path: `/${dataType}`,
        dataType: dataType as 'object',
        compression: true,
        // The clients tell their addresses as a proxy does.
        trustedProxies: ['127.0.0.1'],
        maxConnectionsPerAddress: 100,
        ...LONG_TIMEOUTS,
      },
    )!;
  }),
);

const soak = new SoakProcess(longestPauseMs, fault, () =>
  servers.reduce((sum, { connections }) => sum + connections.length, 0),
);

// This listener runs before the library's, because an onOpen may reset its connection at once.
resettingWeb.httpServers[0]!.prependListener('upgrade', ({ url }, socket) => {
  // Node passes a Socket here, although its types say Duplex.
  soak.onReset(planOfRequest(url ?? '').id, () => (socket as Socket).resetAndDestroy());
});

async function startWebServer(): Promise<WebServer> {
  const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' });
  await web.start();
  return web;
}

function onConnection(_: unknown, { request }: { readonly request: { readonly url: string } }): Talker {
  return new Talker(planOfRequest(request.url), 'server', soak);
}

function planOfRequest(url: string): ConnectionPlan {
  return planOf(seed, Number(url.slice(url.indexOf('=') + 1)));
}

/** Counts the sockets that the web servers still have. */
async function countSockets(): Promise<number> {
  const counts = webs.map(
    (web) =>
      new Promise<number>((resolve, reject) => {
        web.httpServers[0]!.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
      }),
  );
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

soak.listen(async (order) => {
  if (order !== 'end') return;
  // Sockets are counted before the web servers stop, because stopping would end the ones that are left.
  for (let waitedMs = 0; waitedMs < LEAVE_TIMEOUT_MS && (await countSockets()) > 0; waitedMs += 50) await sleep(50);
  const left = await countSockets();
  await Promise.all(webs.map((web) => web.stop()));
  await soak.end(() => left);
});
soak.tell({ report: 'ready', ports: [plainWeb.HTTPPort, resettingWeb.HTTPPort] });
