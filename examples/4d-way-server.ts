import { type ConnectionHandler, type ServerHandler, WebServer, WebSocketServer } from '4d-websocket';

const shout: ConnectionHandler = {
  onOpen(ws) {
    ws.send('Welcome');
  },
  onMessage(ws, event) {
    ws.send(event.data.toUpperCase());
  },
  onTerminate(ws, event) {
    console.log(`connection ${ws.id} ended with ${event.code}`);
  },
};

const door: ServerHandler = {
  onConnection: (_wss, event) => (event.request.query.token === 'abc' ? shout : null), // null refuses with HTTP 403
};

const web = new WebServer({ HTTPPort: Number(process.env.PORT ?? 8080) });
await web.start();
WebSocketServer.new(door, { webServer: web, path: '/shout' });
console.log(`ws://127.0.0.1:${web.HTTPPort}/shout?token=abc`);
