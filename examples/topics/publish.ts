/** What a server publishes, and how. */
import { WebSocketServer } from '4d-websocket';

const wss = await WebSocketServer.serve(
  { onConnection: () => null },
  {
    port: 0,
    topics: {
      history: { messages: 1000, seconds: 3600 }, // of each topic
      rules: [
        { prefix: 'orders', history: { messages: 100_000, seconds: 86_400, bytes: 16_777_216 } },
        { prefix: 'pointer/', history: { messages: 0 } },
      ],
    },
  },
);
const { topics } = wss;

// State: the last message of each key.
await topics.publish('prices', { euro: 10 }, { key: 'tea' });
await topics.publish('prices', { euro: 12 }, { key: 'tea' });
await topics.publish('prices', { euro: 30 }, { key: 'pot' });
await topics.publish('prices', null, { key: 'pot' }); // takes the key out
for (const { key, data } of await topics.state('prices')) console.log('state:', key, data); // tea { euro: 12 }

// The same order is stored once.
const first = await topics.publish('orders', { tea: 2 }, { idempotencyKey: 'order-7' });
const again = await topics.publish('orders', { tea: 2 }, { idempotencyKey: 'order-7' });
console.log('again:', again.duplicate, again.position === first.position); // true true

// A message that nobody needs to get later.
await topics.publish('room/tea', 'the tea is ready', { ttl: 60 });
await topics.publish('room/tea', { typing: 'Ann' }, { volatile: true });

// The history, in parts.
let after = first.position;
for (let hasMore = true; hasMore;) {
  const page = await topics.history('orders', { after, limit: 100 });
  for (const { data } of page.messages) console.log('order:', data);
  after = page.messages.at(-1)?.position ?? after;
  hasMore = page.hasMore;
}
wss.terminate();
