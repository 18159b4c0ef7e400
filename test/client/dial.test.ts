import dns from 'node:dns';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { HandshakeAgreement } from '../../src/handshake/client-handshake.ts';
import { FourDError } from '../../src/errors.ts';
import { Dial, type DialListener, type DialOptions, type DialTarget } from '../../src/client/dial.ts';
import { ignoreErrors, SocketTransport } from '../../src/transport/socket-transport.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { RecordingListener } from '../helpers/recording-listener.ts';
import { findClosedPort } from '../helpers/raw-server.ts';
import { expectNoDeadlines, expectNoOpenSockets } from '../helpers/leftovers.ts';
import { type SeenRequest, startAnsweringServer, switchingProtocols } from '../helpers/answering-server.ts';
import { listen, makeSocketPath } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';
import type { TestClock } from '../../src/testing.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';

const HANDSHAKE_TIMEOUT_MS = 10_000;
const MAX_REFUSAL_BODY_BYTES = 65_536;

afterEach(() => expectNoDeadlines());
afterAll(() => expectNoOpenSockets());

/** The result of a dial that has connected. */
interface Connected {
  readonly socket: Socket;
  readonly head: Buffer;
  readonly protocol: string;
}

class Caller implements DialListener {
  readonly dial: Dial;
  readonly outcomes: (Connected | FourDError)[] = [];
  readonly #done = createDeferred();

  constructor(target: Partial<DialTarget>, options: Partial<DialOptions> = {}) {
    this.dial = new Dial(
      {
        isSecure: false,
        host: '127.0.0.1',
        port: 0,
        socketPath: undefined,
        path: '/',
        hostHeader: '127.0.0.1',
        authorization: undefined,
        ...target,
      },
      {
        headers: {},
        offer: { protocols: [], deflate: undefined },
        handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
        tls: {},
        ...options,
      },
      this,
    );
    // The listener is not called within the constructor.
    expect(this.outcomes).toEqual([]);
  }

  onConnected(socket: Socket, head: Buffer, { protocol }: HandshakeAgreement): void {
    onTestFinished(() => void socket.destroy());
    this.outcomes.push({ socket, head, protocol });
    this.#done.resolve();
  }

  onConnectFailed(error: FourDError): void {
    this.outcomes.push(error);
    this.#done.resolve();
  }

  async connected(): Promise<Connected> {
    await this.#done.promise;
    const outcome = this.outcomes[0]!;
    if (outcome instanceof FourDError) throw outcome;
    return outcome;
  }

  /** @param side - who is to blame: the network, or an option of the program */
  async failed(side: 'remote' | 'local' = 'remote'): Promise<FourDError> {
    await this.#done.promise;
    const outcome = this.outcomes[0]!;
    expect(outcome).toBeInstanceOf(FourDError);
    expect(outcome).toMatchObject({ componentSignature: 'HTCL', side, errCode: 1006 });
    return outcome as FourDError;
  }
}

/** Serves plain HTTP. */
function startHttpServer(listener: RequestListener): Promise<number> {
  return listen(createHttpServer({ keepAliveTimeout: 3_600_000 }, listener));
}

function headersOf(request: SeenRequest, name: string): string[] {
  return request.headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
}

function toFacts({ code, message, phase, cause }: FourDError): object {
  const { code: causeCode, message: causeMessage } = cause as NodeJS.ErrnoException;
  return { code, message, phase, causeCode, causeMessage };
}

async function captureRequest(target: Partial<DialTarget>, options: Partial<DialOptions>): Promise<SeenRequest> {
  let seen: SeenRequest | undefined;
  const port = await startAnsweringServer((socket, request) => {
    seen = request;
    socket.write(switchingProtocols(request.accept));
  });
  await new Caller({ ...target, port }, options).connected();
  return seen!;
}

