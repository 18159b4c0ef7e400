import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { describeFrames, lengthOfFrame } from './frames.ts';
import { createDeferred } from './deferred.ts';
import { Inbox } from './inbox.ts';

/** A server whose bytes the test writes by hand, also invalid bytes. The server ends with the test. */
export class RawServer {
  readonly port: number;
  readonly url: string;
  readonly connections = new Inbox<RawConnection>();

  constructor(port: number, path?: string) {
    this.port = port;
    this.url = path === undefined ? `ws://127.0.0.1:${port}` : `ws+unix:${path}`;
  }

  /** Resolves to the next connection, as soon as its request is complete. */
  async accept(): Promise<RawConnection> {
    const connection = await this.connections.next();
    await connection.requested;
    return connection;
  }

  /** Resolves to the next connection, after a valid answer to its handshake. */
  async open(): Promise<RawConnection> {
    const connection = await this.accept();
    connection.socket.write(connection.answer());
    return connection;
  }
}

/** One TCP connection of a {@link RawServer}. */
export class RawConnection {
  readonly socket: Socket;
  /** The request, up to its empty line. */
  request = '';
  readonly #requested = createDeferred();
  readonly #ended = createDeferred();
  readonly #closed = createDeferred();
  /** The frames that arrived, described like `81 48656c6c6f`. */
  readonly frames = new Inbox<string>();
  #received = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      const end = this.request === '' ? this.#received.indexOf('\r\n\r\n') : -1;
      if (end >= 0) {
        this.request = this.#received.toString('latin1', 0, end);
        this.#received = this.#received.subarray(end + 4);
        this.#requested.resolve();
      }
      if (this.request !== '') this.#readFrames();
    });
    socket.on('end', () => this.#ended.resolve());
    socket.on('close', () => this.#closed.resolve());
    // Every 'error' is followed by 'close'.
    socket.on('error', () => {});
  }

  /** Resolves when the request is complete. */
  get requested(): Promise<void> {
    return this.#requested.promise;
  }

  /** Resolves when the client has ended its side. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Resolves when the connection is over. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Bytes that arrived behind the request and are not a whole frame yet. */
  get unread(): Buffer {
    return this.#received;
  }

  /** Returns the value of a header of the request. */
  header(name: string): string | undefined {
    return new RegExp(`^${name}: *(.*)$`, 'im').exec(this.request)?.[1]?.trim();
  }

  /** Builds a valid answer to the handshake (RFC 6455 section 4.2.2). */
  answer(extraHeaders: readonly string[] = []): string {
    const accept = createHash('sha1')
      .update(`${this.header('Sec-WebSocket-Key')}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    const lines = [
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${accept}`,
      ...extraHeaders,
    ];
    return `${lines.join('\r\n')}\r\n\r\n`;
  }

  #readFrames(): void {
    for (;;) {
      const frameBytes = lengthOfFrame(this.#received);
      if (frameBytes === undefined || frameBytes > this.#received.length) return;
      const [seen] = describeFrames(this.#received.subarray(0, frameBytes), 'client');
      this.#received = this.#received.subarray(frameBytes);
      this.frames.push(seen!);
    }
  }
}

/** @param path - path of a Unix socket, whose buffers in the system are small; by default a port of 127.0.0.1 */
export async function startRawServer(path?: string): Promise<RawServer> {
  // Half-open sockets let a test play a server that does not end its side.
  const tcp = createServer({ allowHalfOpen: true });
  tcp.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path });
  await once(tcp, 'listening');
  const server = path === undefined ? new RawServer((tcp.address() as AddressInfo).port) : new RawServer(0, path);
  tcp.on('connection', (socket) => server.connections.push(new RawConnection(socket)));
  onTestFinished(async () => {
    for (const { socket } of server.connections.all) socket.destroy();
    tcp.close();
    await once(tcp, 'close');
  });
  return server;
}

/** Returns a port of 127.0.0.1 on which nobody listens. */
export async function findClosedPort(): Promise<number> {
  const tcp = createServer().listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  tcp.close();
  await once(tcp, 'close');
  return port;
}
