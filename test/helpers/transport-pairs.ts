import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import {
  type AddressInfo,
  connect,
  createServer,
  type ListenOptions,
  type OnReadOpts,
  type Server,
  type Socket,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { onTestFinished } from 'vitest';
import { connectReading } from '../../src/transport/shared-read-buffer.ts';
import { SocketTransport } from '../../src/transport/socket-transport.ts';
import { makeCertificate } from './certificate.ts';

/** Two sockets that are connected to each other. */
export type SocketPair = readonly [client: Socket, server: Socket];

/** Connects a socket. `onread` must be passed on to `net.connect` or `tls.connect`. */
type Connects = (onread: OnReadOpts | undefined) => Socket;

/**
 * Ways to connect two sockets. They are sockets of the system, because the transport under test reads and writes those;
 * the testing kit has none. The first may read into shared memory, as sockets of clients do. All end with the test.
 */
export const socketPairs = {
  tcp: connectTcpSockets,
  tls: connectTlsSockets,
  unix: connectUnixSockets,
} as const satisfies Record<string, (readsShared?: boolean) => Promise<SocketPair>>;

/** Creates transports over both sockets. */
export function toTransports([client, server]: SocketPair): [SocketTransport, SocketTransport] {
  return [new SocketTransport(client), new SocketTransport(server)];
}

/** Lets a server listen until the test is over, and destroys its sockets then. The caller handles their errors. */
export async function listen(server: Server, options: ListenOptions = { host: '127.0.0.1' }): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  });
  server.listen(options.path === undefined ? { port: 0, ...options } : options);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Returns a path for a Unix socket. The path is removed when the test ends. */
export function makeSocketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), '4d-websocket-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'socket');
}

async function connectTcpSockets(readsShared = false): Promise<SocketPair> {
  const server = createServer();
  const port = await listen(server);
  const client = connectSocket(readsShared, (onread) => connect({ host: '127.0.0.1', port, onread }));
  return bothEnds(server, 'connection', client, 'connect');
}

async function connectUnixSockets(readsShared = false): Promise<SocketPair> {
  const server = createServer();
  const path = makeSocketPath();
  await listen(server, { path });
  const client = connectSocket(readsShared, (onread) => connect({ path, onread }));
  return bothEnds(server, 'connection', client, 'connect');
}

async function connectTlsSockets(readsShared = false): Promise<SocketPair> {
  const certificate = makeCertificate();
  const server = createTlsServer(certificate);
  const port = await listen(server);
  const options = { host: '127.0.0.1', port, ca: certificate.cert };
  const client = connectSocket(readsShared, (onread) => connectTls({ ...options, ...(onread && { onread }) }));
  return bothEnds(server, 'secureConnection', client, 'secureConnect');
}

function connectSocket(readsShared: boolean, connects: Connects): Socket {
  return readsShared ? connectReading(connects) : connects(undefined);
}

async function bothEnds(server: Server, accepts: string, client: Socket, connects: string): Promise<SocketPair> {
  onTestFinished(() => void client.destroy());
  const [[accepted]] = (await Promise.all([once(server, accepts), once(client, connects)])) as [[Socket], unknown];
  accepted.on('error', () => {});
  client.on('error', () => {});
  return [client, accepted];
}
