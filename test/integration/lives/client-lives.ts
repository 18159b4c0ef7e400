import { createHash } from 'node:crypto';
import { getEventListeners, once, setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import { callWorker, killWorker, WebSocket, type WebSocketHandler, type WebSocketOptions } from '../../../src/index.ts';
import { makeCertificate } from '../../helpers/certificate.ts';
import { frame } from '../../helpers/frames.ts';
import { type BegunLife, drip, type Life, split, turn, type World } from './life.ts';

const HOST = '127.0.0.1';
const HEAD_END = '\r\n\r\n';
const LARGE_MESSAGE = Buffer.alloc(200_000, 'lives');
const LARGE_COUNT = 25;

const CUTS = ['terminate()', 'an aborted signal', 'the end of its worker', 'the end of the peer', 'a lost peer'];
const CUTS_ON_THE_WAY = ['terminate()', 'an aborted signal', 'a lost peer'];
const MOMENTS = 20;
/** A way through a proxy takes longer. */
const PROXY_MOMENTS = 32;
/** A client that connects again waits for the next tick of the timer wheel. */
const RECONNECTING_MOMENTS = 8;
const RECONNECTING_INTERVAL_MS = 15;

const OPENING = [
  'HTTP/1.1 101 Switching Protocols',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover',
];
const TEXT = frame('server', '81', '616263');
/** The beginning of a message of 300 kB that is never finished. */
const UNFINISHED = Buffer.concat([
  frame('server', '82', '', { length: 300_000n, lengthBytes: 8 }),
  Buffer.alloc(80_000),
]);
const TALK = [
  TEXT,
  ...['89', '01', '00', '80'].map((first) => frame('server', first, '616263')),
  ...split(TEXT, 2),
  ...split(UNFINISHED, 3),
];

/** How a server answers a request. */
interface Answer {
  readonly pieces: (accept: string) => readonly (Buffer | string)[];
  /** What the server does behind the answer. */
  readonly afterwards?: 'drops' | 'does not read';
}

const opening = (accept: string): Buffer[] =>
  split([...OPENING, `Sec-WebSocket-Accept: ${accept}${HEAD_END}`].join('\r\n'), 3);

const ANSWERS: Readonly<Record<string, Answer>> = {
  '/talk': { pieces: (accept) => [...opening(accept), ...TALK] },
  '/close': { pieces: (accept) => [...opening(accept), TEXT, frame('server', '88', '03e8')] },
  '/drop': { pieces: opening, afterwards: 'drops' },
  '/stuck': { pieces: opening, afterwards: 'does not read' },
  '/silent': { pieces: () => [] },
  '/refuse': {
    pieces: () => split(`HTTP/1.1 503 Service Unavailable\r\nContent-Length: 480${HEAD_END}${'no '.repeat(160)}`, 6),
  },
  '/redirect': { pieces: () => split(`HTTP/1.1 302 Found\r\nLocation: /talk\r\nContent-Length: 3${HEAD_END}no.`, 4) },
  '/nonsense': { pieces: () => split([...OPENING, HEAD_END].join('\r\n'), 3) },
};

/** Reads a head from a socket, and calls `onHead` with it and the bytes behind it. */
function readHead(socket: Socket, onHead: (head: string) => void): void {
  let received = '';
  const onData = (chunk: Buffer): void => {
    received += chunk.toString('latin1');
    if (!received.includes(HEAD_END)) return;
    socket.off('data', onData);
    socket.pause();
    onHead(received);
  };
  socket.on('data', onData);
}

function serve(socket: Socket): void {
  readHead(socket, (head) => {
    const [, path = ''] = head.split(' ');
    const key = /^sec-websocket-key: *(\S+)/im.exec(head)?.[1] ?? '';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    const answer = ANSWERS[path] as Answer;
    if (answer.afterwards !== 'does not read') socket.resume();
    void drip(socket, answer.pieces(accept)).then(() => answer.afterwards === 'drops' && socket.destroy());
  });
}

/** Connects a client of a proxy to the server, and tells the client so in pieces. */
function tunnel(client: Socket, port: number, answer: readonly Buffer[], sockets: Set<Socket>): void {
  const server = keep(connect({ host: HOST, port }), sockets);
  server.on('close', () => client.destroy());
  client.on('close', () => server.destroy());
  server.on('connect', () => {
    void drip(client, answer).then(() => {
      client.resume();
      return client.pipe(server).pipe(client);
    });
  });
}

function keep(socket: Socket, sockets: Set<Socket>): Socket {
  sockets.add(socket);
  socket.on('error', () => {});
  socket.on('close', () => sockets.delete(socket));
  // Otherwise the system keeps small pieces for 40 ms.
  socket.setNoDelay(true);
  return socket;
}

/** Starts servers and proxies whose bytes are written by hand. */
export async function startClientWorld(onOpen: () => void): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), '4d-websocket-'));
  const socketPath = join(folder, 'socket');
  const certificate = makeCertificate();
  /** The ends of servers and proxies. */
  const sockets = new Set<Socket>();
  const servers: Server[] = [];
  const listen = async (server: Server, on: { host: string; port: number } | { path: string }): Promise<number> => {
    servers.push(server);
    server.on('tlsClientError', () => {});
    server.listen(on);
    await once(server, 'listening');
    const address = server.address() as AddressInfo | string;
    return typeof address === 'string' ? 0 : address.port;
  };
  const onTcp = { host: HOST, port: 0 };
  const answering = (socket: Socket): void => serve(keep(socket, sockets));
  const tcpPort = await listen(createServer(answering), onTcp);
  const tls = createTlsServer(certificate, answering);
  tls.on('connection', (socket: Socket) => void keep(socket, sockets));
  const tlsPort = await listen(tls, onTcp);
  await listen(createServer(answering), { path: socketPath });
  const httpProxy = createServer((socket) => {
    readHead(keep(socket, sockets), (head) => {
      const [, port] = /:(\d+) HTTP/.exec(head) as unknown as [string, string];
      tunnel(socket, Number(port), split(`HTTP/1.1 200 OK${HEAD_END}`, 3), sockets);
    });
  });
  const httpProxyPort = await listen(httpProxy, onTcp);
  const socksProxy = createServer((socket) => {
    keep(socket, sockets).once('data', () => {
      void drip(socket, split(Buffer.of(5, 0), 2));
      socket.once('data', (request: Buffer) => {
        socket.pause();
        tunnel(
          socket,
          request.readUInt16BE(request.length - 2),
          split(Buffer.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 80), 3),
          sockets,
        );
      });
    });
  });
  const socksProxyPort = await listen(socksProxy, onTcp);

  let controller = new AbortController();
  let lastWorker = 0;
  const trusting: WebSocketOptions = { tls: { ca: certificate.cert } };
  const ways: Readonly<Record<string, readonly [origin: string, options?: WebSocketOptions]>> = {
    TLS: [`wss://${HOST}:${tlsPort}`, trusting],
    'a host name': [`ws://localhost:${tcpPort}`, {}],
    'a Unix socket': [`ws+unix:${socketPath}:`, {}],
    'an HTTP proxy': [`ws://${HOST}:${tcpPort}`, { proxy: `http://${HOST}:${httpProxyPort}` }],
    'TLS through an HTTP proxy': [
      `wss://${HOST}:${tlsPort}`,
      { ...trusting, proxy: `http://${HOST}:${httpProxyPort}` },
    ],
    'a SOCKS proxy': [`ws://${HOST}:${tcpPort}`, { proxy: `socks5://${HOST}:${socksProxyPort}` }],
    'TLS through a SOCKS proxy': [
      `wss://${HOST}:${tlsPort}`,
      { ...trusting, proxy: `socks5h://${HOST}:${socksProxyPort}` },
    ],
  };

  function begin(url: string, options: WebSocketOptions, cut: string): BegunLife {
    if (controller.signal.aborted) controller = new AbortController();
    setMaxListeners(0, controller.signal);
    const { signal } = controller;
    let resolveEnded: () => void;
    const ended = new Promise<void>((resolve) => {
      resolveEnded = resolve;
    });
    const handler: WebSocketHandler = {
      onOpen(ws) {
        onOpen();
        ws.send('hello');
        const count = url.endsWith('/stuck') ? LARGE_COUNT : 1;
        for (let i = 0; i < count; i++) ws.send(LARGE_MESSAGE, { compress: i % 9 === 0 });
      },
      onError: () => {},
      onTerminate: () => resolveEnded(),
    };
    // A name of its own, so that a worker that stays after its end would be found.
    const worker = `a worker of client ${++lastWorker}`;
    let ws: WebSocket | undefined;
    const create = (): void => {
      ws = new WebSocket(url, handler, { ...options, signal, compression: true, closeTimeoutMs: 60_000 });
    };
    if (cut === 'the end of its worker') callWorker(worker, create);
    else create();
    return {
      cut() {
        if (cut === 'terminate()') ws?.terminate();
        else if (cut === 'an aborted signal') controller.abort();
        else if (cut === 'the end of its worker') killWorker(worker);
        else if (cut === 'the end of the peer') for (const socket of sockets) socket.end();
        else for (const socket of sockets) socket.destroy();
      },
      async end() {
        await turn(3);
        // The worker has dropped the message that creates the client.
        if (ws === undefined) return;
        ws.terminate();
        await turn(3);
        for (const socket of sockets) socket.destroy();
        await ended;
        ws = undefined;
      },
    };
  }

  const toLife = (name: string, url: string, options: WebSocketOptions = {}, cuts = CUTS): Life => ({
    name: `a client that ${name}`,
    cuts,
    moments: options.proxy === undefined ? MOMENTS : PROXY_MOMENTS,
    waitFor: turn,
    begin: (cut) => begin(url, options, cut),
  });
  /** The lookup of a name takes any number of turns, so half of the moments count from the arrival at the server. */
  const waitBehindLookup = async (moment: number): Promise<void> => {
    if (moment % 2 === 1) while (sockets.size === 0) await turn();
    await turn(moment);
  };
  const tcpOrigin = `ws://${HOST}:${tcpPort}`;
  const reconnectTo = (path: string) => ({
    minDelayMs: 1,
    maxDelayMs: 1,
    async url() {
      await turn(2);
      return tcpOrigin + path;
    },
  });
  return {
    lives: {
      'clients by the answer': Object.keys(ANSWERS).map((path) =>
        toLife(`asks for ${path}`, tcpOrigin + path, { followRedirects: 1 }),
      ),
      'clients by the way': Object.entries(ways).map(([way, [origin, options]]) =>
        Object.assign(
          toLife(`connects over ${way}`, `${origin}/talk`, options, CUTS_ON_THE_WAY),
          way === 'a host name' && { waitFor: waitBehindLookup },
        ),
      ),
      'clients that connect again': ['/drop', '/refuse'].map((path) =>
        Object.assign(toLife(`connects again to ${path}`, tcpOrigin + path, { reconnect: reconnectTo(path) }), {
          moments: RECONNECTING_MOMENTS,
          waitFor: (moment: number) => sleep(moment * RECONNECTING_INTERVAL_MS),
        }),
      ),
    },
    countLeft: () => ({ 'listeners of the signal': getEventListeners(controller.signal, 'abort').length }),
    async stop() {
      for (const server of servers) server.close();
      rmSync(folder, { recursive: true });
    },
  };
}
