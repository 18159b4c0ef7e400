import { accept, grant, type WebSocketConnection, type WebSocketServer } from '../../src/index.ts';
import type { Broker } from '../../src/topics/broker.ts';
import { startLibraryServer } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';

export type Frame = Readonly<Record<string, unknown>>;

/** How a client of the tests connects. */
export interface Visitor {
  readonly user?: string;
  readonly authenticatedAt?: number;
  /** The secret of an earlier session. */
  readonly session?: string;
  readonly isBare?: boolean;
}

/** A client that writes and reads frames of topics by hand. */
export class FrameClient {
  readonly raw: RawClient;
  #requests = 0;

  constructor(raw: RawClient) {
    this.raw = raw;
  }

  send(frame: Frame): void {
    this.raw.sendText(JSON.stringify(frame));
  }

  /** The next frame that has this `t`. All frames before it are skipped. */
  async next(t: string): Promise<Frame> {
    for (;;) {
      const frame = JSON.parse(await this.raw.nextText()) as Frame;
      if (frame['t'] === t) return frame;
    }
  }

  /** Waits for the close frame, and answers it. @returns the frames before it, and the close frame, as in `RawClient` */
  async end(): Promise<{ readonly before: readonly string[]; readonly close: string }> {
    const before: string[] = [];
    for (;;) {
      const frame = await this.raw.nextFrame();
      if (frame.startsWith('88')) {
        this.raw.send('88', frame.slice('88 '.length));
        await this.raw.ended;
        this.raw.socket.end();
        return { before, close: frame };
      }
      before.push(frame);
    }
  }

  /** All frames up to the answer to a request, which comes at once. */
  async all(): Promise<Frame[]> {
    const frames: Frame[] = [];
    const id = `request ${++this.#requests}`;
    this.send({ t: 'req', data: null, id });
    for (;;) {
      const frame = JSON.parse(await this.raw.nextText()) as Frame;
      if (frame['id'] === id) return frames;
      if (frame['t'] !== 'alive') frames.push(frame);
    }
  }
}

/** A server with topics. Rooms whose names begin with `quiet` grant no presence. */
export interface TopicNode {
  readonly wss: WebSocketServer<unknown>;
  readonly connections: WebSocketConnection<never>[];
  open(visitor?: Visitor): Promise<FrameClient>;
}

/** Starts a server. @param broker - shared with other servers */
export async function startTopicNode(broker?: Broker): Promise<TopicNode> {
  const connections: WebSocketConnection<never>[] = [];
  const handler = {
    onOpen: (ws: WebSocketConnection<never>) => void connections.push(ws),
    onMessage: (ws: WebSocketConnection<never>) => void ws.send('heard'),
    onSubscribe: (_ws: unknown, { topic }: { readonly topic: string }) =>
      grant({
        publish: topic === 'open',
        info: { color: 'red' },
        presence: topic.startsWith('quiet') ? {} : { show: true, watch: topic !== 'blind' },
      }),
  };
  const { web, wss } = await startLibraryServer(
    (_wss, { request }) => {
      const { 'x-user': user, 'x-at': at } = request.headers as Readonly<Record<string, string | undefined>>;
      return accept(handler as never, { user, authenticatedAt: at === undefined ? undefined : Number(at) });
    },
    // Raw clients answer no pings.
    { pingIntervalMs: Infinity, topics: broker === undefined ? true : { broker } },
  );
  return {
    wss,
    connections,
    open: async ({ user, authenticatedAt, session, isBare = false }: Visitor = {}) => {
      const offers = ['4d-topics.1', ...(session === undefined ? [] : [`session.${session}`])].join(', ');
      const headers = [
        ...(isBare ? [] : [`Sec-WebSocket-Protocol: ${offers}`]),
        ...(user === undefined ? [] : [`X-User: ${user}`]),
        ...(authenticatedAt === undefined ? [] : [`X-At: ${authenticatedAt}`]),
      ];
      return new FrameClient(await RawClient.open(web.HTTPPort, { headers }));
    },
  };
}
