import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { inspect } from 'node:util';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  clientMetrics,
  type ConnectionHandler,
  metricsText,
  type ServerHandler,
  WebSocket,
  WebSocketServer,
} from '../../src/index.ts';
import { clientChannel, connectionChannel, messageChannel, serverChannel } from '../../src/diagnostics/channels.ts';
import { refuseUpgrade } from '../../src/http/upgrade-refusal.ts';
import { recordingHandler, type RecordingHandler } from '../../src/testing.ts';
import { startAnsweringServer, switchingProtocols } from '../helpers/answering-server.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { handshakeRequest } from '../helpers/handshake-request.ts';
import { startLibraryServer, startServerOf, startUnixServer, startWebServer } from '../helpers/library-server.ts';
import { startExample } from '../helpers/program.ts';
import { parsePrometheusText } from '../helpers/prometheus.ts';
import { findClosedPort } from '../helpers/raw-server.ts';
import { watchChannels } from '../helpers/seen.ts';
import { turns } from '../helpers/turns.ts';

const ALL = ['client', 'server', 'connection', 'message'] as const;
const echo: ConnectionHandler<never> = { onMessage: (ws, { data }) => void ws.send(data) };

/** A client that has sent `texts` to an echo server, got them back, and has ended with its connection. */
async function echoOnce(url: string, ...texts: readonly string[]): Promise<RecordingHandler<unknown>> {
  const handler = recordingHandler();
  const ws = await WebSocket.new(url, handler);
  for (const text of texts) ws!.send(text);
  for (const text of texts) expect(await handler.nextMessage()).toBe(text);
  ws!.terminate();
  await handler.ended();
  return handler;
}

test('4D-220 channels tell the life of a client and of a connection, in order, without content and secrets', async () => {
  const seen = watchChannels(ALL);
  const { web, wss } = await startServerOf(echo, { path: '/chat/:room' });
  const ended = createDeferred();
  const handler = {
    headers: { Cookie: 'session=geheim', Authorization: 'Bearer geheim' },
    onOpen: (ws: WebSocket) => void ws.send('geheim é'),
    onMessage: (ws: WebSocket) => ws.terminate(3001, 'geheim'),
    onTerminate: () => ended.resolve(),
  };
  const url = `ws://geheim:geheim@127.0.0.1:${web.HTTPPort}/chat/1?token=geheim`;
  const ws = await WebSocket.new(url, handler, { protocols: ['chat'] });
  await ended.promise;
  await wss.drain();
  const { id } = ws!;
  const told = seen.all.filter(([, message]) => message.type !== 'handled');
  const ofClient = told.filter(([, message]) => 'id' in message && message.id === id);
  const figures = { cause: 'local', phase: 'open', code: 3001, wasClean: true, openMs: expect.any(Number) };
  const noError = { error: undefined, limit: undefined, observed: undefined };
  const bytes = { kind: 'text', bytes: 9 };
  expect(ofClient).toEqual([
    ['client', { type: 'connecting', id, url: `ws://127.0.0.1:${web.HTTPPort}/chat/1`, attempt: 0 }],
    ['connection', { type: 'opened', side: 'client', id, path: undefined, protocol: '', remoteAddress: undefined }],
    ['message', { type: 'sent', side: 'client', id, ...bytes, isQueued: false }],
    ['message', { type: 'received', side: 'client', id, ...bytes }],
    ['connection', { type: 'ended', side: 'client', id, ...figures, ...noError, bytesReceived: 15, bytesSent: 29 }],
    ['client', { type: 'ended', id, cause: 'local', phase: 'open' }],
  ]);
  const ofServer = told.filter(([, message]) => 'side' in message && message.side === 'server');
  expect(ofServer.map(([, { type }]) => type)).toEqual(['opened', 'received', 'sent', 'ended']);
  expect(ofServer[0]![1]).toMatchObject({ path: '/chat/:room', remoteAddress: '127.0.0.1' });
  expect(told.filter(([name]) => name === 'server').map(([, { type }]) => type)).toEqual(['opened', 'ended']);
  expect(JSON.stringify(seen.all)).not.toContain('geheim');
});

