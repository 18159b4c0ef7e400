/** On the dev server of Vite 8, whose own WebSocket for updates stays as it is. */
import { WebSocketServer } from '4d-websocket';
import { createServer } from 'vite';

const vite = await createServer({
  root: import.meta.dirname,
  appType: 'mpa',
  server: { host: '127.0.0.1', port: Number(process.env.PORT ?? 5173) },
  plugins: [
    {
      name: 'echo',
      configureServer({ httpServer }) {
        if (httpServer === null) return; // middleware mode: attach to your own server
        WebSocketServer.new(
          { onConnection: () => ({ onMessage: (ws, event) => ws.send(event.data) }) },
          { webServer: httpServer, path: '/echo', compression: true },
        );
      },
    },
  ],
});
await vite.listen();
console.log(vite.httpServer?.address());
