import type * as Library from '4d-websocket';
import { pathToFileURL } from 'node:url';
import { versionOf } from '../packages.ts';
import { LIBRARY, MAX_BUFFERED_BYTES, MAX_MESSAGE_BYTES, type Peer, PING_MS, type RunningPeer } from './peer.ts';

const DATA_TYPES = { text: 'text', binary: 'blob', object: 'object' } as const;
const LIMITS = { maxMessageBytes: MAX_MESSAGE_BYTES, maxBufferedBytes: MAX_BUFFERED_BYTES };

const TOPIC_RULES: readonly Library.TopicRule[] = [
  { prefix: 'room', history: { messages: 10_000, bytes: 64 * 1_048_576 } },
  { prefix: 'idle/', history: { bytes: 1 } },
];
const IDLE_DATA = { n: 0, text: 'The quick brown fox jumps over the lazy dog.' };

const HANDLERS: Readonly<Record<string, Library.ConnectionHandler<object>>> = {
  echo: { onMessage: (ws, event) => void ws.send(event.data) },
  'fan-out': {
    onMessage(ws, event) {
      for (const connection of ws.wss.connections) connection.send(event.data);
    },
  },
  broadcast: { onMessage: (ws, event) => void ws.wss.broadcast(event.data) },
  topics: { onSubscribe: () => true, onMessage: (ws, event) => void ws.wss.topics.publish('room', event.data) },
};

/** This library as users get it, or another build of it. */
export async function createPeer({ entry }: Peer): Promise<RunningPeer> {
  const library = (await import(entry === undefined ? LIBRARY : pathToFileURL(entry).href)) as typeof Library;
  let topics: Library.WebSocketServer['topics'] | undefined;
  return {
    version: entry === undefined ? versionOf(LIBRARY) : '',
    notes: `from ${entry ?? 'dist/'}`,
    async serve({ behaviour, shape }) {
      const webServer = new library.WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' });
      await webServer.start();
      const forTopics = behaviour === 'topics' && { pingIntervalMs: PING_MS, topics: { rules: TOPIC_RULES } };
      const handler = { onConnection: () => HANDLERS[behaviour] ?? null };
      // The overloads demand one literal type, although any of the three may come.
      const dataType = DATA_TYPES[shape.kind] as 'object';
      const options = { webServer, dataType, compression: shape.isCompressed === true, ...LIMITS, ...forTopics };
      const server = library.WebSocketServer.new<object>(handler, options);
      topics = behaviour === 'topics' ? server?.topics : undefined;
      return webServer.HTTPPort;
    },
    publish: async (topic) => topics?.publish(topic, IDLE_DATA),
    async connect({ url, shape, onMessage, onLost }) {
      const dataType = DATA_TYPES[shape.kind];
      const handler = {
        dataType,
        onMessage: (_: unknown, event: { data: unknown }) => onMessage(event.data),
        onTerminate: onLost,
      };
      const ws = await library.WebSocket.new(url, handler, { compression: shape.isCompressed === true, ...LIMITS });
      if (ws === null) throw new Error('no connection');
      return ws;
    },
  };
}