function countRefusedByLimit(): number {
  return Number(/unrouted_refused_total\{cause="limit"\} (\d+)/.exec(metricsText())?.[1] ?? 0);
}

test('4D-220 connections that a full web server turns away are told and counted, before they have sent a request', async () => {
  const before = countRefusedByLimit();
  const seen = watchChannels(['server']);
  const web = await startWebServer({ maxConnections: 1 });
  const sockets = [connect(web.HTTPPort, '127.0.0.1'), connect(web.HTTPPort, '127.0.0.1')];
  onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
  expect((await seen.next())[1]).toMatchObject({ type: 'refused', status: 503, cause: 'limit', requestPath: '' });
  expect(countRefusedByLimit()).toBe(before + 1);
});

test('4D-220 refused clients, failed attempts and attempts to come are told', async () => {
  const seen = watchChannels(['client', 'server']);
  const { url } = await startLibraryServer(() => null, { path: '/closed' });
  await expect(WebSocket.new(`${url}/closed?token=1`, {})).rejects.toThrow();
  await expect(WebSocket.new(`${url}/nowhere?token=1`, {})).rejects.toThrow();
  const lostHandler = recordingHandler();
  const reconnect = { maxAttempts: 1, minDelayMs: 1, maxDelayMs: 2 };
  const lost = new WebSocket(`ws://127.0.0.1:${await findClosedPort()}`, lostHandler, { reconnect });
  await lostHandler.ended();
  const told = seen.all.map(([, message]) => message);
  const common = { type: 'refused', remoteAddress: '127.0.0.1', origin: undefined, advice: expect.any(String) };
  expect(told.filter(({ type }) => type === 'refused')).toEqual([
    { ...common, path: '/closed', requestPath: '/closed', status: 403, cause: 'handler' },
    { ...common, path: undefined, requestPath: '/nowhere', status: 404, cause: 'path' },
  ]);
  const failed = told.filter((message) => message.type === 'failed');
  expect(failed.map(({ error, cause, phase, status }) => [error, cause, phase, status])).toEqual([
    ['ERR_HANDSHAKE_REFUSED', 'refused', 'handshake', 403],
    ['ERR_HANDSHAKE_REFUSED', 'refused', 'handshake', 404],
    ['ERR_CONNECT_FAILED', 'connect', 'connecting', undefined],
    ['ERR_CONNECT_FAILED', 'connect', 'connecting', undefined],
  ]);
  const ofLost = told.filter((message) => 'id' in message && message.id === lost.id);
  expect(ofLost.map(({ type }) => type)).toEqual([
    'connecting',
    'failed',
    'reconnecting',
    'connecting',
    'failed',
    'ended',
  ]);
});

test('4D-220 the address of a client that no server hears of is written as everywhere', () => {
  const seen = watchChannels(['server']);
  const socket = Object.assign(new PassThrough(), { remoteAddress: '::ffff:192.0.2.1' });
  const refusal = { status: 404, cause: 'path', reason: '', advice: '' } as const;
  refuseUpgrade({ method: 'GET', url: '/', headers: {}, httpVersion: '1.1' }, socket, refusal, undefined);
  expect(seen.all).toMatchObject([['server', { type: 'refused', remoteAddress: '192.0.2.1' }]]);
  socket.destroy();
});

test('4D-220 the end of a server is told last, also when its onOpen outlives it', async () => {
  const seen = watchChannels(['server']);
  const gate = createDeferred();
  const handler = { onConnection: () => null, onOpen: () => gate.promise, onTerminate: () => {} };
  const wss = WebSocketServer.new(handler, { webServer: null, path: '' })!;
  await turns();
  await wss.drain({ deadlineMs: 1 });
  gate.resolve();
  await turns();
  // The path '' stands for all paths, as undefined does.
  expect(seen.all).toEqual([['server', { type: 'ended', path: undefined }]]);
});

