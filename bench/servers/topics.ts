import type * as Library from '4d-websocket';
import { PING_MS } from './server-peer.ts';

const RULES: readonly Library.TopicRule[] = [
  // Slow readers find all that they missed.
  { prefix: 'room', history: { messages: 10_000, bytes: 64 * 1_048_576 } },
  // An idle topic: only the place of its last message is left.
  { prefix: 'idle/', history: { bytes: 1 } },
];
const DATA = { n: 0, text: 'The quick brown fox jumps over the lazy dog.' };

/**
 * Serves topics. A message of a client goes to the topic `room`, which all may subscribe to.
 *
 * @returns publishes a message of 64 B in a topic
 */
export function serveTopics(
  library: typeof Library,
  web: Library.WebServer,
): (topic: string) => Promise<Library.Published> {
  const server = library.WebSocketServer.new<object>(
    {
      onConnection: () => ({
        onSubscribe: () => true,
        onMessage(ws, event) {
          void ws.wss.topics.publish('room', event.data);
        },
      }),
    },
    { webServer: web, dataType: 'object', pingIntervalMs: PING_MS, topics: { rules: RULES } },
  );
  if (server === null) throw new Error('the server with topics does not start');
  return (topic) => server.topics.publish(topic, DATA);
}
