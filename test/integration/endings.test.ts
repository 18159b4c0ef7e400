import dns from 'node:dns';
import { TLSSocket } from 'node:tls';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { timers } from '../../src/base/timers.ts';
import {
  callWorker,
  type EndCause,
  type EndPhase,
  type ErrorCode,
  type ErrorEvent,
  killWorker,
  setGlobalLimits,
  type TerminateEvent,
  WebSocket,
  type WebSocketConnection,
  type WebSocketOptions,
  WebSocketServer,
  type WebSocketServerOptions,
  WebServer,
} from '../../src/index.ts';
import { startAnsweringServer, switchingProtocols } from '../helpers/answering-server.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import type { TestClock } from '../../src/testing.ts';
import {
  type RecordedCallbacks,
  type RecordedServerCallbacks,
  recordingHandler,
  type RecordingHandler,
  recordingServerHandler,
  type RecordingServerHandler,
} from '../../src/testing.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { frame } from '../helpers/frames.ts';
import { type Host, startHost } from '../helpers/hosts.ts';
import { expectNoOpenSockets } from '../helpers/leftovers.ts';
import { startLibraryServer } from '../helpers/library-server.ts';
import { startHttpProxy } from '../helpers/proxies.ts';
import { closePayload, RawClient } from '../helpers/raw-client.ts';
import { findClosedPort, startRawServer } from '../helpers/raw-server.ts';
import { turns } from '../helpers/turns.ts';
import { runInWorker, workerName } from '../helpers/workers.ts';

/** The end of a connection as its user sees it. */
interface SeenEnd {
  readonly cause: EndCause;
  readonly phase: EndPhase;
  readonly code: number;
  /** Code of the error in onError; undefined when onError must not run. */
  readonly error: ErrorCode | undefined;
  readonly message: string | RegExp;
}

type Row = readonly [name: string, expected: SeenEnd, end: () => Promise<RecordingHandler<unknown>>];

const seenCauses = new Set<EndCause>();
const seenPhases = new Set<EndPhase>();

async function expectEnd(handler: RecordingHandler<unknown>, expected: SeenEnd): Promise<TerminateEvent> {
  const ending = await handler.ended();
  const { cause, phase, code, error, message } = expected;
  expect(ending).toMatchObject({ cause, phase, code });
  if (typeof message === 'string') expect(ending.message).toBe(message);
  else expect(ending.message).toMatch(message);
  expect(handler.errors.map((each) => each.error.code)).toEqual(error === undefined ? [] : [error]);
  for (const each of handler.errors) {
    expect(each.error).toMatchObject({ endCause: cause, phase });
    expect(ending.message.startsWith(each.error.message)).toBe(true);
  }
  seenCauses.add(cause);
  seenPhases.add(phase);
  return ending;
}

/** Starts a client whose connection will never open. */
function attempt(
  url: string,
  options: WebSocketOptions = {},
  then?: (ws: WebSocket) => void,
): RecordingHandler<unknown> {
  const handler = recordingHandler();
  const ws = new WebSocket(url, handler, options);
  then?.(ws);
  return handler;
}

function failLookup(code: string): void {
  vi.spyOn(dns, 'lookup').mockImplementation(((host: string, _options: unknown, done: (error: Error) => void) => {
    process.nextTick(done, Object.assign(new Error(`getaddrinfo ${code} ${host}`), { code, syscall: 'getaddrinfo' }));
  }) as never);
  onTestFinished(() => void vi.restoreAllMocks());
}

async function silentServer(): Promise<string> {
  return `127.0.0.1:${await startAnsweringServer(() => {})}`;
}

const certificate = makeCertificate();