/** Starts a server that reads the request, sends `text`, and then waits. */
async function startSlowServer(
  text: string,
): Promise<{ port: number; isWaiting: Promise<void>; isClosed: Promise<void> }> {
  const [waiting, closed] = [createDeferred(), createDeferred()];
  const port = await startAnsweringServer((socket) => {
    socket.on('close', () => closed.resolve());
    socket.write(text, () => waiting.resolve());
  });
  return { port, isWaiting: waiting.promise, isClosed: closed.promise };
}

/** Starts a server that accepts TCP connections and sends nothing by itself. */
function startTcpServer(onConnection: (socket: Socket) => void = () => {}): Promise<number> {
  return listen(
    createTcpServer((socket) => {
      ignoreErrors(socket);
      onConnection(socket);
    }),
  );
}

describe('the request', () => {
  test('asks for a WebSocket as RFC 6455 section 4.1 demands', async () => {
    const request = await captureRequest({ path: '/a/b?x=1', hostHeader: 'example.com:8080' }, {});
    expect(request.line).toBe('GET /a/b?x=1 HTTP/1.1');
    expect(headersOf(request, 'host')).toEqual(['example.com:8080']);
    expect(headersOf(request, 'upgrade')).toEqual(['websocket']);
    expect(headersOf(request, 'connection')).toEqual(['Upgrade']);
    expect(headersOf(request, 'sec-websocket-version')).toEqual(['13']);
    expect(headersOf(request, 'sec-websocket-protocol')).toEqual([]);
    const [key] = headersOf(request, 'sec-websocket-key');
    expect(Buffer.from(key!, 'base64')).toHaveLength(16);
    expect(request.rest).toHaveLength(0);
  });

  test('has a new key each time', async () => {
    const requests = [await captureRequest({}, {}), await captureRequest({}, {})];
    const [first, second] = requests.map((request) => headersOf(request, 'sec-websocket-key')[0]);
    expect(first).not.toBe(second);
  });

  test('offers subprotocols in order of preference', async () => {
    let offered: string[] = [];
    const port = await startAnsweringServer((socket, request) => {
      offered = headersOf(request, 'sec-websocket-protocol');
      socket.write(switchingProtocols(request.accept, { 'Sec-WebSocket-Protocol': 'v1' }));
    });
    const { protocol } = await new Caller(
      { port },
      { offer: { protocols: ['v2', 'v1'], deflate: undefined } },
    ).connected();
    expect(offered).toEqual(['v2, v1']);
    expect(protocol).toBe('v1');
  });

  test('has the given headers, an array as several lines, but keeps the headers of the handshake', async () => {
    const request = await captureRequest(
      { hostHeader: 'right' },
      { headers: { 'X-One': '1', 'X-Two': ['a', 'b'], host: 'wrong', upgrade: 'h2c', 'SEC-WEBSOCKET-VERSION': '8' } },
    );
    expect(headersOf(request, 'x-one')).toEqual(['1']);
    expect(headersOf(request, 'x-two')).toEqual(['a', 'b']);
    expect(headersOf(request, 'host')).toEqual(['right']);
    expect(headersOf(request, 'upgrade')).toEqual(['websocket']);
    expect(headersOf(request, 'sec-websocket-version')).toEqual(['13']);
  });

  test('has the credentials of the URL, unless a header replaces them', async () => {
    const target = { authorization: 'Basic dXNlcjpwYXNz' };
    expect(headersOf(await captureRequest(target, {}), 'authorization')).toEqual(['Basic dXNlcjpwYXNz']);
    const request = await captureRequest(target, { headers: { Authorization: 'Bearer token' } });
    expect(headersOf(request, 'authorization')).toEqual(['Bearer token']);
  });
});

