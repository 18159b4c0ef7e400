/** Beside Fastify 5. */
import { WebSocketServer } from '4d-websocket';
import { fastify } from 'fastify';

const app = fastify();
app.get('/', () => 'hello');

const wss = WebSocketServer.new(
  { onConnection: () => ({ onMessage: (ws, event) => ws.send(event.data) }) },
  { webServer: app.server, path: '/echo', compression: true },
);
app.addHook('preClose', async () => void (await wss?.drain()));

await app.listen({ port: Number(process.env.PORT ?? 8080), host: '127.0.0.1' });
console.log(app.server.address());

process.once('SIGTERM', () => void app.close());
