/** Clients of a cluster, in a process of their own. */
import { type TopicHandler, WebSocket } from '../../src/index.ts';
import { answerCalls } from './calls.ts';
import { type Message, type PublisherPlan, Publishers } from './publishers.ts';
import type { SubscriberLog } from './subscriber-log.ts';
import { SubscriberLogs } from './subscriber-logs.ts';

/** Clients that are alike. */
export interface ClientPlan {
  /** In front of their numbers, for their names. */
  readonly name: string;
  readonly count: number;
  /** Each client subscribes to so many of these, in turn. */
  readonly topics: readonly string[];
  readonly topicsEach: number;
  readonly presence?: { readonly show?: boolean; readonly watch?: boolean } | undefined;
  /** Whether the clients are no users, which their node asks the broker for. Default false. */
  readonly isAnonymous?: boolean;
}

const logs = new SubscriberLogs();
const clients: WebSocket[] = [];
const publishers = new Publishers();
/** Where the clients go, in turn; each one takes the next when it loses its connection. */
let urls: readonly string[] = [];

function usersOf(members: readonly { readonly user?: string | undefined }[]): string[] {
  return members.map(({ user }) => user ?? '');
}

function handlerOf(log: SubscriberLog): TopicHandler {
  return {
    onSubscribed(_, { state }) {
      if (state === 'new') log.onBegun();
      else if (state === 'recovered') log.onRecovered();
      log.onLive();
    },
    onGap: (_, { reason }) => log.onGap(reason),
    onMessage: (_, { data }) => log.onMessage((data as Message).id),
    onMembers: (_, { list }) => log.onMembers('list', usersOf(list)),
    onJoin: (_, member) => log.onMembers('join', usersOf([member])),
    onLeave: (_, member) => log.onMembers('leave', usersOf([member])),
    onRefused: (_, { code, message }) => log.onEnded(`${code}: ${message}`),
    onEnd: (_, { cause }) => log.onEnded(cause),
  };
}

const procedures = {
  setUrls(given: readonly string[]): void {
    urls = given;
  },
  /** Resolves when all clients are connected and subscribed. */
  connect: (plan: ClientPlan) =>
    logs.connect(plan, async (name, own, index) => {
      let turn = index;
      const query = plan.isAnonymous === true ? '' : `?user=${name}`;
      const url = (): string => `${urls[turn++ % urls.length]!}${query}`;
      const onDisconnect = (): void => {
        for (const log of own) log.onLost();
      };
      const ws = await WebSocket.connect(url(), { onDisconnect }, { topics: true, reconnect: { url } });
      clients.push(ws);
      for (const log of own) ws.subscribe(log.topic, handlerOf(log), { presence: plan.presence });
    }),
  /** Has one client publish. */
  publish: ({ client, ...plan }: PublisherPlan & { readonly client: number }) =>
    publishers.start(plan, (topic, message) => clients[client]!.publish(topic, message)),
  stopPublishing: () => publishers.stop(),
  /** Has a part of the clients lose their connections at once, and connect to the next node. */
  reconnect(share: number): void {
    for (const client of clients.slice(0, Math.ceil(clients.length * share))) client.reconnect();
  },
  reach: (argument: { readonly ids: Readonly<Record<string, number>>; readonly timeoutMs: number }) =>
    logs.reach(argument),
  takeReports: () => logs.takeReports(),
} as const;

export type ClientProcedures = typeof procedures;

answerCalls(procedures);