const NEVER_OPEN: readonly Row[] = [
  [
    'an invalid URL',
    { cause: 'invalid', phase: 'preparing', code: 1006, error: 'ERR_INVALID_URL', message: /^invalid URL/ },
    async () => attempt('http//nonsense'),
  ],
  [
    'an option out of range',
    { cause: 'invalid', phase: 'preparing', code: 1006, error: 'ERR_INVALID_OPTION', message: /maxMessageBytes/ },
    async () => attempt('ws://127.0.0.1:1/', { maxMessageBytes: -1 }),
  ],
  [
    'a host name that does not exist',
    {
      cause: 'connect',
      phase: 'resolving',
      code: 1006,
      error: 'ERR_CONNECT_FAILED',
      message:
        'cannot connect: getaddrinfo ENOTFOUND nobody.example (this host name does not exist: check its spelling)',
    },
    async () => {
      failLookup('ENOTFOUND');
      return attempt('ws://nobody.example/');
    },
  ],
  [
    'a DNS server that does not answer in time',
    {
      cause: 'timeout',
      phase: 'resolving',
      code: 1006,
      error: 'ERR_HANDSHAKE_TIMEOUT',
      message: 'handshake timed out after 3000 ms (handshakeTimeoutMs), waiting for the address of the host (DNS)',
    },
    async () => {
      const clock = useFakeClock();
      vi.spyOn(dns, 'lookup').mockImplementation(() => {});
      onTestFinished(() => void vi.restoreAllMocks());
      const handler = attempt('ws://slow.example/', { handshakeTimeoutMs: 3000 });
      await clock.advance(3100);
      return handler;
    },
  ],
  [
    'a port on which nobody listens',
    {
      cause: 'connect',
      phase: 'connecting',
      code: 1006,
      error: 'ERR_CONNECT_FAILED',
      message: /^cannot connect: connect ECONNREFUSED 127\.0\.0\.1:\d+ \(no server listens on this address: .*\)$/,
    },
    async () => attempt(`ws://127.0.0.1:${await findClosedPort()}/`),
  ],
  [
    'a proxy that does not listen',
    {
      cause: 'connect',
      phase: 'proxy',
      code: 1006,
      error: 'ERR_PROXY_FAILED',
      message:
        /^proxy failed: connect ECONNREFUSED 127\.0\.0\.1:\d+ \(no server listens on this address: is it running\?\)$/,
    },
    async () => attempt('ws://127.0.0.1:1/', { proxy: `http://127.0.0.1:${await findClosedPort()}` }),
  ],
  [
    'a proxy that refuses',
    {
      cause: 'refused',
      phase: 'proxy',
      code: 1006,
      error: 'ERR_PROXY_REFUSED',
      message:
        'proxy refused: HTTP 407 Proxy Authentication Required ' +
        '(the proxy demands credentials: put user and password into its URL)',
    },
    async () => {
      const { port } = await startHttpProxy({
        refusal: 'HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n',
      });
      return attempt('ws://127.0.0.1:1/', { proxy: `http://127.0.0.1:${port}` });
    },
  ],
  [
    'a proxy that is silent',
    {
      cause: 'timeout',
      phase: 'proxy',
      code: 1006,
      error: 'ERR_HANDSHAKE_TIMEOUT',
      message: 'handshake timed out after 10000 ms (handshakeTimeoutMs), waiting for the proxy',
    },
    async () => {
      const clock = useFakeClock();
      const handler = attempt('ws://127.0.0.1:1/', { proxy: `http://${await silentServer()}` });
      await clock.advance(10_100);
      return handler;
    },
  ],
  [
    'an untrusted certificate',
    {
      cause: 'connect',
      phase: 'tls',
      code: 1006,
      error: 'ERR_CONNECT_FAILED',
      message: /^cannot connect: self-signed certificate.* \(the certificate has no trusted issuer: .* tls\.ca\)$/,
    },
    async () => attempt(`wss://127.0.0.1:${await startAnsweringServer(() => {}, { tls: certificate })}/`),
  ],
  [
    'a server that does not speak TLS',
    {
      cause: 'connect',
      phase: 'tls',
      code: 1006,
      error: 'ERR_CONNECT_FAILED',
      message: /^cannot connect: .* \(this port does not speak TLS: did you mean ws:\/\/ instead of wss:\/\/\?\)$/,
    },
    async () => {
      const server = await startRawServer();
      void server.connections.next().then(({ socket }) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
      return attempt(server.url.replace('ws:', 'wss:'));
    },
  ],
  [
    'a server that speaks a newer TLS only',
    {
      cause: 'connect',
      phase: 'tls',
      code: 1006,
      error: 'ERR_CONNECT_FAILED',
      message: /^cannot connect: .* \(the server rejected the TLS handshake: check TLS versions, ciphers and .*\)$/,
    },
    async () => {
      const port = await startAnsweringServer(() => {}, { tls: { ...certificate, minVersion: 'TLSv1.3' } });
      return attempt(`wss://127.0.0.1:${port}/`, { tls: { maxVersion: 'TLSv1.2' } });
    },
  ],
  [
    'a server that closes the connection instead of answering',
    {
      cause: 'connect',
      phase: 'handshake',
      code: 1006,
      error: 'ERR_CONNECT_FAILED',
      message:
        'cannot connect: socket hang up (the server closed the connection before it answered: ' +
        'did you mean wss:// instead of ws://?)',
    },
    async () => attempt(`ws://127.0.0.1:${await startAnsweringServer((socket) => socket.end())}/`),
  ],
  [
    'a server that does not answer in time, over TLS',
    {
      cause: 'timeout',
      phase: 'handshake',
      code: 1006,
      error: 'ERR_HANDSHAKE_TIMEOUT',
      message: 'handshake timed out after 10000 ms (handshakeTimeoutMs), waiting for the HTTP answer of the server',
    },
    async () => {
      const clock = useFakeClock();
      const requested = createDeferred();
      const port = await startAnsweringServer(() => requested.resolve(), { tls: certificate });
      const handler = attempt(`wss://127.0.0.1:${port}/`, { tls: { ca: certificate.cert } });
      await requested.promise;
      await clock.advance(10_100);
      return handler;
    },
  ],
  [
    'a server that refuses',
    {
      cause: 'refused',
      phase: 'handshake',
      code: 1006,
      error: 'ERR_HANDSHAKE_REFUSED',
      message: 'handshake refused: HTTP 404 Not Found (no WebSocket server has this path)',
    },
    async () => {
      const port = await startAnsweringServer((socket) => {
        socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
      });
      return attempt(`ws://127.0.0.1:${port}/`);
    },
  ],
  [
    'a 101 with a wrong Sec-WebSocket-Accept',
    {
      cause: 'protocol',
      phase: 'handshake',
      code: 1006,
      error: 'ERR_HANDSHAKE_INVALID',
      message: 'invalid handshake answer: Sec-WebSocket-Accept does not match the Sec-WebSocket-Key that was sent',
    },
    async () => {
      const port = await startAnsweringServer((socket) => void socket.write(switchingProtocols('nonsense')));
      return attempt(`ws://127.0.0.1:${port}/`);
    },
  ],
  [
    'an answer that is not HTTP',
    {
      cause: 'protocol',
      phase: 'handshake',
      code: 1006,
      error: 'ERR_HANDSHAKE_INVALID',
      message:
        /^invalid handshake answer: .* \(this port does not speak HTTP: did you mean wss:\/\/ instead of ws:\/\/\?\)$/,
    },
    async () => {
      const port = await startAnsweringServer((socket) => void socket.write('\x16\x03\x01\x02\x00', 'latin1'));
      return attempt(`ws://127.0.0.1:${port}/`);
    },
  ],
  [
    'terminate() while connecting',
    {
      cause: 'local',
      phase: 'connecting',
      code: 1006,
      error: undefined,
      message: 'this program gave up connecting: terminate() or destroy() was called',
    },
    async () => attempt(`ws://${await silentServer()}/`, {}, (ws) => ws.terminate()),
  ],
  [
    'an aborted signal while connecting',
    {
      cause: 'aborted',
      phase: 'handshake',
      code: 1006,
      error: 'ERR_ABORTED',
      message: 'gave up connecting: the option signal was aborted',
    },
    async () => {
      const server = await startRawServer();
      const controller = new AbortController();
      const handler = attempt(server.url, { signal: controller.signal });
      await server.accept();
      controller.abort();
      return handler;
    },
  ],
  [
    'the end of its worker while connecting',
    {
      cause: 'worker',
      phase: 'handshake',
      code: 1006,
      error: undefined,
      message: 'this program gave up connecting: the worker that owns the connection was killed',
    },
    async () => {
      const server = await startRawServer();
      const name = workerName();
      const handler = recordingHandler();
      callWorker(name, () => void new WebSocket(server.url, handler));
      await server.accept();
      killWorker(name);
      return handler;
    },
  ],
];

describe('a connection that never opened, because of', () => {
  test.each(NEVER_OPEN)('%s', async (_, expected, end) => {
    const ending = await expectEnd(await end(), expected);
    expect(ending).toMatchObject({ reason: undefined, wasClean: false, bytesReceived: 0, bytesSent: 0, openMs: 0 });
  });

  test('a failed attempt makes new() reject with the same cause and phase', async () => {
    const attempted = WebSocket.new(`ws://127.0.0.1:${await findClosedPort()}/`, recordingHandler());
    await expect(attempted).rejects.toMatchObject({ endCause: 'connect', phase: 'connecting' });
  });
});

/** An open connection whose peer is under control of the test. */
interface Open {
  readonly handler: RecordingHandler<unknown>;
  readonly ws: WebSocket<never> | WebSocketConnection<never>;
  readonly clock: TestClock;
  readonly send: (first: string, payload?: string | Uint8Array) => void;
  readonly socket: RawClient['socket'];
  readonly server?: RecordingServerHandler<unknown>;
  readonly wss?: WebSocketServer<unknown>;
  readonly web?: WebServer | undefined;
}

interface OpenOptions extends Omit<WebSocketServerOptions, 'webServer' | 'dataType'> {
  /** By default a fake clock of this connection alone. */
  readonly clock?: TestClock;
  /** By default plain TCP. */
  readonly transport?: keyof typeof startHost;
  readonly additions?: RecordedCallbacks<unknown>;
  readonly serverAdditions?: RecordedServerCallbacks<unknown>;
  readonly worker?: string;
  readonly signal?: AbortSignal;
}

async function openServerSide(options: OpenOptions = {}): Promise<Open> {
  const { additions = {}, serverAdditions, worker, transport = 'TCP', clock = useFakeClock(), ...limits } = options;
  const handler = recordingHandler(additions);
  const server = recordingServerHandler({ onConnection: () => handler, ...serverAdditions });
  const host: Host = await startHost[transport]();
  const create = (): WebSocketServer<unknown> =>
    WebSocketServer.new(server, { ...limits, dataType: additions.dataType as 'object', webServer: host.webServer })!;
  const wss = worker === undefined ? create() : await runInWorker(worker, create);
  const client = new RawClient(await host.connect());
  client.requestHandshake();
  await client.answered;
  return {
    handler,
    ws: await handler.opened(),
    clock,
    socket: client.socket,
    server,
    wss,
    web: host.webServer instanceof WebServer ? host.webServer : undefined,
    send: (first, payload) => void client.socket.write(frame('client', first, payload)),
  };
}

async function openClientSide(options: OpenOptions = {}): Promise<Open> {
  const { additions, worker, clock = useFakeClock(), ...others } = options;
  const {
    origins: _origins,
    trustedProxies: _proxies,
    transport: _transport,
    serverAdditions: _,
    topics: _topics,
    ...limits
  } = others;
  const handler = recordingHandler(additions);
  const server = await startRawServer();
  const create = (): void => void new WebSocket(server.url, handler as never, limits);
  if (worker === undefined) create();
  else callWorker(worker, create);
  const { socket } = await server.open();
  return {
    handler,
    ws: await handler.opened(),
    clock,
    socket,
    send: (first, payload) => void socket.write(frame('server', first, payload)),
  };
}

/** One way to end an open connection, and the end as its user sees it. */
type OpenRow = readonly [
  name: string,
  expected: Omit<SeenEnd, 'phase'> & { phase?: EndPhase },
  options: OpenOptions,
  end: (open: Open) => unknown,
];

/** Sends a close frame, and ends TCP. */
function closeInOrder({ send, socket }: Open, code: number): void {
  send('88', closePayload(code));
  socket.end();
}

const failing = (where: 'onOpen' | 'onMessage'): RecordedCallbacks<unknown> => ({
  [where]() {
    throw new Error('broken');
  },
});

/** Ends that look alike on both sides. */
const OPEN: readonly OpenRow[] = [
  [
    'the peer’s close frame',
    {
      cause: 'peer-closed',
      code: 1001,
      error: undefined,
      message: 'the peer closed the connection with code 1001 (going away)',
    },
    {},
    (open) => closeInOrder(open, 1001),
  ],
  [
    'the end of TCP',
    {
      cause: 'peer-ended',
      code: 1006,
      error: 'ERR_CONNECTION_LOST',
      message: 'connection lost: the peer ended TCP without a close frame',
    },
    {},
    ({ socket }) => socket.end(),
  ],
  [
    'a reset',
    {
      cause: 'peer-reset',
      code: 1006,
      error: 'ERR_CONNECTION_LOST',
      message: 'connection lost: TCP was reset or failed (read ECONNRESET)',
    },
    {},
    ({ socket }) => socket.resetAndDestroy(),
  ],
  [
    'silence',
    {
      cause: 'heartbeat',
      code: 1006,
      error: 'ERR_HEARTBEAT',
      message: /^the peer is gone: no bytes for \d+ ms, no answer to a ping within 500 ms \(pongTimeoutMs\)$/,
    },
    { pingIntervalMs: 1000, pongTimeoutMs: 500 },
    async ({ clock }) => {
      await clock.advance(1100);
      await clock.advance(600);
    },
  ],
  [
    'a broken rule of the protocol',
    {
      cause: 'protocol',
      code: 1002,
      error: 'ERR_RESERVED_OPCODE',
      message: 'invalid frame: opcode 3 is reserved',
    },
    {},
    ({ send }) => send('83'),
  ],
  [
    'text that is not UTF-8',
    {
      cause: 'protocol',
      code: 1007,
      error: 'ERR_INVALID_UTF8',
      message: 'invalid text message: not valid UTF-8',
    },
    {},
    ({ send }) => send('81', 'ff'),
  ],
  [
    'a message that is not JSON',
    {
      cause: 'protocol',
      code: 1007,
      error: 'ERR_INVALID_JSON',
      message: 'invalid message: not valid JSON (dataType "object")',
    },
    { additions: { dataType: 'object' } },
    ({ send }) => send('81', Buffer.from('{secret')),
  ],
  [
    'maxMessageBytes',
    {
      cause: 'limit',
      code: 1009,
      error: 'ERR_MESSAGE_TOO_BIG',
      message: 'message too big: 11 bytes (maxMessageBytes 10)',
    },
    { maxMessageBytes: 10 },
    ({ send }) => send('81', '61'.repeat(11)),
  ],
  [
    'maxFragments',
    {
      cause: 'limit',
      code: 1008,
      error: 'ERR_TOO_MANY_FRAGMENTS',
      message: 'too many fragments in one message: 3 (maxFragments 2)',
    },
    { maxFragments: 2 },
    ({ send }) => ['01', '00', '00'].forEach((first) => send(first)),
  ],
  [
    'incompleteMessageTimeoutMs',
    {
      cause: 'limit',
      code: 1008,
      error: 'ERR_INCOMPLETE_MESSAGE',
      message:
        'the peer did not finish a message within 2000 ms (incompleteMessageTimeoutMs), nor send 16384 more bytes of it',
    },
    { incompleteMessageTimeoutMs: 2000 },
    async ({ send, clock }) => {
      send('01', '61');
      await turns(50);
      await clock.advance(2100);
    },
  ],
  [
    'maxIncompleteBytes',
    {
      cause: 'limit',
      code: 1013,
      error: 'ERR_INCOMPLETE_BUDGET',
      message: /^too many bytes in unfinished messages: \d+ in this process \(maxIncompleteBytes 1000\)$/,
    },
    {},
    ({ send }) => {
      setGlobalLimits({ maxIncompleteBytes: 1000 });
      onTestFinished(() => setGlobalLimits({}));
      send('01', '61'.repeat(2000));
    },
  ],
  [
    'maxControlFramesPerSecond',
    {
      cause: 'limit',
      code: 1008,
      error: 'ERR_TOO_MANY_CONTROL_FRAMES',
      message: 'too many pings and pongs: 3 within a second (maxControlFramesPerSecond 2)',
    },
    { maxControlFramesPerSecond: 2 },
    ({ send }) => ['89', '8a', '89'].forEach((first) => send(first)),
  ],
  [
    'maxMessagesPerSecond',
    {
      cause: 'limit',
      code: 1008,
      error: 'ERR_RATE_LIMIT',
      message: 'too many messages: 2 within a second (maxMessagesPerSecond 1)',
    },
    { maxMessagesPerSecond: 1 },
    ({ send }) => ['81', '81'].forEach((first) => send(first)),
  ],
  [
    'maxBytesPerSecond',
    {
      cause: 'limit',
      code: 1008,
      error: 'ERR_RATE_LIMIT',
      message: /^too many bytes: \d+ within a second \(maxBytesPerSecond 100\)$/,
    },
    { maxBytesPerSecond: 100 },
    ({ send }) => send('81', '61'.repeat(200)),
  ],
  [
    'maxBufferedBytes',
    {
      cause: 'limit',
      code: 1013,
      error: 'ERR_BUFFER_FULL',
      message: /^the peer reads too slowly: \d+ bytes wait to be sent \(maxBufferedBytes 100000\); await drained/,
    },
    { maxBufferedBytes: 100_000, closeTimeoutMs: 100 },
    async ({ ws, socket, clock }) => {
      socket.pause();
      for (let i = 0; i < 2000 && ws.send('x'.repeat(100_000)) !== 'dropped'; i++) await turns(1);
      await clock.advance(200);
    },
  ],
  [
    'maxBufferedBytes of setGlobalLimits',
    {
      cause: 'limit',
      code: 1013,
      error: 'ERR_BUFFER_BUDGET',
      message: /^too many bytes wait to be sent: \d+ in this process \(setGlobalLimits: maxBufferedBytes 100000\)/,
    },
    {},
    async ({ ws, socket }) => {
      setGlobalLimits({ maxBufferedBytes: 100_000 });
      onTestFinished(() => setGlobalLimits({}));
      socket.pause();
      for (let i = 0; i < 2000 && ws.send('x'.repeat(100_000)) !== 'dropped'; i++) await turns(1);
    },
  ],
  [
    'a failing onMessage',
    { cause: 'callback', code: 1011, error: 'ERR_CALLBACK_FAILED', message: 'onMessage failed: broken' },
    { additions: failing('onMessage') },
    ({ send }) => send('81', '61'),
  ],
  [
    'a failing onOpen',
    { cause: 'callback', code: 1011, error: 'ERR_CALLBACK_FAILED', message: 'onOpen failed: broken' },
    { additions: failing('onOpen') },
    () => {},
  ],
  [
    'terminate()',
    {
      cause: 'local',
      code: 1000,
      error: undefined,
      message: 'this program closed the connection: terminate() was called',
    },
    {},
    (open) => {
      open.ws.terminate();
      closeInOrder(open, 1000);
    },
  ],
  [
    'a peer that does not answer a close frame',
    {
      cause: 'timeout',
      phase: 'closing',
      code: 1006,
      error: 'ERR_CLOSE_TIMEOUT',
      message: 'connection lost: the peer did not answer the close frame within 300 ms',
    },
    { closeTimeoutMs: 300 },
    async ({ ws, clock }) => {
      ws.terminate();
      await clock.advance(400);
    },
  ],
  [
    'a peer that ends TCP instead of answering a close frame',
    {
      cause: 'peer-ended',
      phase: 'closing',
      code: 1006,
      error: 'ERR_CONNECTION_LOST',
      message: 'connection lost: the peer ended TCP without an answer to the close frame',
    },
    {},
    ({ ws, socket }) => {
      ws.terminate();
      socket.end();
    },
  ],
  [
    'a peer that resets TCP instead of answering a close frame',
    {
      cause: 'peer-reset',
      phase: 'closing',
      code: 1006,
      error: 'ERR_CONNECTION_LOST',
      message: /^connection lost: TCP was reset or failed \(/,
    },
    {},
    async ({ ws, socket }) => {
      ws.terminate();
      await turns();
      socket.resetAndDestroy();
    },
  ],
  [
    'a peer that sends nonsense instead of answering a close frame',
    {
      cause: 'protocol',
      phase: 'closing',
      code: 1002,
      error: 'ERR_RESERVED_OPCODE',
      message: 'invalid frame: opcode 3 is reserved',
    },
    {},
    ({ ws, send }) => {
      ws.terminate();
      send('83');
    },
  ],
  [
    'the end of its worker',
    {
      cause: 'worker',
      code: 1001,
      error: undefined,
      message: 'this program closed the connection: the worker that owns the connection was killed',
    },
    { worker: 'Endings' },
    (open) => {
      killWorker('Endings');
      closeInOrder(open, 1001);
    },
  ],
];

const SIDES = [
  ['client', openClientSide],
  ['server', openServerSide],
] as const;

describe.each(SIDES)('an open connection (%s), because of', (side, openSide) => {
  test.each(OPEN)('%s', async (_, { phase = 'open', ...expected }, options, end) => {
    // The handler has onError, so no error may reach the global error handler.
    const globalErrors = recordErrors('global');
    const open = await openSide(options);
    open.socket.resume();
    await end(open);
    // The peer ends TCP, if the end of the connection has not done so.
    await turns(50);
    if (!open.socket.destroyed) open.socket.resume().end();
    await turns(50);
    await open.clock.advance(11_000);
    const ending = await expectEnd(open.handler, { phase, ...expected });
    expect(globalErrors).toEqual([]);
    expect(ending.openMs).toBeGreaterThanOrEqual(0);
    expect(ending.message).not.toContain('secret');
    expect(side).toBe(open.wss === undefined ? 'client' : 'server');
  });
});

const ONE_SIDE: readonly (readonly [...OpenRow, openSide: (options?: OpenOptions) => Promise<Open>])[] = [
  [
    'wss.terminate()',
    {
      cause: 'shutdown',
      code: 1000,
      error: undefined,
      message: 'this program closed the connection: the server was terminated',
    },
    {},
    (open) => {
      open.wss!.terminate();
      closeInOrder(open, 1000);
    },
    openServerSide,
  ],
  [
    'wss.terminate(0)',
    {
      cause: 'shutdown',
      code: 1006,
      error: undefined,
      message: 'this program dropped the connection without a close frame: the server was terminated',
    },
    {},
    ({ wss }) => wss!.terminate(0),
    openServerSide,
  ],
  [
    'web.stop()',
    {
      cause: 'shutdown',
      code: 1001,
      error: undefined,
      message: 'this program closed the connection: the server was terminated',
    },
    {},
    (open) => {
      void open.web!.stop();
      closeInOrder(open, 1001);
    },
    openServerSide,
  ],
  [
    'wss.drain()',
    {
      cause: 'drain',
      code: 1012,
      error: undefined,
      message: 'this program closed the connection: the server was drained',
    },
    {},
    (open) => {
      void open.wss!.drain({ code: 1012 });
      closeInOrder(open, 1012);
    },
    openServerSide,
  ],
  [
    'the deadline of wss.drain()',
    {
      cause: 'shutdown',
      phase: 'closing',
      code: 1006,
      error: undefined,
      message:
        'this program dropped the connection before the peer answered the close frame: the server was terminated',
    },
    {},
    async ({ wss, clock }) => {
      void wss!.drain({ deadlineMs: 400 });
      await clock.advance(500);
    },
    openServerSide,
  ],
  [
    'expiresAt',
    {
      cause: 'expired',
      code: 3000,
      error: undefined,
      message: 'this program closed the connection: expiresAt was reached',
    },
    {},
    async (open) => {
      (open.ws as WebSocketConnection<never>).expiresAt = Date.now() - 1;
      await open.clock.advance(100);
      closeInOrder(open, 3000);
    },
    openServerSide,
  ],
];

describe('an open connection, because of', () => {
  test.each(ONE_SIDE)('%s', async (_, { phase = 'open', ...expected }, options, end, openSide) => {
    const open = await openSide(options);
    open.socket.resume();
    await end(open);
    await expectEnd(open.handler, { phase, ...expected });
  });

  test('an aborted signal', async () => {
    const controller = new AbortController();
    const open = await openClientSide({ signal: controller.signal });
    controller.abort();
    await turns();
    closeInOrder(open, 1000);
    await expectEnd(open.handler, {
      cause: 'aborted',
      phase: 'open',
      code: 1000,
      error: undefined,
      message: 'this program closed the connection: the option signal was aborted',
    });
  });
});

describe('a client that reconnects', () => {
  const reconnect = { minDelayMs: 1, maxDelayMs: 1, maxAttempts: 2 };

  /** Starts a client that loses its connection after one message, and whose further attempts get this refusal. */
  async function lose(refusal: string, options: WebSocketOptions = {}) {
    const clock = useFakeClock();
    let isFirst = true;
    const handler = recordingHandler();
    const port = await startAnsweringServer((socket, { accept }) => {
      if (isFirst) {
        socket.write(switchingProtocols(accept));
        socket.write(frame('server', '81', '616263'));
        void handler.nextEvent('message').then(() => socket.end());
      } else socket.end(`HTTP/1.1 ${refusal}\r\nContent-Length: 0\r\n\r\n`);
      isFirst = false;
    });
    void new WebSocket(`ws://127.0.0.1:${port}/`, handler, { reconnect, ...options });
    await handler.nextMessage();
    for (let i = 0; i < 100 && !handler.callbacks.includes('onTerminate'); i++) await clock.advance(60);
    return handler;
  }

  test('gives up after maxAttempts with the last refusal, and adds up the figures of all connections', async () => {
    const handler = await lose('503 Service Unavailable');
    const ending = await expectEnd(handler, {
      cause: 'refused',
      phase: 'handshake',
      code: 1006,
      error: 'ERR_HANDSHAKE_REFUSED',
      message:
        'handshake refused: HTTP 503 Service Unavailable ' +
        '(the server is overloaded or shutting down: try again later); ' +
        'gave up reconnecting after 2 attempts (reconnect.maxAttempts 2)',
    });
    expect(ending).toMatchObject({ bytesReceived: 5, reconnectAttempts: 2, unsentMessages: [] });
  });

  test('gives up after a refusal that is not temporary', async () => {
    const handler = await lose('401 Unauthorized');
    expect(await handler.ended()).toMatchObject({
      cause: 'refused',
      phase: 'handshake',
      reconnectAttempts: 1,
      message: expect.stringMatching(
        /; not reconnecting: this end is not temporary \(reconnect\.shouldReconnect can decide otherwise\)$/,
      ) as string,
    });
  });
});

test('an upgrade that fails runs onError of the server with the phase handshake', async () => {
  const errors: ErrorEvent[] = [];
  const { web } = await startLibraryServer({
    onConnection() {
      throw new Error('no database');
    },
    onError: (_, event) => void errors.push(event),
  });
  expect((await (await RawClient.request(web.HTTPPort)).answered).status).toBe(500);
  expect(errors[0]!.error).toMatchObject({
    code: 'ERR_CALLBACK_FAILED',
    endCause: 'callback',
    phase: 'handshake',
    message: 'onConnection failed: no database',
  });
});

/** A state that the stream of a connection can be in when the connection is ended. */
interface StreamState {
  readonly name: string;
  /** Brings the state about. The connection is ended in the turn in which the promise resolves. */
  readonly bring: (open: Open, moment: Promise<void>) => unknown;
  /** Whether the library must read for that, which it does only when onOpen is over. */
  readonly needsReading?: boolean;
}

/** Sends a message, and a close frame in the same segment. `moment` resolves within the onMessage of the message. */
async function closeBehindMessage({ socket, wss }: Open, moment: Promise<void>, turnCount: number): Promise<void> {
  const sender = wss === undefined ? 'server' : 'client';
  socket.write(Buffer.concat([frame(sender, '81', '6e6f77'), frame(sender, '88', closePayload(1000))]));
  await moment;
  await new Promise((resolve) => process.nextTick(resolve));
  await turns(turnCount);
}

const STREAM_STATES: readonly StreamState[] = [
  { name: 'is idle', bring: () => {} },
  {
    name: 'has bytes that the peer does not take',
    bring: async ({ ws, socket }) => {
      socket.pause();
      for (let i = 0; i < 200 && ws.send('x'.repeat(100_000)) === 'sent'; i++) await turns(1);
    },
  },
  {
    name: 'has sent a close frame',
    bring: async ({ ws }) => {
      ws.terminate();
      await turns(5);
    },
  },
  ...[0, 1, 2].map((turnCount) => ({
    name: `has sent the answer to a close frame ${turnCount} turns ago`,
    bring: (open: Open, moment: Promise<void>) => closeBehindMessage(open, moment, turnCount),
    needsReading: true,
  })),
  {
    name: 'has exchanged close frames, with a peer that does not end TCP',
    bring: async ({ send }) => {
      send('88', closePayload(1000));
      await turns();
    },
  },
  ...[1, 3].map((turnCount) => ({
    name: `was ended by the peer ${turnCount} turns ago`,
    bring: async ({ socket }: Open) => {
      socket.end();
      await turns(turnCount);
    },
  })),
  ...[1, 3].map((turnCount) => ({
    name: `was reset by the peer ${turnCount} turns ago`,
    bring: async ({ socket }: Open) => {
      if (socket instanceof TLSSocket || socket.remotePort === undefined) socket.destroy();
      else socket.resetAndDestroy();
      await turns(turnCount);
    },
  })),
  { name: 'was destroyed in this turn', bring: ({ ws }) => ws.destroy() },
  {
    name: 'has failed',
    bring: async ({ send }) => {
      send('83');
      await turns(3);
    },
  },
  {
    name: 'is not read, because messages wait',
    bring: async ({ send }) => {
      for (let i = 0; i < 20; i++) send('81', '61');
      await turns(3);
    },
  },
];

/** A callback that never settles, until the test opens the gate. `worker`: a message of the worker of the server. */
type Hanging = 'nothing' | 'onOpen' | 'onMessage' | 'onError' | 'onTerminate' | 'server' | 'worker';

const HANGING: readonly Hanging[] = ['nothing', 'onOpen', 'onMessage', 'onError', 'onTerminate', 'server', 'worker'];

/** A way to end a connection or its server, and the time until it must be over. */
interface WayToEnd {
  readonly name: string;
  readonly ms: number;
  /** Whether the server ends too. */
  readonly endsServer: boolean;
  readonly end: (open: Open, worker: string) => unknown;
}

const CLOSE_TIMEOUT_MS = 300;

const WAYS_TO_END: readonly WayToEnd[] = [
  { name: 'terminate()', ms: CLOSE_TIMEOUT_MS, endsServer: false, end: ({ ws }) => ws.terminate() },
  { name: 'destroy()', ms: 0, endsServer: false, end: ({ ws }) => ws.destroy() },
  { name: 'wss.terminate(1)', ms: 1000, endsServer: true, end: ({ wss }) => wss!.terminate(1) },
  { name: 'wss.terminate(0)', ms: 0, endsServer: true, end: ({ wss }) => wss!.terminate(0) },
  { name: 'wss.drain()', ms: 500, endsServer: true, end: ({ wss }) => wss!.drain({ deadlineMs: 500 }) },
  { name: 'web.stop()', ms: 5000, endsServer: true, end: ({ web }) => web?.stop() },
  { name: 'killWorker()', ms: 2000, endsServer: true, end: (_, worker) => killWorker(worker) },
];

interface Trial {
  readonly openSide: (options: OpenOptions) => Promise<Open>;
  readonly transport: keyof typeof startHost;
  readonly state: StreamState;
  readonly way: WayToEnd;
  readonly hanging: Hanging;
}

/** Ends a connection, and checks that everything is over in time, and each onTerminate runs once. */
async function tryToEnd(clock: TestClock, { openSide, transport, state, way, hanging }: Trial): Promise<void> {
  const gate = createDeferred();
  const moment = createDeferred();
  const hangIf = (name: Hanging): Promise<void> | undefined => (name === hanging ? gate.promise : undefined);
  const worker = hanging === 'worker' || way.name === 'killWorker()' ? workerName() : undefined;
  const open = await openSide({
    clock,
    transport,
    closeTimeoutMs: CLOSE_TIMEOUT_MS,
    ...(worker !== undefined && { worker }),
    additions: {
      onOpen: () => hangIf('onOpen'),
      onMessage: () => {
        moment.resolve();
        return hangIf('onMessage');
      },
      onError: () => hangIf('onError'),
      onTerminate: () => hangIf('onTerminate'),
    },
    serverAdditions: { onTerminate: () => hangIf('server') },
  });
  const { handler, server, wss, send, socket } = open;
  open.socket.on('error', () => {});
  if (hanging === 'onMessage' && state.needsReading !== true) {
    send('81', '61');
    await moment.promise;
  }
  await state.bring(open, moment.promise);
  // A worker that is busy runs no callback, also none that the state needs.
  if (hanging === 'worker') callWorker(worker!, () => gate.promise);
  let isOver = false;
  const end = async (): Promise<void> => {
    await way.end(open, worker ?? '');
    isOver = true;
  };
  void end();
  await clock.advance(way.ms);
  for (let i = 0; i < 5; i++) await clock.advance(50);
  const what = `${hanging} hangs`;
  expect(isOver, what).toBe(true);
  if (way.endsServer && wss !== undefined) expect(wss.terminated, what).toBe(true);
  gate.resolve();
  await turns();
  if (hanging === 'onError' || hanging === 'onMessage') await clock.advance(CLOSE_TIMEOUT_MS + 50);
  expect(
    handler.callbacks.filter((name) => name === 'onTerminate'),
    what,
  ).toHaveLength(1);
  expect(handler.callbacks.filter((name) => name === 'onError').length, what).toBeLessThanOrEqual(1);
  expect([handler.callbacks[0], handler.callbacks.at(-1), open.ws.status], what).toEqual([
    'onOpen',
    'onTerminate',
    'Closed',
  ]);
  if (way.endsServer && server !== undefined) {
    expect([server.callbacks.filter((name) => name === 'onTerminate').length, server.callbacks.at(-1)]).toEqual([
      1,
      'onTerminate',
    ]);
  } else wss?.terminate(0);
  socket.destroy();
  await turns();
  await open.web?.stop();
  expect(timers.pendingTicks, what).toBe(0);
}

describe.each(['TCP', 'TLS', 'Unix'] as const)('a connection over %s whose stream', (transport) => {
  describe.each(STREAM_STATES)('$name', (state) => {
    // A WebServer listens on no Unix socket.
    const ways = WAYS_TO_END.filter(({ name }) => transport !== 'Unix' || name !== 'web.stop()');
    test.each(ways)('is over in time after $name, whatever callbacks do', async (way) => {
      const clock = useFakeClock();
      // The kinds of sockets differ in what the system does, not in what callbacks do.
      const all = transport === 'TCP' ? HANGING : (['nothing', 'onMessage'] as const);
      for (const hanging of all) {
        if (state.needsReading === true && hanging === 'onOpen') continue;
        await tryToEnd(clock, { openSide: openServerSide, transport, state, way, hanging });
      }
      expect(timers.pendingTicks).toBe(0);
    });
  });
});

describe.each(STREAM_STATES)('a client whose stream $name', (state) => {
  test.each(WAYS_TO_END.filter(({ name }) => !/^w[se]/.test(name)))(
    'is over in time after $name, whatever callbacks do',
    async (way) => {
      const clock = useFakeClock();
      for (const hanging of HANGING) {
        if (hanging === 'server' || (state.needsReading === true && hanging === 'onOpen')) continue;
        await tryToEnd(clock, { openSide: openClientSide, transport: 'TCP', state, way, hanging });
      }
      expect(timers.pendingTicks).toBe(0);
    },
  );
});

afterAll(() => expectNoOpenSockets());

const CAUSES = {
  local: true,
  aborted: true,
  shutdown: true,
  drain: true,
  worker: true,
  expired: true,
  callback: true,
  'peer-closed': true,
  'peer-ended': true,
  'peer-reset': true,
  timeout: true,
  heartbeat: true,
  protocol: true,
  limit: true,
  connect: true,
  refused: true,
  invalid: true,
} satisfies Record<EndCause, true>;

const PHASES = {
  preparing: true,
  resolving: true,
  connecting: true,
  proxy: true,
  tls: true,
  handshake: true,
  open: true,
  closing: true,
} satisfies Record<EndPhase, true>;

test('every cause and every phase is covered by the tests above', () => {
  expect([...seenCauses].toSorted()).toEqual(Object.keys(CAUSES).toSorted());
  expect([...seenPhases].toSorted()).toEqual(Object.keys(PHASES).toSorted());
});
