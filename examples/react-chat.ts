/**
 * The server of the chat with Vite and React, in the folder react-chat: it sends each message to everybody, and serves
 * the page once that is built.
 *
 *     (cd examples/react-chat && npm ci && npm run build); npm run example -- react-chat
 *     npm run example -- react-chat, and npm run dev in that folder, while you change the page
 *
 * You should see your messages in all pages, and a page that talks on when the server is back.
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
    rootFolder: fileURLToPath(new URL('react-chat/dist', import.meta.url)),
    dataType: 'object',
  },
);
console.log(`The chat runs: ${wss.url?.replace('ws:', 'http:')}`);

const stop = (): void => void wss.drain().then(() => process.exit());
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
