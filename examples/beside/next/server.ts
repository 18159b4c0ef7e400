/** Beside Next.js 16, as its custom server. */
import { createServer } from 'node:http';
import { WebSocketServer } from '4d-websocket';
import next from 'next';

// Next ends the socket of each upgrade request whose path is that of a page, so it gets its own requests only: this
// server never listens.
const httpServer = createServer();
const app = next({ dev: process.env.NODE_ENV !== 'production', dir: import.meta.dirname, httpServer });
await app.prepare();
const answer = app.getRequestHandler();

const server = createServer((request, response) => void answer(request, response));
server.on('upgrade', (request, socket, head) => {
  if (request.url?.startsWith('/_next/')) httpServer.emit('upgrade', request, socket, head);
});

const wss = WebSocketServer.new(
  { onConnection: () => ({ onMessage: (ws, event) => ws.send(event.data) }) },
  { webServer: server, path: '/echo', compression: true },
);

server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => console.log(server.address()));

async function end(): Promise<void> {
  await wss?.drain();
  await app.close();
  server.close(() => process.exit()); // the watchers of the dev server stay open
}
process.once('SIGTERM', () => void end());