test('4D-216 4D-220 a token is not shown that a server has selected as the subprotocol', async () => {
  const seen = watchChannels(['connection']);
  const port = await startAnsweringServer((socket, { accept }) =>
    socket.write(switchingProtocols(accept, { 'Sec-WebSocket-Protocol': 'bearer.geheim' })),
  );
  const protocols = ['chat', 'bearer.geheim'];
  await using ws = await WebSocket.connect(`ws://127.0.0.1:${port}`, {}, { protocols, closeTimeoutMs: 1 });
  expect(ws.protocol).toBe('bearer.geheim');
  expect(seen.all[0]).toMatchObject(['connection', { type: 'opened', protocol: 'bearer.…' }]);
  expect(inspect(ws)).toContain("protocol: 'bearer.…'");
});

test('4D-220 a slow peer is told: blocked, what is dropped, the limit that ends the connection', async () => {
  const seen = watchChannels(['connection', 'message']);
  const over = createDeferred();
  const url = await startUnixServer<string>(
    () => ({
      async onOpen(ws) {
        ws.send('x'.repeat(4_000_000));
        await turns();
        while (ws.send('x'.repeat(10_000)) !== 'dropped');
        over.resolve();
      },
      onMessage() {},
    }),
    { maxBufferedBytes: 5_000_000 },
  );
  // A client that reads nothing.
  const socket = connect({ path: url.slice('ws+unix:'.length) });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  socket.write(handshakeRequest());
  await once(socket, 'connect');
  await over.promise;
  socket.destroy();
  const findEnd = () => seen.all.find(([, { type }]) => type === 'ended')?.[1];
  await vi.waitUntil(() => findEnd() !== undefined);
  const types = seen.all.map(([, { type }]) => type);
  expect(types.filter((type) => type === 'blocked')).toHaveLength(1);
  const dropped = seen.all.find(([, { type }]) => type === 'dropped')?.[1];
  expect(dropped).toMatchObject({ side: 'server', kind: 'text', bytes: 10_000 });
  const ended = findEnd();
  expect(ended).toMatchObject({ error: 'ERR_BUFFER_FULL', limit: 5_000_000, cause: 'limit', phase: 'open' });
  expect((ended as { observed: number }).observed).toBeGreaterThan(5_000_000);
});

test('4D-220 without a subscriber nothing is published', async () => {
  const channels = [clientChannel, serverChannel, connectionChannel, messageChannel];
  const spies = channels.map((channel) => vi.spyOn(channel, 'publish'));
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore();
  });
  const { url, wss } = await startServerOf(echo);
  await echoOnce(url, 'a', 'b');
  await wss.drain();
  expect(spies.flatMap(({ mock }) => mock.calls)).toEqual([]);
});

test('4D-220 subscribers run in the contexts in which client and server were created', async () => {
  const storage = new AsyncLocalStorage<string>();
  const contexts = new Map<string, Set<string | undefined>>();
  const seen = watchChannels(ALL, () => {
    const [, message] = seen.all.at(-1)!;
    const side = 'side' in message ? message.side : 'other';
    contexts.set(side, (contexts.get(side) ?? new Set()).add(storage.getStore()));
  });
  const { url, wss } = await storage.run('server', () => startServerOf(echo));
  await storage.run('client', () => echoOnce(url, 'a'));
  await wss.drain();
  expect(contexts.get('server')).toEqual(new Set(['server']));
  expect(contexts.get('client')).toEqual(new Set(['client']));
  expect(contexts.get('other')).toEqual(new Set(['server', 'client']));
});

test('4D-220 a refusal by no server shows the address as the others do, on a socket for IPv4 and IPv6', async () => {
  const seen = watchChannels(['server']);
  const wss = await WebSocketServer.serve({ onConnection: () => null }, { path: '/a' });
  onTestFinished(() => wss.terminate(0));
  for (const path of ['/a', '/b']) {
    await expect(WebSocket.connect(`ws://127.0.0.1:${new URL(wss.url).port}${path}`)).rejects.toThrow();
  }
  const refused = seen.all.map(([, message]) => message).filter(({ type }) => type === 'refused');
  expect(refused.map((message) => 'remoteAddress' in message && message.remoteAddress)).toEqual([
    '127.0.0.1',
    '127.0.0.1',
  ]);
});

