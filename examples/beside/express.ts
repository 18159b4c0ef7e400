/** Beside Express 5. */
import { createServer } from 'node:http';
import { WebSocketServer } from '4d-websocket';
import express from 'express';

const app = express();
app.get('/', (_request, response) => response.send('hello'));

const server = createServer(app);
const wss = WebSocketServer.new(
  { onConnection: () => ({ onMessage: (ws, event) => ws.send(event.data) }) },
  { webServer: server, path: '/echo', compression: true },
);

server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => console.log(server.address()));

async function end(): Promise<void> {
  await wss?.drain();
  server.close();
}
process.once('SIGTERM', () => void end());
