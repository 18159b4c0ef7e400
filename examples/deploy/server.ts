/**
 * One node of a chat that runs on several machines: chat@.service, kubernetes.yaml and ecosystem.config.cjs beside this file
 * start it, ask it how it is, and end it.
 *
 * It listens on two ports: PORT is that of the clients, ADMIN_PORT answers /live, /ready and /metrics. REDIS_URL names the
 * Redis or Valkey that all nodes share; without it the topics are those of this process.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { accept, grant, metricsText, WebSocketServer } from '4d-websocket';
import { redisBroker } from '4d-websocket/redis';

const { HOST, PORT = '8080', ADMIN_PORT = '9080', REDIS_URL } = process.env;

const onSubscribe = () => grant({ publish: true, presence: { show: true, watch: true } });
const wss = await WebSocketServer.serve(
  { onConnection: (_wss, { request }) => accept({ onSubscribe }, { user: String(request.query.name ?? 'guest') }) },
  {
    host: HOST,
    port: Number(PORT),
    topics: REDIS_URL === undefined ? true : { broker: redisBroker({ url: REDIS_URL }) },
  },
);

const admin = createServer((request, response) => {
  const { readiness } = wss;
  if (request.url === '/live') response.end('alive\n');
  else if (request.url === '/ready') response.writeHead(readiness === 'ready' ? 200 : 503).end(`${readiness}\n`);
  else if (request.url === '/metrics') response.end(metricsText());
  else response.writeHead(404).end();
});
admin.listen(Number(ADMIN_PORT), HOST);
await once(admin, 'listening');

// The first signal drains, and a second one ends the process at once.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void end());

async function end(): Promise<void> {
  const { closed, dropped } = await wss.drain({ deadlineMs: 30_000 });
  console.log(`closed ${closed}, dropped ${dropped}`);
  process.exit();
}

// PM2 waits for this message; systemd and Kubernetes ask /ready.
while (wss.readiness === 'starting' || wss.readiness === 'broker-down') await sleep(100);
process.send?.('ready');
console.log(wss.url);
