/** Beside plain node:http. */
import { createServer } from 'node:http';
import { WebSocketServer } from '4d-websocket';

const server = createServer((request, response) => {
  response.statusCode = request.url === '/' ? 200 : 404;
  response.end(request.url === '/' ? 'hello' : 'not found');
});

const wss = WebSocketServer.new(
  { onConnection: () => ({ onMessage: (ws, event) => ws.send(event.data) }) },
  { webServer: server, path: '/echo', compression: true },
);

server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => console.log(server.address()));

async function end(): Promise<void> {
  await wss?.drain(); // close frames first: server.close() waits for open connections
  server.close();
}
process.once('SIGTERM', () => void end());