describe('a handshake that succeeds', () => {
  test('passes on the unread socket with an error listener, and the bytes behind the answer', async () => {
    const port = await startAnsweringServer((socket, request) => {
      socket.write(`${switchingProtocols(request.accept)}first bytes`);
      socket.on('data', () => socket.write('more bytes'));
    });
    const caller = new Caller({ port });
    const { socket, head, protocol } = await caller.connected();
    expect(head.toString()).toBe('first bytes');
    expect(protocol).toBe('');
    expect(socket.listenerCount('error')).toBeGreaterThan(0);
    expect([socket.listenerCount('data'), socket.isPaused()]).toEqual([0, true]);
    socket.write('x');
    await turns();
    const more = await new Promise((resolve) => {
      socket.on('data', resolve);
      socket.resume();
    });
    expect(String(more)).toBe('more bytes');
    expect(caller.outcomes).toHaveLength(1);
  });

  test('leaves no listener on the socket but the one for errors', async () => {
    const port = await startAnsweringServer((socket, request) => socket.write(switchingProtocols(request.accept)));
    const { socket } = await new Caller({ port }).connected();
    const fresh = new Socket();
    ignoreErrors(fresh);
    for (const event of ['connect', 'data', 'end', 'error', 'close']) {
      expect([event, socket.listenerCount(event)]).toEqual([event, fresh.listenerCount(event)]);
    }
  });

  test('may come after informational answers', async () => {
    const port = await startAnsweringServer((socket, request) => {
      socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n');
      socket.write(switchingProtocols(request.accept));
    });
    const { head } = await new Caller({ port }).connected();
    expect(head).toHaveLength(0);
  });

  test('may be followed by a reset at once', async () => {
    const port = await startAnsweringServer((socket, request) => {
      socket.write(switchingProtocols(request.accept), () => socket.resetAndDestroy());
    });
    const caller = new Caller({ port });
    const { socket } = await caller.connected();
    socket.resume();
    await new Promise((resolve) => {
      socket.on('close', resolve);
    });
    expect(caller.outcomes).toHaveLength(1);
  });

  test('makes abort() have no effect', async () => {
    const port = await startAnsweringServer((socket, request) => socket.write(switchingProtocols(request.accept)));
    const caller = new Caller({ port });
    const { socket } = await caller.connected();
    caller.dial.abort();
    expect(socket.destroyed).toBe(false);
  });

  test('goes over a Unix socket', async () => {
    const path = makeSocketPath();
    let line = '';
    await startAnsweringServer(
      (socket, request) => {
        ({ line } = request);
        socket.write(switchingProtocols(request.accept));
      },
      { path },
    );
    await new Caller({ socketPath: path, path: '/x' }).connected();
    expect(line).toBe('GET /x HTTP/1.1');
  });
});

describe('the sockets of clients', () => {
  const certificate = makeCertificate();

  test.each([false, true])('read into one shared buffer (TLS: %s)', async (isSecure) => {
    const port = await startAnsweringServer(
      (socket, request) => {
        socket.write(switchingProtocols(request.accept));
        socket.on('data', (bytes) => socket.write(bytes));
      },
      isSecure ? { tls: certificate } : {},
    );
    const memories: ArrayBufferLike[] = [];
    for (let i = 0; i < 2; i++) {
      const { socket } = await new Caller({ port, isSecure }, { tls: { ca: certificate.cert } }).connected();
      const transport = new SocketTransport(socket);
      const listener = RecordingListener.on(transport);
      transport.write([Buffer.from('echo')]);
      await listener.until(() => listener.byteCount === 4);
      memories.push(...listener.memories);
    }
    expect(new Set(memories).size).toBe(1);
  });
});

