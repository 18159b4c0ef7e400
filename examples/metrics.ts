/**
 * A server that can be measured: an echo server, and beside it, on a port of its own that only this machine reaches,
 * the figures of the process for Prometheus.
 *
 * Run it with: npm run example -- metrics
 * It prints both addresses. Connect a few clients (npm run example -- client <address>), then open the second address.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { metricsText, WebServer, WebSocketServer } from '4d-websocket';

const web = new WebServer({ HTTPPort: Number(process.env.PORT ?? 8080), IPAddressToListen: '127.0.0.1' });
const { errors } = await web.start();
if (errors !== undefined) throw new Error(errors[0]?.message);

WebSocketServer.new(
  { onConnection: () => ({ onMessage: (ws, event) => void ws.send(event.data) }) },
  { webServer: web, path: '/echo' },
);

const figures = createServer((_request, response) => {
  response.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8').end(metricsText());
});
figures.listen(Number(process.env.METRICS_PORT ?? 9464), '127.0.0.1', () => {
  console.log(`ws://127.0.0.1:${web.HTTPPort}/echo`);
  console.log(`http://127.0.0.1:${(figures.address() as AddressInfo).port}/metrics`);
});
