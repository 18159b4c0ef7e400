/** Every limit that can be set, with its default. */
import { memoryBroker, WebSocketServer } from '4d-websocket';

const wss = await WebSocketServer.serve(
  { onConnection: () => null },
  {
    port: 0,
    topics: {
      broker: memoryBroker({ maxBytes: 268_435_456 }),
      history: { messages: 256, seconds: 300, bytes: 1_048_576, stateSeconds: 86_400 },
      rules: [],
      onSlow: 'catchUp',
      presence: { max: 1000, leaveGraceMs: 5000 },
      limits: {
        topics: 1000,
        subscribesPerSecond: 100,
        subscribesAtOnce: 1000,
        publishesPerSecond: 100,
        payloadBytes: 65_536,
      },
    },
  },
);
console.log(wss.topics.stats);
wss.terminate();