test('4D-220 a subscriber that throws ends nothing: Node reports it as an uncaught exception', async () => {
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const reported: string[] = [];
  process.on('uncaughtException', ({ message }) => reported.push(message));
  onTestFinished(() => {
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  });
  const seen = watchChannels(ALL, () => {
    throw new Error('a subscriber');
  });
  const { url } = await startServerOf(echo);
  const handler = await echoOnce(url, 'a', 'b');
  expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onMessage', 'onTerminate']);
  await turns();
  expect(seen.all.length).toBeGreaterThan(10);
  expect(new Set(reported)).toEqual(new Set(['a subscriber']));
});

const PROGRAM = 'test/processes/observed.ts';

test('4D-221 NODE_DEBUG=4d-websocket prints a line for each message of a channel, and no secrets', async () => {
  const program = await startExample(PROGRAM, { env: { NODE_DEBUG: '4d-websocket' } });
  expect(await program.ended).toMatchObject({ code: 0 });
  const lines = program.lines.map((line) => line.replace(/^4D-WEBSOCKET \d+: /, '').replaceAll(/\d{5,}/g, 'PORT'));
  expect(lines).toContain('server opened path=/chat');
  expect(lines).toContain('client connecting id=1 url=ws://127.0.0.1:PORT/chat attempt=0');
  expect(lines).toContain('connection opened side=server id=2 path=/chat protocol="" remoteAddress=127.0.0.1');
  expect(lines).toContain('message sent side=client id=1 kind=text bytes=6 isQueued=false');
  expect(lines.map((line) => line.replace(/ advice=".*"(?= )/, ''))).toContain(
    'server refused path=/chat requestPath=/chat status=403 cause=origin remoteAddress=127.0.0.1 origin=http://evil.example',
  );
  const start = 'connection ended side=client id=1 cause=local phase=open code=1000 ';
  expect(lines.some((line) => line.startsWith(start))).toBe(true);
  expect(program.output).not.toMatch(/geheim|direction=/);
});

/** The same frame, as the server logs it. */
function otherSide(line: string): string {
  return line.includes('direction=in')
    ? line.replace('client id=1 direction=in', 'server id=2 direction=out')
    : line.replace('client id=1 direction=out', 'server id=2 direction=in');
}

test('4D-221 NODE_DEBUG=4d-websocket-frames prints frames by their headers', async () => {
  const program = await startExample(PROGRAM, { env: { NODE_DEBUG: '4d-websocket-frames' } });
  expect(await program.ended).toMatchObject({ code: 0 });
  const lines = program.lines.map((line) => line.replace(/^4D-WEBSOCKET-FRAMES \d+: /, ''));
  const ofClient = lines.filter((line) => line.startsWith('side=client'));
  expect(ofClient).toEqual([
    'side=client id=1 direction=out opcode=text bytes=6 fin=1 rsv=0',
    'side=client id=1 direction=out opcode=binary bytes=70000 fin=1 rsv=0',
    'side=client id=1 direction=in opcode=binary bytes=6 fin=1 rsv=0',
    'side=client id=1 direction=in opcode=binary bytes=70000 fin=1 rsv=0',
    'side=client id=1 direction=out opcode=close bytes=2 fin=1 rsv=0',
    'side=client id=1 direction=in opcode=close bytes=2 fin=1 rsv=0',
  ]);
  const ofServer = lines.filter((line) => line.startsWith('side=server'));
  expect(ofServer.toSorted()).toEqual(ofClient.map(otherSide).toSorted());
  expect(program.output).not.toContain('geheim');
});

test('4D-221 without NODE_DEBUG nothing is printed', async () => {
  const program = await startExample(PROGRAM);
  expect(await program.ended).toMatchObject({ code: 0 });
  expect(program.output).toBe('');
});

