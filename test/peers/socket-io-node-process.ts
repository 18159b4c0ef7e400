/**
 * A node of Socket.IO with the settings that its documentation recommends for several machines: the Redis Streams adapter,
 * connection state recovery, WebSocket only.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { answerCalls } from '../cluster/calls.ts';
import type { NodeSettings } from '../cluster/node-process.ts';
import { type Message, type PublisherPlan, Publishers } from '../cluster/publishers.ts';
import { importPeer, type SocketIo } from './socket-io.ts';

const RECOVERY_MS = 120_000;

const settings = JSON.parse(process.argv[2]!) as NodeSettings;
const publishers = new Publishers();

const { createClient } = await importPeer<SocketIo['redis']>('redis');
const { createAdapter } = await importPeer<SocketIo['adapter']>('@socket.io/redis-streams-adapter');
const { Server } = await importPeer<SocketIo['server']>('socket.io');

const redis = createClient({ url: settings.brokerUrl! });
// The documentation says so: without a listener the process would end when the connection is lost.
redis.on('error', () => {});
await redis.connect();
// Its documentation does not say what happens to a command that the adapter does not await.
process.on('unhandledRejection', () => {});

const http = createServer();
const io = new Server(http, {
  adapter: createAdapter(redis, { onlyPlaintext: true }),
  transports: ['websocket'],
  connectionStateRecovery: { maxDisconnectionDuration: RECOVERY_MS, skipMiddlewares: true },
});
io.on('connection', (socket) => {
  if (!socket.recovered) for (const room of socket.handshake.auth.rooms) void socket.join(room);
  // As its documentation has it: the acknowledgement is the application's.
  socket.on('publish', (topic: string, message: Message, acknowledge: () => void) => {
    io.to(topic).emit('message', topic, message);
    acknowledge();
  });
});
http.listen(settings.port, '127.0.0.1');
await once(http, 'listening');

/** An entry of the stream, as the adapter writes it. */
interface Broadcast {
  readonly opts?: { readonly rooms: readonly string[] };
  readonly packet: { readonly data: readonly [event: string, topic: string, message: Message] };
}

/** An emit has no answer: one that does not throw counts as acknowledged. */
async function publish(topic: string, message: Message): Promise<void> {
  io.to(topic).emit('message', topic, message);
}

answerCalls({
  url: () => `http://127.0.0.1:${(http.address() as AddressInfo).port}/`,
  publish: (plan: PublisherPlan) => publishers.start(plan, publish),
  publishOne: ({ id, topic }: { readonly id: number; readonly topic: string }) =>
    publishers.publish(id, topic, 0, publish),
  stopPublishing: () => publishers.stop(),
  /** The ids of all messages to a room that the stream holds, in order. */
  async log(topic: string): Promise<number[]> {
    const entries = await redis.xRange('socket.io', '-', '+');
    const broadcasts = entries.flatMap(({ message }) => {
      const { opts, packet } = JSON.parse(message['data'] ?? '{}') as Broadcast;
      return opts?.rooms[0] === topic ? [packet.data[2].id] : [];
    });
    return broadcasts;
  },
});
