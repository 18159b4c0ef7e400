/** A node of a cluster, in a process of its own: `node-process.ts <NodeSettings as JSON>`. */
import { accept, grant, type HistoryPage, memoryBroker, WebSocketServer } from '../../src/index.ts';
import { answerCalls } from './calls.ts';
import { plantMistakes } from './mistakes.ts';
import { type Message, type PublisherPlan, Publishers } from './publishers.ts';

/** What a node is told at its start. */
export interface NodeSettings {
  /** Undefined for a broker in memory, which no other node sees. */
  readonly brokerUrl?: string | undefined;
  /** Mistakes of the product, which the judge must find. */
  readonly mistakes: readonly string[];
  /** Share of the announcements that get lost on their way from the broker. */
  readonly lostFeed: number;
  /** Port to listen on; 0 for a free one. */
  readonly port: number;
  readonly messages: number;
}

/** What a node needs. */
export interface NodeFigures {
  readonly ringBytes: number;
  readonly outboxWaiting: number;
  readonly rssBytes: number;
  readonly usedBytes: number;
  readonly reads: number;
  readonly connections: number;
  readonly brokerState: 'up' | 'down';
  readonly brokerReconnects: number;
  readonly holesRepaired: number;
  readonly nodesAlive: number;
}

const settings = JSON.parse(process.argv[2]!) as NodeSettings;
const publishers = new Publishers();

const broker = plantMistakes(await makeBroker(), settings);
const wss = await WebSocketServer.serve(
  {
    onConnection: (_server, { request }) =>
      accept(
        { onSubscribe: () => grant({ publish: true, presence: { show: true, watch: true } }), onPublish: () => true },
        { user: request.query['user']?.toString() },
      ),
  },
  {
    port: settings.port,
    host: '127.0.0.1',
    topics: { broker, history: { messages: settings.messages, bytes: 64 * 1024 * 1024 } },
  },
);

async function makeBroker(): Promise<ReturnType<typeof memoryBroker>> {
  if (settings.brokerUrl === undefined) return memoryBroker();
  const { redisBroker } = await import('../../src/redis.ts');
  return redisBroker({ url: settings.brokerUrl });
}

const procedures = {
  url: () => wss.url,
  publish: (plan: PublisherPlan) => publishers.start(plan, (topic, message) => wss.topics.publish(topic, message)),
  publishOne: ({ id, topic }: { readonly id: number; readonly topic: string }) =>
    publishers.publish(id, topic, 0, (...args) => wss.topics.publish(...args)),
  stopPublishing: () => publishers.stop(),
  figures: (): NodeFigures => {
    const { ringBytes, outboxWaiting, reads, brokerState, brokerReconnects, holesRepaired, nodesAlive } =
      wss.topics.stats;
    const { heapUsed, external, rss } = process.memoryUsage();
    const connections = wss.connections.length;
    const memory = { rssBytes: rss, usedBytes: heapUsed + external };
    const topics = { ringBytes, outboxWaiting, reads, brokerState, brokerReconnects, holesRepaired, nodesAlive };
    return { ...topics, ...memory, connections };
  },
  /** The ids of all messages that the log of a topic holds, in order. */
  async log(topic: string): Promise<number[]> {
    const ids: number[] = [];
    // A position that no log knows gives the oldest messages.
    for (let after: string | undefined = '0.1.1'; after !== undefined;) {
      const { messages, hasMore }: HistoryPage = await wss.topics.history(topic, { after, limit: 500 });
      ids.push(...messages.map(({ data }) => (data as Message).id));
      after = hasMore ? messages.at(-1)?.position : undefined;
    }
    return ids;
  },
  members: async (topic: string) => (await wss.topics.members(topic)).list.map(({ user }) => user!),
  /** Ends the node without cutting anyone off. */
  async drain(): Promise<void> {
    await publishers.stop();
    await wss.drain();
    setImmediate(() => process.disconnect());
  },
} as const;

export type NodeProcedures = typeof procedures;

answerCalls(procedures);