test('4D-222 wss.metrics() counts connections, ends, refusals, messages and bytes', async () => {
  const handler: ServerHandler<unknown> = {
    onConnection: (_, { request }) => (request.query['no'] === undefined ? echo : null),
  };
  const { url, wss } = await startLibraryServer(handler);
  await expect(WebSocket.new(`${url}/?no`, {})).rejects.toThrow();
  const event = await (await echoOnce(url, 'abc', 'defgh')).ended();
  await vi.waitUntil(() => wss.connections.length === 0);
  const open = recordingHandler();
  const ws = await WebSocket.new(url, open);
  ws!.send('12');
  await open.nextMessage();
  const metrics = wss.metrics();
  expect(metrics).toMatchObject({
    connections: 1,
    blockedConnections: 0,
    bufferedBytes: 0,
    pendingHandshakes: 0,
    opened: 2,
    ended: { 'peer-closed': 1 },
    refused: { handler: 1 },
    messagesReceived: 3,
    messagesSent: 3,
    messagesDropped: 0,
    blocked: 0,
  });
  // The frames of the client that has ended, and the one of the client that is open: header, masking key, payload.
  expect(metrics.bytesReceived).toBe(event.bytesSent + 2 + 4 + 2);
  ws!.terminate();
  await vi.waitUntil(() => wss.connections.length === 0);
  await wss.drain();
  const { connections, opened, ended } = wss.metrics();
  expect({ connections, opened, ended }).toEqual({ connections: 0, opened: 2, ended: { 'peer-closed': 2 } });
  expect(wss.metrics().bytesReceived).toBe(metrics.bytesReceived + 2 + 4 + 2);
});

test('4D-222 clientMetrics() counts the clients of the process', async () => {
  const { url } = await startServerOf(echo);
  const before = clientMetrics();
  await echoOnce(url, 'abc');
  const failing = recordingHandler();
  expect(new WebSocket(`ws://127.0.0.1:${await findClosedPort()}`, failing).status).toBe('Connecting');
  await failing.ended();
  const refusing = await startLibraryServer(() => null);
  await expect(WebSocket.new(refusing.url, {})).rejects.toThrow();
  const goneHandler = recordingHandler();
  const gone = new WebSocket(url, goneHandler);
  await gone.ready;
  gone.terminate();
  await goneHandler.ended();
  expect(gone.send('too late')).toBe('dropped');
  const after = clientMetrics();
  const difference = (name: 'attempts' | 'opened' | 'messagesReceived' | 'messagesSent' | 'messagesDropped') =>
    after[name] - before[name];
  expect(difference('attempts')).toBe(4);
  expect(difference('opened')).toBe(2);
  expect(difference('messagesSent')).toBe(1);
  expect(difference('messagesReceived')).toBe(1);
  expect(difference('messagesDropped')).toBe(1);
  expect(after.connections).toBe(before.connections);
  expect((after.failed.refused ?? 0) - (before.failed.refused ?? 0)).toBe(1);
  expect((after.failed.connect ?? 0) - (before.failed.connect ?? 0)).toBe(1);
  expect((after.ended.local ?? 0) - (before.ended.local ?? 0)).toBe(2);
  expect(sumOf(after.ended) - sumOf(before.ended)).toBe(2);
});

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

test('4D-222 a connection that has ended counts once, also while a callback of it still runs', async () => {
  const gate = createDeferred();
  const { url, wss } = await startServerOf({ onMessage: () => gate.promise });
  const handler = recordingHandler();
  const ws = await WebSocket.new(url, handler);
  ws!.send('a');
  await vi.waitUntil(() => wss.metrics().messagesReceived === 1);
  ws!.terminate();
  const { bytesSent } = await handler.ended();
  await vi.waitUntil(() => sumOf(wss.metrics().ended) === 1);
  const { connections, bytesReceived } = wss.metrics();
  expect({ connections, bytesReceived, kept: wss.connections.length }).toEqual({
    connections: 0,
    bytesReceived: bytesSent,
    kept: 1,
  });
  gate.resolve();
});

test('4D-222 a client that reconnects counts each of its connections, and ends once', async () => {
  const seen = watchChannels(['client', 'connection']);
  const before = clientMetrics();
  const { url, wss } = await startServerOf(echo);
  const handler = recordingHandler();
  const ws = await WebSocket.new(url, handler, { reconnect: { minDelayMs: 1, maxDelayMs: 2 } });
  wss.connections[0]!.destroy();
  await vi.waitUntil(() => wss.metrics().opened === 2 && ws!.status === 'Connected');
  ws!.terminate();
  await handler.ended();
  const after = clientMetrics();
  expect(after.opened - before.opened).toBe(2);
  expect(sumOf(after.ended) - sumOf(before.ended)).toBe(2);
  expect(after.connections).toBe(before.connections);
  const ends = seen.all.filter(([, message]) => message.type === 'ended' && 'id' in message && message.id === ws!.id);
  expect(ends.map(([name]) => name)).toEqual(['connection', 'connection', 'client']);
});

