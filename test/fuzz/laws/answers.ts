import fc from 'fast-check';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createHttpServer } from 'node:http';
import { expect } from 'vitest';
import { WebSocketServer } from '../../../src/index.ts';
import { parseWebSocketUrl } from '../../../src/client/web-socket-url.ts';
import type { FourDError } from '../../../src/errors.ts';
import { acceptValue } from '../../../src/handshake/server-handshake.ts';
import { Dial } from '../../../src/client/dial.ts';
import { openTunnel, type Proxy } from '../../../src/client/proxy-tunnel.ts';
import { cutStream } from '../../helpers/arbitraries.ts';
import { defineLaw, type Law } from '../law.ts';

const sizes = fc.array(fc.constantFrom(1, 2, 3, 7, 50, 1000), { minLength: 1, maxLength: 4 });

/** Runs against a server that answers the first bytes of each connection, in pieces, and then ends TCP. */
async function withServer<T>(answer: Buffer, pieces: readonly number[], run: (port: number) => Promise<T>): Promise<T> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => {
      for (const piece of cutStream(answer, pieces)) socket.write(piece);
      socket.end();
    });
  });
  try {
    return await run(await listen(server));
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Reads all bytes of a socket until it ends. */
async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.resume();
  if (!socket.readableEnded && !socket.destroyed) await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(chunks).toString('latin1');
}

interface Answer {
  readonly bytes: Buffer;
  /** The bytes behind the answer, which belong to the user of the connection; undefined when the answer was damaged. */
  readonly behind: string | undefined;
}

/** Generates mostly the right text, and sometimes another one. */
function mostly(right: string, ...others: string[]): fc.Arbitrary<string> {
  return fc.oneof({ weight: 6, arbitrary: fc.constant(right) }, { weight: 1, arbitrary: fc.constantFrom(...others) });
}

/** Generates right answers, sometimes with a few changed bytes, or cut. */
function almost(right: fc.Arbitrary<Buffer>): fc.Arbitrary<Answer> {
  const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 2 });
  const cut = fc.nat();
  const damage = fc.oneof(
    { weight: 2, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: changes.map((each) => ({ changes: each })) },
    { weight: 1, arbitrary: cut.map((each) => ({ cut: each })) },
  );
  return fc
    .tuple(right, fc.constantFrom('', 'behind'), damage)
    .map(([whole, behind, { changes: bits, cut: end }]: [Buffer, string, Damage]) => {
      const bytes = Buffer.concat([whole, Buffer.from(behind)]);
      for (const [at, mask] of bits ?? []) bytes[at % bytes.length]! ^= mask;
      if (end !== undefined) return { bytes: bytes.subarray(0, end % bytes.length), behind: undefined };
      return { bytes, behind: bits === undefined ? behind : undefined };
    });
}

interface Damage {
  readonly changes?: readonly [at: number, mask: number][];
  readonly cut?: number;
}

/** Checks the bytes that an answer leaves to the user of the connection. */
function checkRest(rest: string, { bytes, behind }: Answer): void {
  if (behind === undefined) expect(bytes.toString('latin1').endsWith(rest)).toBe(true);
  else expect(rest).toBe(behind);
}

const socksAddress = fc.oneof(
  fc.constant([1, 1, 2, 3, 4]),
  fc.constant([4, ...Array.from({ length: 16 }, () => 1)]),
  fc.nat(255).map((length) => [3, length].concat(Array.from({ length }, () => 97))),
);
const socksAnswer = fc
  .tuple(
    fc.constantFrom([5, 0], [5, 2, 1, 0], [5, 2, 1, 1], [5, 255], [4, 0]),
    fc.constantFrom([5, 0, 0], [5, 0, 0], [5, 4, 0], [5, 77, 0]),
    socksAddress,
  )
  .map((parts) => Buffer.from([...parts.flat(), 0, 80]));

const connectAnswer = fc
  .tuple(
    mostly('HTTP/1.1 200 OK', 'HTTP/1.0 204 x', 'HTTP/1.1 407 No', 'HTTP/1.1 101 x', 'HTTP/1.1 100 x', 'ICY 200'),
    mostly('', 'Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n', 'constructor: 1\r\n', 'a b: c\r\n'),
  )
  .map(([status, header]) => Buffer.from(`${status}\r\n${header}\r\n`));

interface TunnelOutcome {
  readonly calls: number;
  readonly error: FourDError | undefined;
  readonly rest: string;
}

async function tunnelThrough(proxy: Proxy): Promise<TunnelOutcome> {
  let calls = 0;
  let error: FourDError | undefined;
  let rest = '';
  await new Promise<void>((resolve) => {
    const socket = openTunnel(proxy, 'example.com', 80, undefined, {
      onTunnel(tunnel) {
        calls++;
        tunnel.write('request');
        void readAll(tunnel).then((text) => {
          rest = text;
          return resolve();
        });
      },
      onTunnelFailed(failure) {
        calls++;
        error = failure;
        socket.destroy();
        setImmediate(resolve);
      },
    });
  });
  return { calls, error, rest };
}

function tunnelLaw(name: string, kind: Proxy['kind'], answers: fc.Arbitrary<Buffer>): Law {
  const noise = fc.uint8Array({ maxLength: 60 }).map((bytes) => ({ bytes: Buffer.from(bytes), behind: undefined }));
  const answer = fc.oneof({ weight: 5, arbitrary: almost(answers) }, { weight: 1, arbitrary: noise });
  return defineLaw(
    name,
    60,
    fc.asyncProperty(answer, sizes, fc.boolean(), async (given, pieces, hasCredentials) => {
      const credentials = hasCredentials ? { username: 'u', password: 'p' } : undefined;
      const { calls, error, rest } = await withServer(given.bytes, pieces, (port) =>
        tunnelThrough({ kind, host: '127.0.0.1', port, credentials }),
      );
      expect(calls).toBe(1);
      if (error !== undefined) expect(['ERR_PROXY_FAILED', 'ERR_PROXY_REFUSED']).toContain(error.code);
      // All bytes behind the answer of the proxy are bytes of the target.
      else checkRest(rest, given);
    }),
  );
}

