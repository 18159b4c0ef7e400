/**
 * The server of the chat with React: it sends each message to everybody, and serves the page that `npm run build` made.
 *
 *     npm ci && npm run build && npm run server      then open http://127.0.0.1:8080/
 *     npm run server, and npm run dev beside it      while you change the page
 */
import { fileURLToPath } from 'node:url';
import { type ConnectionHandler, WebSocketServer } from '4d-websocket';

const guest: ConnectionHandler<object> = {
  onMessage(connection, { data }) {
    for (const each of connection.wss.connections) each.send(data);
  },
};

const wss = await WebSocketServer.serve(
  { onConnection: () => guest },
  {
    port: Number(process.env['PORT'] ?? 8080),
    host: '127.0.0.1',
    rootFolder: fileURLToPath(new URL('dist', import.meta.url)),
    dataType: 'object',
  },
);
console.log(`The chat runs: ${wss.url?.replace('ws:', 'http:')}`);

const stop = (): void => void wss.drain().then(() => process.exit());
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
