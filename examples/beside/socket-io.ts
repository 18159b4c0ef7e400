/** Beside Socket.IO on the same HTTP server: each has its own path. */
import { createServer } from 'node:http';
import { WebSocketServer } from '4d-websocket';
import { Server } from 'socket.io';

const server = createServer((request, response) => {
  response.statusCode = request.url === '/' ? 200 : 404;
  response.end(request.url === '/' ? 'hello' : 'not found');
});

const io = new Server(server, { destroyUpgrade: false });
io.on('connection', (socket) => socket.on('echo', (data, answer) => answer(data)));

const wss = WebSocketServer.new(
  { onConnection: () => ({ onMessage: (ws, event) => ws.send(event.data) }) },
  { webServer: server, path: '/echo', compression: true },
);

server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => console.log(server.address()));

async function end(): Promise<void> {
  await wss?.drain();
  await io.close(); // closes the HTTP server too
}
process.once('SIGTERM', () => void end());
