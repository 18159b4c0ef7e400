/** graphql-ws, server and client: queries and subscriptions, both on the door. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket, WebSocketServer } from '../../../dist/ws.mjs';
import { buildSchema } from 'graphql';
import { createClient } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';

const schema = buildSchema('type Query { hello: String } type Subscription { count(to: Int!): Int }');
const roots = {
  query: { hello: () => 'world' },
  subscription: {
    async *count({ to }) {
      for (let count = 1; count <= to; count++) yield { count };
    },
  },
};
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', path: '/graphql' });
await once(server, 'listening');
const cleanup = useServer({ schema, roots }, server);
const client = createClient({ url: `ws://127.0.0.1:${server.address().port}/graphql`, webSocketImpl: WebSocket });

const results = async (query) => {
  const all = [];
  for await (const { data } of client.iterate({ query })) all.push({ ...data });
  return all;
};
assert.deepEqual(await results('{ hello }'), [{ hello: 'world' }]);
assert.deepEqual(await results('subscription { count(to: 3) }'), [{ count: 1 }, { count: 2 }, { count: 3 }]);
assert.equal([...server.clients][0]?.protocol, 'graphql-transport-ws');
await client.dispose();
await cleanup.dispose();
server.close();
