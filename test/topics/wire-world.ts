import {
  accept,
  type ConnectionHandler,
  deny,
  grant,
  type PublishEvent,
  type SubscribeEvent,
  type WebSocketServer,
} from '../../src/index.ts';
import { startLibraryServer } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import type { Frame } from './wire-frames.ts';

/** What the handler of the cases decides, by the first part of the name of a topic. */
class WireHandler implements ConnectionHandler {
  readonly #seen = new Set<string>();

  onMessage(ws: Parameters<ConnectionHandler['onMessage']>[0], { data }: { readonly data: string }): void {
    ws.send(`${data} to you`);
  }

  onSubscribe(_ws: unknown, { topic }: SubscribeEvent): ReturnType<typeof grant> | ReturnType<typeof deny> | boolean {
    const isFirst = !this.#seen.has(topic);
    this.#seen.add(topic);
    switch (topic.split('/')[0]) {
      case 'open':
        return grant({ publish: true });
      case 'new':
        return grant({ history: false });
      case 'denied':
        return deny('members only');
      case 'throw':
        throw new Error('a secret of the server');
      case 'odd':
        return 'yes' as never;
      case 'once':
        return isFirst;
      default:
        return true;
    }
  }

  onPublish(_ws: unknown, { topic, data }: PublishEvent): boolean | { data: string } {
    if (data === 'throw') throw new Error('a secret of the server');
    if (topic.startsWith('quiet/') || data === 'bad') return false;
    return topic.startsWith('post/') && typeof data === 'string' ? { data: data.toUpperCase() } : true;
  }

  onRequest(_ws: unknown, { data }: { readonly data: unknown }): number {
    return (data as { add: number[] }).add.reduce((sum, n) => sum + n, 0);
  }
}

/** A client that writes frames of topics by hand. */
export class WireClient {
  readonly raw: RawClient;

  constructor(raw: RawClient) {
    this.raw = raw;
  }

  /** @param offers - further subprotocols */
  static async open(port: number, offers: readonly string[] = [], path = '/'): Promise<WireClient> {
    const headers = [`Sec-WebSocket-Protocol: ${['4d-topics.1', ...offers].join(', ')}`];
    return new WireClient(await RawClient.open(port, { headers, path }));
  }

  send(frame: Frame | string): void {
    this.raw.sendText(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  async next(): Promise<Frame> {
    return JSON.parse(await this.raw.nextText()) as Frame;
  }
}

/** Starts the server of the cases. */
export async function startWireServer(): Promise<{ port: number; wss: WebSocketServer<unknown> }> {
  const { web, wss } = await startLibraryServer(() => accept(new WireHandler() as never, { user: 'ann' }), {
    topics: { limits: { topics: 5, payloadBytes: 1000, publishesPerSecond: 8 } },
  });
  return { port: web.HTTPPort, wss };
}
