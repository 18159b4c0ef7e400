import { createServer } from 'node:http';
import { WebSocketServer } from '4d-websocket';
import express from 'express';

const app = express();
app.get('/', (_request, response) => response.send('hello'));

const server = createServer(app);
WebSocketServer.new({ onConnection: () => ({ onMessage: (ws, event) => ws.send(event.data) }) }, { webServer: server });
server.listen(Number(process.env.PORT ?? 8080), () => console.log(server.address()));
