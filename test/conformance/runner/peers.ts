import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer as WsServer } from 'ws';
import { WebServer, WebSocket, type WebSocketOptions, WebSocketServer } from '../../../src/index.ts';
import { type ConformanceCase, type DataKind, dataKindOf } from '../case.ts';
import type { RunnerConnection } from './connection.ts';
import { openToServer } from './open-client.ts';
import { RunnerServer } from './open-server.ts';

/** A peer under test, which echoes messages. */
export interface Peer {
  readonly name: string;
  /** Opens a new connection to the peer. */
  open(testCase: ConformanceCase): Promise<RunnerConnection>;
  stop(): Promise<void>;
}

/** The dataType by the kind of messages of a case, so that the echo has the same kind. */
const DATA_TYPES = { text: 'text', binary: 'blob' } as const;

const OPTIONS: WebSocketOptions = {
  maxMessageBytes: 64 * 1024 * 1024,
  maxBufferedBytes: 64 * 1024 * 1024,
  maxFragments: 100_000,
  closeTimeoutMs: 2000,
  // The peer compresses small messages too, and accepts all parameters that a case can request.
  compression: { thresholdBytes: 0, clientNoContextTakeover: false, serverNoContextTakeover: false },
};

const echo = {
  onMessage: (ws: { send(message: string | Uint8Array): void }, { data }: { data: string | Uint8Array }) =>
    ws.send(data),
};

/** Starts the server of the library: `/text` echoes text and `/binary` bytes. */
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

/** Starts the client of the library, which connects to the runner once for each case. */
export async function startLibraryClient(): Promise<Peer> {
  const server = await RunnerServer.start();
  return {
    name: '4d-websocket as client',
    async open(testCase) {
      const connection = server.accept(testCase);
      // The runner observes how the connection ends.
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

/** Starts a server of the package `ws`, whose known results show that the runner is right. */
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

/** Uses any server that echoes messages as the peer. */
export function remoteServer(url: URL): Peer {
  return { name: url.href, open: (testCase) => openToServer(url, testCase), stop: () => Promise.resolve() };
}
