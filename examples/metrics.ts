/**
 * A server that can be measured: an echo server, and beside it, on a port of its own that only this machine reaches,
 * the figures of the process for Prometheus.
 *
 * Run it with: npm run example -- metrics
 * It prints both addresses. Connect a few clients (npm run example -- client <address>), then open the second address.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { metricsText, WebSocketServer } from '4d-websocket';

const wss = await WebSocketServer.serve(
  { onConnection: () => ({ onMessage: (ws, event) => void ws.send(event.data) }) },
  { port: Number(process.env.PORT ?? 8080), host: '127.0.0.1', path: '/echo' },
);

const figures = createServer((_request, response) => {
  response.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8').end(metricsText());
});
figures.listen(Number(process.env.METRICS_PORT ?? 9464), '127.0.0.1', () => {
  console.log(wss.url);
  console.log(`http://127.0.0.1:${(figures.address() as AddressInfo).port}/metrics`);
});
