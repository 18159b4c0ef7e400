/** Socket.IO with `wsEngine`: rooms, binary, acknowledgements, connection state recovery. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { WebSocketServer } from '../../../dist/ws.mjs';
import { Server } from 'socket.io';
import { io as connect } from 'socket.io-client';

const http = createServer();
const io = new Server(http, { wsEngine: WebSocketServer, transports: ['websocket'], connectionStateRecovery: {} });
assert.ok(io.engine.ws instanceof WebSocketServer);
const connections = [];
io.on('connection', (socket) => {
  connections.push(socket);
  socket.join('room');
  socket.on('sum', (numbers, answer) => answer(numbers.reduce((a, b) => a + b)));
  socket.on('bytes', (bytes, answer) => answer(Buffer.concat([bytes, Buffer.from('!')])));
});
http.listen(0, '127.0.0.1');
await once(http, 'listening');
const url = `http://127.0.0.1:${http.address().port}`;
const options = { transports: ['websocket'], reconnectionDelay: 10, reconnectionDelayMax: 10 };
const [one, two] = [connect(url, options), connect(url, { ...options, forceNew: true })];
const next = (socket, event) => new Promise((resolve) => socket.once(event, resolve));
await Promise.all([next(one, 'connect'), next(two, 'connect')]);

assert.equal(await one.emitWithAck('sum', [1, 2, 3]), 6);
assert.deepEqual(Buffer.from(await one.emitWithAck('bytes', Buffer.from([1, 2, 3]))), Buffer.from([1, 2, 3, 33]));

const heard = Promise.all([next(one, 'news'), next(two, 'news')]);
io.to('room').emit('news', { text: 'to all of the room', bytes: Buffer.from('b') });
for (const news of await heard) assert.equal(news.text, 'to all of the room');

const missed = next(one, 'missed');
const back = next(one, 'connect');
one.io.engine.close();
await once(connections[0], 'disconnect');
io.to('room').emit('missed', 'sent while away');
await back;
assert.equal(one.recovered, true);
assert.equal(await missed, 'sent while away');

one.close();
two.close();
await io.close();
