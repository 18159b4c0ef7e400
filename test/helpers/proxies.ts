import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer, type Socket } from 'node:net';
import type { SelfSigned } from './certificate.ts';
import { listen } from './transport-pairs.ts';

/** A request of a client to a proxy. */
export interface ProxyRequest {
  readonly target: string;
  readonly authorization?: string | undefined;
}

/** A proxy for tests. The proxy ends with the test. */
export interface TestProxy {
  readonly port: number;
  readonly requests: ProxyRequest[];
}

function join(client: Socket, host: string, port: number, onConnected: () => void): void {
  const server = connect({ host, port }, () => {
    onConnected();
    client.pipe(server).pipe(client);
  });
  const end = (): void => {
    client.destroy();
    server.destroy();
  };
  for (const socket of [client, server]) socket.on('error', end).on('close', end);
}

/**
 * Starts an HTTP proxy. With `refusal` it answers with that text instead of opening a tunnel; with `toHost` all tunnels lead
 * to that host.
 */
export async function startHttpProxy(
  options: { tls?: SelfSigned; refusal?: string; toHost?: string } = {},
): Promise<TestProxy> {
  const { tls, refusal, toHost } = options;
  const server = tls === undefined ? createHttpServer() : createHttpsServer(tls);
  const requests: ProxyRequest[] = [];
  server.on('connect', (request, socket: Socket) => {
    const target = request.url ?? '';
    requests.push({ target, authorization: request.headers['proxy-authorization'] });
    const colon = target.lastIndexOf(':');
    if (refusal !== undefined) socket.end(refusal);
    else {
      join(socket, toHost ?? target.slice(0, colon), Number(target.slice(colon + 1)), () =>
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n'),
      );
    }
  });
  return { port: await listen(server), requests };
}

/** How a SOCKS proxy for tests behaves. */
export interface SocksBehaviour {
  /** User and password that the proxy demands, in the form `user:password`. */
  readonly login?: string;
  /** Whether the proxy answers byte by byte. */
  readonly isSlow?: boolean;
  /** Hex that replaces the answer to the greeting. */
  readonly method?: string;
  /** Hex that replaces the answer to the request. */
  readonly reply?: string;
}

/** Starts a SOCKS 5 proxy. */
export async function startSocksProxy(behaviour: SocksBehaviour = {}): Promise<TestProxy> {
  const requests: ProxyRequest[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    void serveSocks(socket, behaviour, requests).catch(() => socket.destroy());
  });
  return { port: await listen(server), requests };
}

async function serveSocks(socket: Socket, behaviour: SocksBehaviour, requests: ProxyRequest[]): Promise<void> {
  const { login, method, reply } = behaviour;
  const write = (bytes: Buffer): void => {
    if (behaviour.isSlow === true) for (const byte of bytes) socket.write(Buffer.of(byte));
    else socket.write(bytes);
  };
  const read = async (count: number): Promise<Buffer> => {
    for (;;) {
      const bytes = socket.read(count) as Buffer | null;
      if (bytes !== null) return bytes;
      await new Promise((resolve) => socket.once('readable', resolve));
      if (socket.readableEnded || socket.destroyed) throw new Error('the client has ended the connection');
    }
  };
  socket.setNoDelay(true);
  const [, count = 0] = await read(2);
  const methods = await read(count);
  if (method !== undefined) {
    write(Buffer.from(method, 'hex'));
    return;
  }
  let authorization: string | undefined;
  if (login !== undefined && methods.includes(2)) {
    write(Buffer.of(5, 2));
    const [, userLength = 0] = await read(2);
    const user = await read(userLength);
    const [passwordLength = 0] = await read(1);
    authorization = `${user.toString()}:${(await read(passwordLength)).toString()}`;
    write(Buffer.of(1, authorization === login ? 0 : 1));
  } else write(Buffer.of(5, login === undefined ? 0 : 0xff));
  const [, , , type = 0] = await read(4);
  const address = await read(type === 1 ? 4 : type === 4 ? 16 : (await read(1))[0]!);
  const port = (await read(2)).readUInt16BE(0);
  const host = type === 1 ? address.join('.') : type === 3 ? address.toString() : address.toString('hex');
  requests.push({ target: `${type}:${host}:${port}`, authorization });
  if (reply !== undefined) {
    write(Buffer.from(reply, 'hex'));
    return;
  }
  join(socket, type === 4 ? '::1' : host, port, () => write(Buffer.from('05000003026162abcd', 'hex')));
}
