/** Hono's node-ws requires `ws` itself: the `overrides` of package.json give it this door. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from '../../../dist/ws.mjs';
import { serve } from '@hono/node-server';
import { createNodeWebSocket } from '@hono/node-ws';
import { Hono } from 'hono';

const app = new Hono();
const { injectWebSocket, upgradeWebSocket, wss } = createNodeWebSocket({ app });
app.get(
  '/echo',
  upgradeWebSocket(() => ({
    onMessage: (event, ws) => ws.send(`echo ${event.data}`),
  })),
);
const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
await once(server, 'listening');
injectWebSocket(server);
const client = new WebSocket(`ws://127.0.0.1:${server.address().port}/echo`);
await once(client, 'open');
assert.ok([...wss.clients][0] instanceof WebSocket);
client.send('hi');
assert.equal(String((await once(client, 'message'))[0]), 'echo hi');
client.close();
await once(client, 'close');
server.close();
