/** @fastify/websocket requires `ws` itself: the `overrides` of package.json give it this door. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from '../../../dist/ws.mjs';
import fastifyWebsocket from '@fastify/websocket';
import fastify from 'fastify';

const app = fastify();
await app.register(fastifyWebsocket, { options: { maxPayload: 1000 } });
app.get('/echo', { websocket: true }, (socket, request) => {
  assert.ok(socket instanceof WebSocket);
  socket.on('message', (data) => socket.send(`${request.url} ${data}`));
});
const url = await app.listen({ port: 0, host: '127.0.0.1' });
const client = new WebSocket(`${url.replace('http', 'ws')}/echo`);
await once(client, 'open');
client.send('hi');
assert.equal(String((await once(client, 'message'))[0]), '/echo hi');
const closed = once(client, 'close');
client.on('error', () => undefined);
client.send('x'.repeat(1001));
assert.equal((await closed)[0], 1009);
await app.close();
