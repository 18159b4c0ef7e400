import { type ConnectionHandler, type ServerHandler, WebSocketServer } from '4d-websocket';

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

const wss = await WebSocketServer.serve(door, { port: Number(process.env.PORT ?? 8080), path: '/shout' });
console.log(`${wss.url}?token=abc`);
