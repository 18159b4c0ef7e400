import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer as WsServer } from 'ws';
import { WebServer, WebSocket, type WebSocketOptions, WebSocketServer } from '../../../src/index.ts';
import { type ConformanceCase, type DataKind, dataKindOf } from '../case.ts';
import type { RunnerConnection } from './connection.ts';
import { openToServer } from './open-client.ts';
import { RunnerServer } from './open-server.ts';

/** Something that echoes messages, to be tested. */
export interface Peer {
  readonly name: string;
  /** A new connection to it. */
  open(testCase: ConformanceCase): Promise<RunnerConnection>;
  stop(): Promise<void>;
}

/** The forms in which messages arrive, by what a case sends: an echo must know whether to send text or bytes. */
const DATA_TYPES = { text: 'text', binary: 'blob' } as const;

const OPTIONS: WebSocketOptions = {
  maxMessageBytes: 64 * 1024 * 1024,
  maxBufferedBytes: 64 * 1024 * 1024,
  maxFragments: 100_000,
  closeTimeoutMs: 2000,
  // Small messages too, and the most that a case can ask for.
  compression: { thresholdBytes: 0, clientNoContextTakeover: false, serverNoContextTakeover: false },
};

const echo = {
  onMessage: (ws: { send(message: string | Uint8Array): void }, { data }: { data: string | Uint8Array }) =>
    ws.send(data),
};

/** Our server: `/text` echoes text, `/binary` bytes. */
export async function startLibraryServer(): Promise<Peer> {
  const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' });
  await web.start();
  for (const kind of ['text', 'binary'] as const satisfies readonly DataKind[]) {
    WebSocketServer.new(
      { onConnection: () => echo },
      { ...OPTIONS, dataType: DATA_TYPES[kind] as 'object', path: `/${kind}`, webServer: web },
    );
  }
  return {
    name: '4d-websocket as server',
    open: (testCase) => openToServer(new URL(`ws://127.0.0.1:${web.HTTPPort}/${dataKindOf(testCase)}`), testCase),
    stop: () => web.stop(),
  };
}

/** Our client, which connects to the runner once for each case. */
export async function startLibraryClient(): Promise<Peer> {
  const server = await RunnerServer.start();
  return {
    name: '4d-websocket as client',
    async open(testCase) {
      const connection = server.accept(testCase);
      // The runner sees what becomes of it.
      void new WebSocket<unknown>(
        server.url,
        { ...echo, dataType: DATA_TYPES[dataKindOf(testCase)] } as object,
        OPTIONS,
      );
      return await connection;
    },
    stop: () => server.stop(),
  };
}

/** The package `ws`, whose results are known: they tell whether the runner is right. */
export async function startWsServer(): Promise<Peer> {
  const server = new WsServer({
    host: '127.0.0.1',
    port: 0,
    maxPayload: 64 * 1024 * 1024,
    maxFragments: 100_000,
    perMessageDeflate: { threshold: 0 },
  });
  server.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (data: Buffer, isBinary) => socket.send(data, { binary: isBinary }));
  });
  await once(server, 'listening');
  const url = new URL(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  return {
    name: 'ws as server',
    open: (testCase) => openToServer(url, testCase),
    async stop() {
      server.close();
      await once(server, 'close');
    },
  };
}

/** Any server that echoes messages. */
export function remoteServer(url: URL): Peer {
  return { name: url.href, open: (testCase) => openToServer(url, testCase), stop: () => Promise.resolve() };
}
