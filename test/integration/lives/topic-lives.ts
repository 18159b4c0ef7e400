import { accept, grant, memoryBroker, WebServer, WebSocket, WebSocketServer } from '../../../src/index.ts';
import { createDeferred } from '../../helpers/deferred.ts';
import { type Life, turn, type World } from './life.ts';

const HOST = '127.0.0.1';
/** At the last ones everything has been answered. */
const MOMENTS = 16;
const PRESENCE = { show: true, watch: true } as const;

/** Topics of a node among others: its members have their grace when it ends. */
const shared = () => ({ broker: memoryBroker(), presence: { leaveGraceMs: 1 } });

/** What a client does whose promises may reject, because it is cut. */
function ignore(...promises: readonly Promise<unknown>[]): void {
  for (const promise of promises) promise.catch(() => {});
}

/** Starts a web server, on which each life has a server with topics of its own. */
export async function startTopicWorld(onOpen: () => void): Promise<World> {
  const web = new WebServer({ HTTPPort: 0, IPAddressToListen: HOST });
  const { errors } = await web.start();
  if (errors !== undefined) throw new Error(errors[0]?.message);
  let lastPath = 0;
  let connections = 0;

  const handler = {
    onOpen: () => {
      onOpen();
      connections++;
    },
    onSubscribe: () => grant({ publish: true, presence: PRESENCE }),
    onMessage: () => {},
    onRequest: (_ws: unknown, { data }: { readonly data: unknown }) => data as string,
    onTerminate: () => void connections--,
  };

  const life: Life = {
    name: 'a server and a client that have topics',
    cuts: ['terminate() of the client', 'terminate(0)', 'terminate(9)', 'drain()'],
    moments: MOMENTS,
    waitFor: turn,
    begin(cut) {
      const path = `/topics-${++lastPath}`;
      const serverEnded = createDeferred();
      const clientEnded = createDeferred();
      const server = WebSocketServer.new(
        { onConnection: () => accept(handler, { user: 'ann' }), onTerminate: () => serverEnded.resolve() },
        { webServer: web, path, topics: cut === 'drain()' ? shared() : true },
      )!;
      server.topics.subscribe('room', { onMessage: () => {}, onMembers: () => {} });
      const client = new WebSocket(
        `ws://${HOST}:${web.HTTPPort}${path}`,
        { onTerminate: () => clientEnded.resolve() },
        { topics: true },
      );
      const room = client.subscribe('room', { onMessage: () => {}, onMembers: () => {} }, { presence: PRESENCE });
      client.subscribe('@me', { onMessage: () => {} }, { since: { last: 5 } });
      for (let i = 0; i < 3; i++) ignore(room.publish(i, { key: 'k' }), server.topics.publish('room', i, { ttl: 60 }));
      ignore(client.request('time'), room.history(), room.members(), server.topics.toUser('ann', 'hello'));
      return {
        cut() {
          if (cut === 'drain()') void server.drain();
          else if (cut === 'terminate() of the client') client.terminate();
          else server.terminate(cut === 'terminate(0)' ? 0 : 9);
        },
        async end() {
          server.terminate(9);
          await Promise.all([serverEnded.promise, clientEnded.promise]);
          client.terminate();
        },
      };
    },
  };
  return {
    lives: { 'servers and clients with topics': [life] },
    countLeft: () => ({ 'connections with topics': connections }),
    stop: () => web.stop(),
  };
}
