/** tRPC: the ws adapter and its client, with a subscription. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket, WebSocketServer } from '../../../dist/ws.mjs';
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client';
import { initTRPC } from '@trpc/server';
import { applyWSSHandler } from '@trpc/server/adapters/ws';

const t = initTRPC.create();
const router = t.router({
  double: t.procedure.input((value) => Number(value)).query(({ input }) => input * 2),
  count: t.procedure.subscription(async function* () {
    for (let i = 1; i <= 3; i++) yield i;
  }),
});
const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
await once(wss, 'listening');
applyWSSHandler({ wss, router });
const wsClient = createWSClient({ url: `ws://127.0.0.1:${wss.address().port}`, WebSocket });
const client = createTRPCClient({ links: [wsLink({ client: wsClient })] });

assert.equal(await client.double.query(21), 42);
const counted = [];
await new Promise((resolve, reject) => {
  client.count.subscribe(undefined, { onData: (n) => counted.push(n), onComplete: resolve, onError: reject });
});
assert.deepEqual(counted, [1, 2, 3]);
await wsClient.close();
for (const socket of wss.clients) socket.terminate();
wss.close();