test('4D-222 messages that bufferPolicy drops while they wait count as dropped', async () => {
  const seen = watchChannels(['message']);
  const sent = createDeferred<WebSocketServer>();
  const url = await startUnixServer<string>(
    (wss) => ({
      async onOpen(ws) {
        ws.send('x'.repeat(4_000_000));
        await turns();
        for (let i = 0; i < 5; i++) expect(ws.send('x'.repeat(1_000_000), { droppable: true })).toBe('queued');
        sent.resolve(wss);
      },
      onMessage() {},
    }),
    { maxBufferedBytes: 4_500_000, bufferPolicy: 'drop-oldest' },
  );
  const socket = connect({ path: url.slice('ws+unix:'.length) });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  socket.write(handshakeRequest());
  const wss = await sent.promise;
  const { messagesSent, messagesDropped } = wss.metrics();
  expect(messagesSent).toBe(6);
  expect(messagesDropped).toBeGreaterThan(0);
  expect(seen.all.filter(([, { type }]) => type === 'dropped')).toHaveLength(messagesDropped);
});

test('4D-222 every 64th callback is timed, and all while 4d-websocket:message has subscribers', async () => {
  const { url, wss } = await startServerOf({
    onMessage: async (ws: { send(data: string): void }, { data }: { data: string }) => {
      await turns(1);
      ws.send(data);
    },
  });
  const texts = Array.from({ length: 70 }, (_, i) => String(i));
  await echoOnce(url, ...texts);
  const sampled = wss.metrics().callbacks;
  expect(sampled.count).toBeGreaterThanOrEqual(70);
  expect(sampled.timedCount).toBe(1);
  expect(sampled.timedSeconds).toBeGreaterThan(0);
  const seen = watchChannels(['message']);
  await echoOnce(url, ...texts);
  const { count, timedCount, buckets } = wss.metrics().callbacks;
  expect(timedCount - sampled.timedCount).toBeGreaterThanOrEqual(70);
  expect(count - sampled.count).toBe(timedCount - sampled.timedCount);
  expect(buckets.reduce((sum, bucket) => sum + bucket.count, 0)).toBe(timedCount);
  const handled = seen.all.filter(([, message]) => message.type === 'handled' && message.side === 'server');
  expect(handled.length).toBeGreaterThanOrEqual(70);
  expect(handled[0]![1]).toMatchObject({ callback: expect.any(String), durationMs: expect.any(Number) });
});

test('4D-222 metricsText() is the text format of Prometheus, with all servers and clients', async () => {
  const web = await startWebServer();
  const path = '/odd"path\\é';
  const make = () => WebSocketServer.new({ onConnection: () => echo }, { path, webServer: web });
  const url = `ws://127.0.0.1:${web.HTTPPort}${encodeURI(path)}`;
  let wss = make();
  await echoOnce(url, 'a');
  await wss!.drain();
  // Another server takes the path: the counters go on.
  wss = make();
  await echoOnce(url, 'b', 'c');
  await expect(WebSocket.new(`${url}/nowhere`, {})).rejects.toThrow();
  const samples = parsePrometheusText(metricsText());
  const ofPath = (name: string) =>
    samples.find((sample) => sample.name === `fourd_websocket_server_${name}` && sample.labels['path'] === path)?.value;
  expect(ofPath('connections_opened_total')).toBe(2);
  expect(ofPath('messages_received_total')).toBe(3);
  expect(ofPath('callback_duration_seconds_count')).toBe(0);
  const names = new Set(samples.map(({ name }) => name));
  expect(names).toContain('fourd_websocket_client_connect_attempts_total');
  expect(names).toContain('fourd_websocket_server_unrouted_refused_total');
  expect(metricsText()).toContain('of every 64th callback, and of all while 4d-websocket:message has subscribers');
});
