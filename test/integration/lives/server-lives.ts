import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { constants, deflateRawSync } from 'node:zlib';
import {
  callWorker,
  type ConnectionHandler,
  killWorker,
  refuse,
  WebServer,
  WebSocketServer,
  type WebSocketServerOptions,
} from '../../../src/index.ts';
import { makeCertificate } from '../../helpers/certificate.ts';
import { createDeferred } from '../../helpers/deferred.ts';
import { frame } from '../../helpers/frames.ts';
import { handshakeRequest } from '../../helpers/handshake-request.ts';
import { closeSocket, drip, type Life, split, turn, type World } from './life.ts';

const HOST = '127.0.0.1';
const WORKER = 'a worker of servers';
/** The deadline for a close frame does not pass: each life is over before. So it must have been cancelled. */
const LIMITS = { closeTimeoutMs: 60_000, maxConnectionsPerAddress: 1000 } as const;
const ONE_HOUR_MS = 3_600_000;
const FLOOD_MESSAGE = Buffer.alloc(100_000, 1);
const FLOOD_COUNT = 80;
/** Moments after the last piece of a peer. */
const LATE_MOMENTS = 6;

const HELLO = frame('client', '81', Buffer.from('hello'));
const CLOSE_1000 = frame('client', '88', '03e8');
/** A message of 200 kB that is inflated in the thread pool, and compressed there when it is sent back. */
const LARGE = frame(
  'client',
  'c2',
  deflateRawSync(Buffer.alloc(200_000, 'lives'), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4),
);
/** The beginning of a message of 300 kB that is never finished. */
const UNFINISHED = Buffer.concat([
  frame('client', '82', '', { length: 300_000n, lengthBytes: 8 }),
  Buffer.alloc(80_000),
]);
const FRAGMENTS = ['01', '89', '00', '80'].map((first) => frame('client', first, '616263'));
const TALK = [HELLO, ...split(HELLO, 2), ...FRAGMENTS, LARGE, ...split(LARGE, 2), HELLO];

/** The bytes that a peer sends, one piece in each turn. */
function session(path: string, messages: readonly Buffer[] = []): readonly Buffer[] {
  const headers = ['Sec-WebSocket-Extensions: permessage-deflate', 'Origin: http://localhost'];
  const request = handshakeRequest({ path, headers });
  return [...split(request, 3), ...messages];
}

/** What peers do, and what they send meanwhile. */
const PEERS: Readonly<Record<string, readonly Buffer[]>> = {
  'sends nothing': [],
  'talks, and leaves a message unfinished': session('/echo', [...TALK, ...split(UNFINISHED, 4)]),
  'talks, and closes': session('/echo', [...TALK, CLOSE_1000]),
  'waits for onConnection': session('/slow', [HELLO, HELLO]),
  'waits for onConnection, which refuses': session('/slow?refuse', [HELLO]),
  'is refused': session('/echo?refuse'),
  'is refused with a close code': session('/echo?close', [HELLO, CLOSE_1000]),
  'finds no server': session('/nowhere'),
  'does not read': session('/flood', [HELLO, HELLO]),
  'does not read, while messages are dropped': session('/dropping-flood', [HELLO, HELLO]),
  'talks to a worker': session('/worker', [HELLO, LARGE, HELLO, CLOSE_1000]),
};

/** Where peers connect to. */
interface Target {
  readonly connect: () => Socket;
  /** The authority of the server's certificate, undefined without TLS. */
  readonly ca?: string;
  readonly canReset: boolean;
}