const KEY_PLACE = '{accept}';
const upgradeAnswer = fc
  .tuple(
    mostly('101 Switching Protocols', '101 x', '200 OK', '302 Found', '400 Bad', '999 x'),
    mostly('Upgrade: websocket\r\n', 'upgrade: WebSocket\r\n', 'Upgrade: h2c\r\n', ''),
    mostly('Connection: Upgrade\r\n', 'Connection: keep-alive, upgrade\r\n', 'Connection: close\r\n'),
    mostly(KEY_PLACE, 'nonsense'),
    mostly(
      '',
      'Sec-WebSocket-Protocol: a\r\n',
      'Sec-WebSocket-Extensions: x\r\n',
      'Content-Length: 3\r\n',
      'Transfer-Encoding: chunked\r\n',
      '\0',
    ),
  )
  .map(([status, upgrade, connection, accept, more]) =>
    Buffer.from(`HTTP/1.1 ${status}\r\n${upgrade}${connection}Sec-WebSocket-Accept: ${accept}\r\n${more}\r\n`),
  );

const DIAL_ERRORS = ['ERR_HANDSHAKE_INVALID', 'ERR_HANDSHAKE_REFUSED', 'ERR_CONNECT_FAILED'];

/** Dials a server whose generated answer gets the right Sec-WebSocket-Accept here. */
async function dial(answer: Answer, pieces: readonly number[]): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', (request: Buffer) => {
      const key = /^sec-websocket-key: (.*)\r$/im.exec(request.toString('latin1'))?.[1] ?? '';
      const keyed = answer.bytes.toString('latin1').replace(KEY_PLACE, acceptValue(key));
      for (const piece of cutStream(Buffer.from(keyed, 'latin1'), pieces)) socket.write(piece);
      socket.end();
    });
  });
  const port = await listen(server);
  let calls = 0;
  let error: FourDError | undefined;
  let rest = '';
  await new Promise<void>((resolve) => {
    const options = { headers: {}, offer: { protocols: [], deflate: undefined }, handshakeTimeoutMs: 10_000, tls: {} };
    void new Dial(parseWebSocketUrl(`ws://127.0.0.1:${port}/`), options, {
      onConnected(socket, head) {
        calls++;
        void readAll(socket).then((text) => {
          rest = head.toString('latin1') + text;
          return resolve();
        });
      },
      onConnectFailed(failure) {
        calls++;
        error = failure;
        setImmediate(resolve);
      },
    });
  });
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, 'close');
  expect(calls).toBe(1);
  if (error !== undefined) expect(DIAL_ERRORS).toContain(error.code);
  else checkRest(rest, answer);
}

const requestText = fc
  .tuple(
    fc.constantFrom('GET / HTTP/1.1\r\n', 'GET /x HTTP/1.1\r\n', 'POST / HTTP/1.1\r\n', 'GET / HTTP/1.0\r\n', '\r\n'),
    fc.array(
      fc.constantFrom(
        'Host: a\r\n',
        'Upgrade: websocket\r\n',
        'Connection: Upgrade\r\n',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
        'Sec-WebSocket-Version: 13\r\n',
        'Sec-WebSocket-Extensions: constructor\r\n',
        'Sec-WebSocket-Protocol: ,\r\n',
        'Origin: null\r\n',
        'Content-Length: 4\r\n',
        'Transfer-Encoding: chunked\r\n',
      ),
      { maxLength: 8 },
    ),
  )
  .map(([start, headers]) => Buffer.from(`${start}${headers.join('')}\r\n`));

/** Sends bytes to a server, and returns its answer when the server has ended the connection. */
async function ask(port: number, bytes: Buffer, pieces: readonly number[]): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  socket.setNoDelay(true);
  for (const piece of cutStream(bytes, pieces)) socket.write(piece);
  socket.end();
  return readAll(socket);
}

export const answerLaws: readonly Law[] = [
  tunnelLaw(
    'RFC 1928: any answers of a SOCKS proxy give a tunnel with all bytes that follow, or one error',
    'socks5h',
    socksAnswer,
  ),
  tunnelLaw('RFC 9110 9.3.6: any answer to CONNECT gives a tunnel, or one error', 'http', connectAnswer),
  defineLaw(
    'RFC 6455 4.1: any answer of a server gives a connection with all bytes that follow, or one error',
    80,
    fc.asyncProperty(almost(upgradeAnswer), sizes, dial),
  ),
  defineLaw(
    'RFC 6455 4.2: any request is answered or dropped, and the server goes on',
    40,
    fc.asyncProperty(almost(requestText), sizes, async ({ bytes }, pieces) => {
      const http = createHttpServer((_request, response) => response.writeHead(404).end());
      const wss = WebSocketServer.new({ onConnection: () => ({ onMessage() {} }) }, { webServer: http });
      const port = await listen(http);
      try {
        expect(await ask(port, bytes, pieces)).toMatch(/^(?:HTTP\/1\.1 (?:101|[45]\d\d) |$)/);
        const right = await ask(
          port,
          Buffer.from(
            'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
              'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
          ),
          [1000],
        );
        expect(right).toMatch(/^HTTP\/1\.1 101 /);
      } finally {
        wss?.terminate(0);
        http.closeAllConnections();
        http.close();
        await once(http, 'close');
      }
    }),
  ),
];
