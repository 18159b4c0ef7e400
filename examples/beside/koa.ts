/** Beside Koa 3. */
import { createServer } from 'node:http';
import { WebSocketServer } from '4d-websocket';
import Koa from 'koa';

const app = new Koa();
app.use((context) => {
  if (context.path === '/') context.body = 'hello';
});

const server = createServer(app.callback());
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
