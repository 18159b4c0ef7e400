/** Clients of Socket.IO, in a process of their own. */
import { answerCalls } from '../cluster/calls.ts';
import type { ClientPlan } from '../cluster/client-process.ts';
import { type Message, type PublisherPlan, Publishers } from '../cluster/publishers.ts';
import { SubscriberLogs } from '../cluster/subscriber-logs.ts';
import { importPeer, type SocketIo, type SocketIoClient } from './socket-io.ts';

const ACKNOWLEDGE_MS = 10_000;

const { io } = await importPeer<SocketIo['client']>('socket.io-client');

const logs = new SubscriberLogs();
const clients: SocketIoClient[] = [];
const publishers = new Publishers();
let urls: readonly string[] = [];

answerCalls({
  setUrls(given: readonly string[]): void {
    urls = given;
  },
  connect: (plan: ClientPlan) =>
    logs.connect(plan, (_, own, index) => {
      let turn = index;
      const options = { transports: ['websocket'], forceNew: true, multiplex: false };
      const auth = { rooms: own.map(({ topic }) => topic) };
      const socket = io(urls[turn % urls.length]!, { ...options, auth });
      clients.push(socket);
      let isFirst = true;
      socket.on('connect', () => {
        for (const log of own) {
          if (isFirst) log.onBegun();
          else if (socket.recovered) log.onRecovered();
          else log.onGap('not recovered');
          log.onLive();
        }
        isFirst = false;
      });
      socket.on('disconnect', () => {
        for (const log of own) log.onLost();
        // As a load balancer: the next connection goes to another node.
        socket.io.uri = urls[++turn % urls.length]!;
      });
      socket.io.on('reconnect_error', () => {
        socket.io.uri = urls[++turn % urls.length]!;
      });
      socket.on('message', (topic: string, { id }: Message) => {
        for (const log of own) if (log.topic === topic) log.onMessage(id);
      });
    }),
  publish: ({ client, ...plan }: PublisherPlan & { readonly client: number }) =>
    publishers.start(plan, (topic, message) =>
      clients[client]!.timeout(ACKNOWLEDGE_MS).emitWithAck('publish', topic, message),
    ),
  stopPublishing: () => publishers.stop(),
  reconnect(share: number): void {
    for (const client of clients.slice(0, Math.ceil(clients.length * share))) client.io.engine.close();
  },
  reach: (argument: { readonly ids: Readonly<Record<string, number>>; readonly timeoutMs: number }) =>
    logs.reach(argument),
  takeReports: () => logs.takeReports(),
});