/** Starts a web server over HTTP and HTTPS, another server on a Unix socket, and WebSocket servers on both. */
export async function startServerWorld(onOpen: () => void): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), '4d-websocket-'));
  const socketPath = join(folder, 'socket');
  const { key, cert } = makeCertificate();
  writeFileSync(join(folder, 'key.pem'), key);
  writeFileSync(join(folder, 'cert.pem'), cert);
  const web = await startWebServer({ HTTPSEnabled: true, HTTPSPort: 0, certificateFolder: folder });
  const other = createServer();
  other.listen(socketPath);
  await once(other, 'listening');

  const echo: ConnectionHandler<Uint8Array> = {
    onOpen(connection) {
      onOpen();
      connection.expiresAt = Date.now() + ONE_HOUR_MS;
    },
    async onMessage(connection, { data }) {
      await turn();
      connection.send(data);
    },
    onError: () => {},
  };
  const flood: ConnectionHandler<Uint8Array> = {
    onOpen(connection) {
      onOpen();
      for (let i = 0; i < FLOOD_COUNT; i++) {
        connection.send(FLOOD_MESSAGE, { droppable: i % 2 === 0, compress: i % 9 === 0 });
      }
    },
    onMessage: () => {},
    onError: () => {},
  };
  const servers = new Set<WebSocketServer<Uint8Array>>();
  const serve = (handler: ConnectionHandler<Uint8Array>, options: WebSocketServerOptions): void => {
    for (const webServer of [web, other]) servers.add(createWebSocketServer(handler, { webServer, ...options }));
  };
  serve(echo, { path: '/echo' });
  serve(echo, { path: '/slow' });
  serve(flood, { path: '/flood', maxBufferedBytes: Infinity });
  serve(flood, { path: '/dropping-flood', bufferPolicy: 'drop-oldest', maxBufferedBytes: 1_000_000 });
  await new Promise<void>((resolve) => {
    callWorker(WORKER, () => {
      serve(echo, { path: '/worker' });
      resolve();
    });
  });
  const connections = () => Array.from(servers).flatMap((server) => server.connections);

  const toLife =
    ({ connect: connectTcp, ca, canReset }: Target) =>
    ([name, pieces]: readonly [string, readonly Buffer[]]): Life => ({
      name: `a client that ${name}`,
      cuts: ['the end of the peer', canReset ? 'a reset' : 'a lost peer', 'terminate()'],
      moments: pieces.length + LATE_MOMENTS,
      waitFor: turn,
      begin(cut) {
        const tcp = connectTcp();
        const socket = ca === undefined ? tcp : connectTls({ socket: tcp, ca });
        for (const each of [tcp, socket]) each.on('error', () => {});
        // Otherwise the system keeps small pieces for 40 ms.
        tcp.setNoDelay(true);
        if (!name.startsWith('does not read')) socket.resume();
        void drip(socket, pieces);
        return {
          cut() {
            if (cut === 'the end of the peer') socket.end();
            else if (cut === 'terminate()') for (const connection of connections()) connection.terminate();
            else if (cut === 'a reset') tcp.resetAndDestroy();
            else tcp.destroy();
          },
          async end() {
            await turn(3);
            await Promise.all([closeSocket(socket), closeSocket(tcp)]);
          },
        };
      },
    });
  const targets: Readonly<Record<string, Target>> = {
    'clients over TCP': { connect: () => connectFromNewAddress(web.HTTPPort), canReset: true },
    'clients over TLS': { connect: () => connectFromNewAddress(web.HTTPSPort), canReset: false, ca: cert },
    'clients over Unix sockets': { connect: () => connect({ path: socketPath }), canReset: false },
  };
  return {
    lives: {
      ...Object.fromEntries(
        Object.entries(targets).map(([group, target]) => [group, Object.entries(PEERS).map(toLife(target))]),
      ),
      'servers that end': [endingServer(echo), endingServer(echo, other)],
    },
    countLeft: () => ({ connections: connections().length }),
    async stop() {
      killWorker(WORKER);
      for (const server of servers) server.terminate(0);
      await web.stop();
      other.closeAllConnections();
      other.close();
      rmSync(folder, { recursive: true });
    },
  };
}

let lastAddress = 0;

/** Connects from another address each time, so that a count by address that stays would be found. */
function connectFromNewAddress(port: number): Socket {
  const number = ++lastAddress;
  // Linux has all of 127.0.0.0/8, other systems have one address of it.
  const localAddress = process.platform === 'linux' ? `127.1.${number >> 8}.${number & 0xff}` : HOST;
  return connect({ host: HOST, port, localAddress });
}

async function startWebServer(settings: ConstructorParameters<typeof WebServer>[0]): Promise<WebServer> {
  const web = new WebServer({ HTTPPort: 0, IPAddressToListen: HOST, ...settings });
  const { errors } = await web.start();
  if (errors !== undefined) throw new Error(errors[0]?.message);
  return web;
}

function createWebSocketServer(
  handler: ConnectionHandler<Uint8Array>,
  options: WebSocketServerOptions,
  onTerminate: () => void = () => {},
): WebSocketServer<Uint8Array> {
  return WebSocketServer.new(
    {
      onTerminate,
      async onConnection(_, { request: { url, query } }) {
        if (url.startsWith('/slow')) await turn(4);
        if (query['close'] !== undefined) return refuse(403, { closeCode: 4403 });
        return query['refuse'] === undefined ? handler : null;
      },
    },
    { ...LIMITS, compression: true, ...options, dataType: 'blob' },
  )!;
}

let lastServer = 0;

/**
 * A life of a server, in a worker of its own, with a client that talks.
 *
 * @param other - the HTTP server that it hangs on, undefined for a web server of its own
 */
function endingServer(handler: ConnectionHandler<Uint8Array>, other?: Server): Life {
  const messages = [HELLO, LARGE, HELLO, CLOSE_1000];
  return {
    name: `a server ${other === undefined ? 'with a web server of its own' : 'on another server'}`,
    cuts: [
      'terminate(0)',
      'terminate(9)',
      'drain()',
      'the end of its worker',
      ...(other === undefined ? ['stop()'] : []),
    ],
    moments: session('/', messages).length + LATE_MOMENTS,
    waitFor: turn,
    async begin(cut) {
      // Names of its own, so that a path or a worker that stays after its end would be found.
      const path = `/server-${++lastServer}`;
      const worker = `a worker of ${path}`;
      const web = other === undefined ? await startWebServer({}) : undefined;
      const ended = createDeferred();
      const server = await new Promise<WebSocketServer<Uint8Array>>((resolve) => {
        callWorker(worker, () => {
          resolve(createWebSocketServer(handler, { webServer: web ?? other, path }, () => ended.resolve()));
        });
      });
      const socket = connect(
        web === undefined ? { path: other!.address() as string } : { host: HOST, port: web.HTTPPort },
      );
      socket.on('error', () => {});
      socket.setNoDelay(true);
      socket.resume();
      void drip(socket, session(path, messages));
      return {
        cut() {
          if (cut === 'drain()') void server.drain();
          else if (cut === 'stop()') void web?.stop();
          else if (cut === 'the end of its worker') killWorker(worker);
          else server.terminate(cut === 'terminate(0)' ? 0 : 9);
        },
        async end() {
          await turn(3);
          await closeSocket(socket);
          await web?.stop();
          await ended.promise;
          killWorker(worker);
        },
      };
    },
  };
}