describe('an invalid answer', () => {
  test.each([
    ['a wrong Sec-WebSocket-Accept', { 'Sec-WebSocket-Accept': 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=' }, /Accept/],
    ['no Sec-WebSocket-Accept', { 'Sec-WebSocket-Accept': undefined }, /Accept/],
    ['another Upgrade', { Upgrade: 'h2c' }, /Upgrade/],
    ['no Upgrade', { Upgrade: undefined }, /Upgrade/],
    ['no Connection', { Connection: undefined }, /Connection/],
    ['another Connection', { Connection: 'close' }, /Connection/],
    ['a subprotocol that was not offered', { 'Sec-WebSocket-Protocol': 'v3' }, /Protocol/],
    ['an extension that was not offered', { 'Sec-WebSocket-Extensions': 'permessage-deflate' }, /Extensions/],
  ])('with %s fails, and the socket is closed', async (_, changes, message) => {
    const closed = createDeferred();
    const port = await startAnsweringServer((socket, request) => {
      socket.on('close', () => closed.resolve());
      socket.write(switchingProtocols(request.accept, changes));
    });
    const caller = new Caller({ port }, { offer: { protocols: ['v1'], deflate: undefined } });
    const error = await caller.failed();
    expect(error.code).toBe('ERR_HANDSHAKE_INVALID');
    expect(error.message).toMatch(message);
    await closed.promise;
    expect(caller.outcomes).toHaveLength(1);
  });

  test.each([
    ['text', 'this is not HTTP\r\n\r\n'],
    ['binary', '\x16\x03\x01\x02\x00\x01\x00\x01'],
    ['a header without end', `HTTP/1.1 101 Switching Protocols\r\nX: ${'x'.repeat(200_000)}`],
  ])('that is garbage (%s) fails, and the error holds none of it', async (_, garbage) => {
    const port = await startAnsweringServer((socket) => socket.write(garbage, 'latin1'));
    const error = await new Caller({ port }).failed();
    expect(error.code).toBe('ERR_HANDSHAKE_INVALID');
    expect(error.message).toMatch(/^invalid handshake answer: Parse Error/);
    expect(error.cause).toBeUndefined();
  });
});

describe('a refusal', () => {
  test.each([404, 200, 301, 503])('with status %i is reported with headers and body', async (status) => {
    const port = await startHttpServer((_, response) => {
      response.writeHead(status, { 'X-Why': 'because', Location: '/elsewhere' }).end('not here');
    });
    const error = await new Caller({ port }).failed();
    expect(error).toMatchObject({ code: 'ERR_HANDSHAKE_REFUSED', httpStatus: status });
    expect(error.message).toMatch(new RegExp(`^handshake refused: HTTP ${status} `));
    expect(error.httpHeaders).toMatchObject({ 'x-why': 'because', location: '/elsewhere' });
    expect(Buffer.from(error.httpBody!).toString()).toBe('not here');
  });

  test('closes a connection that the server keeps alive', async () => {
    const closed = createDeferred();
    const port = await startHttpServer((request, response) => {
      request.socket.on('close', () => closed.resolve());
      response.writeHead(404, { Connection: 'keep-alive' }).end('no');
    });
    const { httpStatus } = await new Caller({ port }).failed();
    expect(httpStatus).toBe(404);
    await closed.promise;
  });

  test.each([MAX_REFUSAL_BODY_BYTES - 1, MAX_REFUSAL_BODY_BYTES, MAX_REFUSAL_BODY_BYTES + 1, 1_000_000])(
    'of %i bytes is kept up to 64 KiB',
    async (size) => {
      const body = Buffer.from(Array.from({ length: size }, (_, i) => i % 251));
      const port = await startHttpServer((_, response) => response.writeHead(401).end(body));
      const caller = new Caller({ port });
      const error = await caller.failed();
      const kept = Buffer.from(error.httpBody!);
      expect(kept.equals(body.subarray(0, MAX_REFUSAL_BODY_BYTES))).toBe(true);
      await turns();
      expect(caller.outcomes).toHaveLength(1);
    },
  );

  test.each(['end', 'reset'])('that is cut off by a %s is reported with the part that arrived', async (how) => {
    const port = await startAnsweringServer((socket) => {
      socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\nthe beginning');
      // The end comes later, because a reset may overtake bytes that are still under way.
      void turns().then(() => (how === 'end' ? socket.end() : socket.resetAndDestroy()));
    });
    const caller = new Caller({ port });
    const error = await caller.failed();
    expect(error).toMatchObject({ code: 'ERR_HANDSHAKE_REFUSED', httpStatus: 403 });
    expect(Buffer.from(error.httpBody!).toString()).toBe('the beginning');
    await turns();
    expect(caller.outcomes).toHaveLength(1);
  });

  test('has headers without a prototype', async () => {
    const port = await startAnsweringServer((socket) => {
      socket.end('HTTP/1.1 403 Forbidden\r\n__proto__: x\r\nconstructor: y\r\nContent-Length: 0\r\n\r\n');
    });
    const { httpHeaders } = await new Caller({ port }).failed();
    expect(Object.getPrototypeOf(httpHeaders)).toBeNull();
    expect(httpHeaders!['constructor']).toBe('y');
    expect(httpHeaders!['hasOwnProperty']).toBeUndefined();
  });
});

describe('a server that cannot be reached', () => {
  test('because nothing listens fails with the cause', async () => {
    const error = await new Caller({ port: await findClosedPort() }).failed();
    expect(error.code).toBe('ERR_CONNECT_FAILED');
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' });
    expect(error.message).toMatch(
      /^cannot connect: connect ECONNREFUSED 127\.0\.0\.1:\d+ \(no server listens on this address: is it running\?\)$/,
    );
  });

  test('at any of its addresses fails with the error of each address', async () => {
    const port = await findClosedPort();
    vi.spyOn(dns, 'lookup').mockImplementation(((
      _host: string,
      _options: unknown,
      done: (error: null, addresses: dns.LookupAddress[]) => void,
    ) => {
      process.nextTick(done, null, [
        { address: '127.0.0.1', family: 4 },
        { address: '127.0.0.2', family: 4 },
      ]);
    }) as never);
    onTestFinished(() => void vi.restoreAllMocks());
    const error = await new Caller({ host: 'two.example', port }).failed();
    expect(error.code).toBe('ERR_CONNECT_FAILED');
    expect(error.message).toMatch(/connect ECONNREFUSED 127\.0\.0\.1:\d+; connect ECONNREFUSED 127\.0\.0\.2:\d+/);
  });

  test('because there is no such Unix socket fails with the cause', async () => {
    const error = await new Caller({ socketPath: makeSocketPath() }).failed();
    expect(error.cause).toMatchObject({ code: 'ENOENT' });
  });

  test.each(['end', 'reset'])('because it hangs up with a %s before answering fails', async (how) => {
    const port = await startAnsweringServer((socket) => (how === 'end' ? socket.end() : socket.resetAndDestroy()));
    const error = await new Caller({ port }).failed();
    expect(error.code).toBe('ERR_CONNECT_FAILED');
    expect(error.cause).toMatchObject({ code: 'ECONNRESET' });
  });

  test.each(['end', 'reset'])('because it hangs up with a %s during its answer fails', async (how) => {
    const port = await startAnsweringServer((socket, { accept }) => {
      socket.write(switchingProtocols(accept).slice(0, 60));
      setImmediate(() => (how === 'end' ? socket.end() : socket.resetAndDestroy()));
    });
    const caller = new Caller({ port });
    const error = await caller.failed();
    expect(error.code).toBe('ERR_CONNECT_FAILED');
    await turns();
    expect(caller.outcomes).toHaveLength(1);
  });
});

describe('what Node refuses to send or use is reported, not thrown', () => {
  test.each<[string, Partial<DialTarget>, Partial<DialOptions>, RegExp]>([
    ['a path', { path: '/a b' }, {}, /path/],
    ['a header', {}, { headers: { 'X-Bad': 'a\r\nb' } }, /header/],
    ['a header that needs a body', {}, { headers: { Trailer: 'x' } }, /railer/],
    ['a TLS option', { isSecure: true }, { tls: { minVersion: 'SSLv1' as never } }, /SSLv1/],
  ])('%s', async (_, target, options, message) => {
    const port = await startAnsweringServer(() => {});
    const caller = new Caller({ port, ...target }, options);
    const error = await caller.failed('local');
    expect(error).toMatchObject({ code: 'ERR_CONNECT_FAILED', endCause: 'invalid' });
    expect(error.message).toMatch(message);
    await turns();
    expect(caller.outcomes).toHaveLength(1);
    await expectNoOpenSockets('TCPSocket');
  });
});

describe('a connection that fails', () => {
  // node:http writes requests with an underscore in the name of a header.
  const BY_NODE = { headers: { X_A: 'x' } };

  test.each<[string, boolean, (socket: Socket) => void]>([
    ['ends at once', false, (socket) => socket.end()],
    ['is reset behind the request', false, (socket) => socket.once('data', () => socket.resetAndDestroy())],
    ['ends behind the request', false, (socket) => socket.once('data', () => socket.end())],
    ['ends in the TLS handshake', true, (socket) => socket.once('data', () => socket.end())],
    ['is reset in the TLS handshake', true, (socket) => socket.once('data', () => socket.resetAndDestroy())],
    ['does not speak TLS', true, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('because the server %s fails the same with and without node:http', async (_, isSecure, end) => {
    const port = await startTcpServer(end);
    const [own, byNode] = await Promise.all([
      new Caller({ isSecure, port }).failed(),
      new Caller({ isSecure, port }, BY_NODE).failed(),
    ]);
    expect(toFacts(own)).toEqual(toFacts(byNode));
  });
});

describe('over TLS', () => {
  const certificate = makeCertificate();

  function startTlsServer(sawServername?: (name: string) => void): Promise<number> {
    return startAnsweringServer((socket, request) => socket.write(switchingProtocols(request.accept)), {
      tls: {
        ...certificate,
        ALPNProtocols: ['h2', 'http/1.1'],
        SNICallback: (name, done) => {
          sawServername?.(name);
          done(null);
        },
      },
    });
  }

  test('a trusted server is connected to with HTTP/1.1', async () => {
    const port = await startTlsServer();
    const { socket } = await new Caller({ isSecure: true, port }, { tls: { ca: certificate.cert } }).connected();
    expect(socket).toMatchObject({ authorized: true, alpnProtocol: 'http/1.1' });
  });

  test('an untrusted server fails, and gets no request', async () => {
    const answered = vi.fn<() => void>();
    const port = await startAnsweringServer(answered, { tls: certificate });
    const error = await new Caller({ isSecure: true, port }).failed();
    expect(error.code).toBe('ERR_CONNECT_FAILED');
    expect(error.cause).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    await turns();
    expect(answered).not.toHaveBeenCalled();
  });

  test('a certificate for another host name fails', async () => {
    const port = await startTlsServer();
    const tls = { ca: certificate.cert, servername: 'other.example' };
    const error = await new Caller({ isSecure: true, port }, { tls }).failed();
    expect(error.cause).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  test('SNI is sent for a host name, and not for an address', async () => {
    const names: string[] = [];
    const port = await startTlsServer((name) => names.push(name));
    const tls = { ca: certificate.cert };
    await new Caller({ isSecure: true, host: 'localhost', port }, { tls }).connected();
    await new Caller({ isSecure: true, host: '127.0.0.1', port }, { tls }).connected();
    expect(names).toEqual(['localhost']);
  });

  test('a server without TLS fails', async () => {
    const port = await startTcpServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const error = await new Caller({ isSecure: true, port }).failed();
    expect(error.code).toBe('ERR_CONNECT_FAILED');
  });

  test('a reset during the TLS handshake fails', async () => {
    const port = await startTcpServer((socket) => socket.resetAndDestroy());
    const error = await new Caller({ isSecure: true, port }).failed();
    expect(error.code).toBe('ERR_CONNECT_FAILED');
  });

  test('a server with TLS fails for a client without it', async () => {
    const port = await startTlsServer();
    const error = await new Caller({ port }).failed();
    expect(['ERR_CONNECT_FAILED', 'ERR_HANDSHAKE_INVALID']).toContain(error.code);
  });

  test('the certificate of these tests is valid for node:tls too', async () => {
    const port = await startTlsServer();
    const socket = connectTls({ host: '127.0.0.1', port, ca: certificate.cert });
    onTestFinished(() => void socket.destroy());
    await new Promise((resolve) => {
      socket.on('secureConnect', resolve);
    });
    expect(socket.authorized).toBe(true);
  });
});

describe('abort()', () => {
  test('in the turn of the call connects to nothing', async () => {
    const accepted = vi.fn<() => void>();
    const port = await startAnsweringServer(accepted);
    const caller = new Caller({ port });
    caller.dial.abort();
    caller.dial.abort();
    await turns();
    expect(caller.outcomes).toEqual([]);
    expect(accepted).not.toHaveBeenCalled();
  });

  test('while the server is silent hangs up', async () => {
    const { port, isWaiting, isClosed } = await startSlowServer('');
    const caller = new Caller({ port });
    await isWaiting;
    caller.dial.abort();
    await isClosed;
    expect(caller.outcomes).toEqual([]);
  });

  test('during the answer hangs up', async () => {
    const { port, isWaiting, isClosed } = await startSlowServer(
      'HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\nthe beginning',
    );
    const caller = new Caller({ port });
    await isWaiting;
    await turns();
    caller.dial.abort();
    await isClosed;
    expect(caller.outcomes).toEqual([]);
  });

  test('during the TLS handshake hangs up', async () => {
    const [accepted, closed] = [createDeferred(), createDeferred()];
    const port = await startTcpServer((socket) => {
      socket.resume();
      socket.on('close', () => closed.resolve());
      accepted.resolve();
    });
    const caller = new Caller({ isSecure: true, port });
    await accepted.promise;
    caller.dial.abort();
    await closed.promise;
    expect(caller.outcomes).toEqual([]);
  });
});

describe('handshakeTimeoutMs', () => {
  let clock: TestClock;

  beforeEach(() => {
    clock = useFakeClock();
    return () => expect(clock.pendingTimers).toBe(0);
  });

  test.each(['', 'HTTP/1.1 101 Switching', 'HTTP/1.1 100 Continue\r\n\r\n'])(
    'ends the wait for a server that does not finish its answer ("%s")',
    async (text) => {
      const { port, isWaiting, isClosed } = await startSlowServer(text);
      const caller = new Caller({ port });
      await isWaiting;
      await turns();
      await clock.advance(HANDSHAKE_TIMEOUT_MS - 1);
      expect(caller.outcomes).toEqual([]);
      await clock.advance(51);
      const error = await caller.failed();
      expect(error.code).toBe('ERR_HANDSHAKE_TIMEOUT');
      expect(error.message).toBe(
        'handshake timed out after 10000 ms (handshakeTimeoutMs), waiting for the HTTP answer of the server',
      );
      await isClosed;
      expect(caller.outcomes).toHaveLength(1);
    },
  );

  test('reports a refusal whose body does not end as the refusal', async () => {
    const { port, isWaiting, isClosed } = await startSlowServer(
      'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 1000\r\n\r\nthe beginning',
    );
    const caller = new Caller({ port });
    await isWaiting;
    await turns();
    expect(caller.outcomes).toEqual([]);
    await clock.advance(HANDSHAKE_TIMEOUT_MS + 50);
    const error = await caller.failed();
    expect(error).toMatchObject({ code: 'ERR_HANDSHAKE_REFUSED', httpStatus: 401 });
    expect(error.httpHeaders).toMatchObject({ 'www-authenticate': 'Basic' });
    expect(Buffer.from(error.httpBody!).toString()).toBe('the beginning');
    await isClosed;
    expect(caller.outcomes).toHaveLength(1);
  });

  test('of Infinity waits forever for a server that does not answer', async () => {
    const { port, isWaiting } = await startSlowServer('');
    const caller = new Caller({ port }, { handshakeTimeoutMs: Infinity });
    await isWaiting;
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(3_600_000);
    expect(caller.outcomes).toEqual([]);
    caller.dial.abort();
  });

  test('ends the wait for a TLS handshake', async () => {
    const accepted = createDeferred();
    const port = await startTcpServer(() => accepted.resolve());
    const caller = new Caller({ isSecure: true, port });
    await accepted.promise;
    await turns();
    await clock.advance(HANDSHAKE_TIMEOUT_MS + 50);
    expect((await caller.failed()).code).toBe('ERR_HANDSHAKE_TIMEOUT');
  });
});
