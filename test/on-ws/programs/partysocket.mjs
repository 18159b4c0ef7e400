/** partysocket: connects again after the connection was lost, and sends what was sent meanwhile. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket, WebSocketServer } from '../../../dist/ws.mjs';
import ReconnectingWebSocket from 'partysocket/ws';

const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
await once(wss, 'listening');
let connections = 0;
wss.on('connection', (socket) => {
  if (++connections === 1) socket.terminate();
  else socket.on('message', (data) => socket.send(`echo ${data}`));
});
const socket = new ReconnectingWebSocket(`ws://127.0.0.1:${wss.address().port}`, [], {
  WebSocket,
  minReconnectionDelay: 10,
  maxReconnectionDelay: 20,
});
await new Promise((resolve) => socket.addEventListener('close', resolve, { once: true }));
socket.send('kept');
const answer = await new Promise((resolve) => socket.addEventListener('message', ({ data }) => resolve(data)));
assert.equal(answer, 'echo kept');
assert.equal(connections, 2);
socket.close();
wss.close();
