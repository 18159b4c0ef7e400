import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocketServer, type WebSocketServerOptions } from '../../src/index.ts';
import { timers } from '../../src/base/timers.ts';
import { type RecordedCallbacks, recordingHandler, recordingServerHandler } from '../../src/testing.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { startLibraryServer, startWebServer } from '../helpers/library-server.ts';
import { connectPeer } from '../helpers/peer.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { turns } from '../helpers/turns.ts';
import { UndiciPeer } from '../helpers/undici-peer.ts';
import type { ClientsWanted } from '../processes/answering-clients.ts';
import { type Call, watchCalls } from '../helpers/calls.ts';

/** Starts a server that logs the order in which its connections end: `1 ends`, …, `server ends`. */
async function startNotingServer(options: Omit<WebSocketServerOptions, 'webServer'> = {}) {
  const log: string[] = [];
  let count = 0;
  const server = recordingServerHandler({
    onConnection: () => {
      const name = ++count;
      return recordingHandler({ onTerminate: () => log.push(`${name} ends`) });
    },
    onTerminate: () => log.push('server ends'),
  });
  return { ...(await startLibraryServer(server, options)), server, log };
}

/** Returns the log of connections that end in order: `1 ends`, …, `count ends`, `server ends`. */
function inOrder(count: number): string[] {
  return [...Array.from({ length: count }, (_, i) => `${i + 1} ends`), 'server ends'];
}

test('4D-104 terminate() sends each peer a close frame and waits for the answer before it ends TCP', async () => {
  const { wss, web, server } = await startNotingServer();
  const clients = [await RawClient.open(web.HTTPPort), await RawClient.open(web.HTTPPort)];
  wss.terminate();
  for (const client of clients) expect((await client.nextFrame()).slice(0, 2)).toBe('88');
  await turns(50);
  expect(clients.map(({ hasEnded }) => hasEnded)).toEqual([false, false]);
  // The answer of one peer ends the TCP connection of this peer only.
  clients[0]!.sendClose(1000);
  await clients[0]!.ended;
  await turns(50);
  expect(clients[1]!.hasEnded).toBe(false);
  clients[1]!.sendClose(1000);
  await clients[1]!.ended;
  for (const client of clients) client.socket.end();
  await server.ended();
  expect(server.handlers.map(({ callbacks }) => callbacks)).toEqual([
    ['onOpen', 'onTerminate'],
    ['onOpen', 'onTerminate'],
  ]);
  expect(await server.handlers[0]!.ended()).toMatchObject({
    type: 'terminate',
    code: 1000,
    reason: undefined,
    wasClean: true,
  });
  // The server sent the close frame and nothing else.
  for (const client of clients) expect(client.frames.all).toEqual(['88 03e8']);
});

test('4D-105 the peers of terminate() see code 1000', async () => {
  const { wss, url, server } = await startNotingServer();
  const peer = await connectPeer(url);
  const browser = new UndiciPeer(url);
  await browser.opened;
  wss.terminate();
  expect(await peer.closed).toEqual({ code: 1000, reason: '' });
  expect(await browser.closed).toEqual({ code: 1000, reason: '', wasClean: true });
  await server.ended();
});

test.each([1, 2, 3, 4, 5])(
  "4D-106 with 50 peers of one program onTerminate run in order of arrival, the server's last: %i",
  async () => {
    const { wss, url, server, log } = await startNotingServer();
    for (let i = 0; i < 50; i++) await connectPeer(url);
    wss.terminate();
    await server.ended();
    await turns();
    expect(log).toEqual(inOrder(50));
  },
);

test('4D-106 with 50 browser-like peers that connect at once onTerminate run in order of arrival', async () => {
  const { wss, url, server, log } = await startNotingServer();
  await Promise.all(Array.from({ length: 50 }, () => new UndiciPeer(url).opened));
  wss.terminate();
  await server.ended();
  await turns();
  expect(log).toEqual(inOrder(50));
});

test('4D-106 with peers of another program onTerminate run in order of arrival', { timeout: 30_000 }, async () => {
  const clients = fork(fileURLToPath(new URL('../processes/answering-clients.ts', import.meta.url)), {
    execArgv: ['--import', 'tsx'],
  });
  onTestFinished(async () => {
    clients.kill();
    await once(clients, 'exit');
  });
  await once(clients, 'message');
  for (const count of [50, 50, 50, 300, 50]) {
    const { wss, web, server, log } = await startNotingServer();
    const isOpen = once(clients, 'message');
    clients.send({ port: web.HTTPPort, count } satisfies ClientsWanted);
    await isOpen;
    const isOver = once(clients, 'message');
    wss.terminate();
    await server.ended();
    await isOver;
    expect(log).toEqual(inOrder(count));
  }
});

test("4D-106 a slow peer does not delay another's onTerminate, and the server's comes last", async () => {
  const { wss, web, server, log } = await startNotingServer();
  const slow = await RawClient.open(web.HTTPPort);
  const swift = [await RawClient.open(web.HTTPPort), await RawClient.open(web.HTTPPort)];
  const slower = await RawClient.open(web.HTTPPort);
  wss.terminate();
  await Promise.all(swift.map((client) => client.endInOrder()));
  await server.handlers[2]!.ended();
  expect(log).toEqual(['2 ends', '3 ends']);
  expect(wss.terminated).toBe(false);
  await slow.endInOrder();
  await server.handlers[0]!.ended();
  expect(log).toEqual(['2 ends', '3 ends', '1 ends']);
  await slower.endInOrder();
  await server.ended();
  expect(log).toEqual(['2 ends', '3 ends', '1 ends', '4 ends', 'server ends']);
});

test("4D-106 the server's onTerminate waits for asynchronous onTerminate of its connections, and runs once", async () => {
  const log: string[] = [];
  const additions: RecordedCallbacks<unknown> = {
    onTerminate: async () => {
      await turns(5);
      log.push('connection ends');
    },
  };
  const server = recordingServerHandler({
    onConnection: () => recordingHandler(additions),
    onTerminate: () => log.push('server ends'),
  });
  const { wss, url } = await startLibraryServer(server);
  await connectPeer(url);
  await connectPeer(url);
  wss.terminate();
  wss.terminate();
  wss.terminate(5);
  await server.ended();
  wss.terminate();
  await turns();
  expect(log).toEqual(['connection ends', 'connection ends', 'server ends']);
});

test('4D-107 the event of the server\'s onTerminate has type "terminate"', async () => {
  const { wss, server } = await startNotingServer();
  await server.opened();
  const calls = watchCalls(server);
  wss.terminate();
  await server.ended();
  const [{ name, self, parameters }] = calls as [Call];
  expect(name).toBe('onTerminate');
  expect(parameters[0]).toBe(wss);
  expect(parameters.slice(1)).toEqual([{ type: 'terminate' }]);
  expect(self).toBe(server);
});

test("4D-108 terminated is false until the end, true in and after the server's onTerminate", async () => {
  const seen: boolean[] = [];
  const server = recordingServerHandler({
    onConnection: () =>
      recordingHandler({
        onTerminate: (ws) => void seen.push((ws as unknown as { wss: WebSocketServer }).wss.terminated),
      }),
  });
  const calls = watchCalls(server);
  const { wss, web } = await startLibraryServer(server);
  expect(wss.terminated).toBe(false);
  const client = await RawClient.open(web.HTTPPort);
  wss.terminate();
  expect(wss.terminated).toBe(false);
  await client.nextClose();
  expect(wss.terminated).toBe(false);
  client.sendClose(1000);
  client.socket.end();
  await server.ended();
  expect(seen).toEqual([false]);
  expect(calls.map(({ name, status }) => [name, status])).toEqual([
    ['onOpen', false],
    ['onConnection', false],
    ['onTerminate', true],
  ]);
  expect(wss.terminated).toBe(true);
});

test('4D-109 terminate(1) with a peer that never answers: destroyed after about 1 s, then the end', async () => {
  const { wss, web, server, log } = await startNotingServer();
  const client = await RawClient.open(web.HTTPPort);
  const begin = performance.now();
  wss.terminate(1);
  await server.ended();
  const elapsed = performance.now() - begin;
  expect(elapsed).toBeGreaterThan(950);
  expect(elapsed).toBeLessThan(1900);
  expect(log).toEqual(['1 ends', 'server ends']);
  expect(await server.handlers[0]!.ended()).toMatchObject({
    type: 'terminate',
    code: 1006,
    reason: undefined,
    wasClean: false,
  });
  expect(wss.terminated).toBe(true);
  await Promise.race([client.ended, client.closed]);
  expect(client.frames.all).toEqual(['88 03e8']);
});

test('4D-109 a peer that answers in time is not affected by the timeout', async () => {
  const { wss, web, server } = await startNotingServer();
  const client = await RawClient.open(web.HTTPPort);
  wss.terminate(30);
  await client.endInOrder();
  await server.ended();
  expect(await server.handlers[0]!.ended()).toMatchObject({ code: 1000, wasClean: true });
  // No deadline is left behind.
  expect(timers.pendingTicks).toBe(0);
});

test('4D-110 terminate() with a peer that never answers keeps waiting', async () => {
  const clock = useFakeClock();
  const { wss, web, server } = await startNotingServer({ closeTimeoutMs: 100, pingIntervalMs: Infinity });
  const client = await RawClient.open(web.HTTPPort);
  await server.nextEvent('connection');
  wss.terminate();
  await client.nextClose();
  // Neither a day nor closeTimeoutMs ends the connection.
  for (let hour = 0; hour < 24; hour++) await clock.advance(60 * 60 * 1000);
  expect(wss.terminated).toBe(false);
  expect(wss.connections.map(({ status }) => status)).toEqual(['Closing']);
  expect(client.hasEnded || client.hasClosed).toBe(false);
  expect(timers.pendingTicks).toBe(0);
  client.sendClose(1000);
  await client.ended;
  client.socket.end();
  await server.ended();
  expect(wss.terminated).toBe(true);
});

test('4D-110 the heartbeat ends a peer that never answers', async () => {
  const clock = useFakeClock();
  const { wss, web, server } = await startNotingServer();
  const client = await RawClient.open(web.HTTPPort);
  const handler = await server.nextHandler();
  wss.terminate();
  await client.nextClose();
  await clock.advance(25_100);
  await clock.advance(19_800);
  expect(wss.terminated).toBe(false);
  await clock.advance(400);
  await server.ended();
  expect(handler.errors[0]!.error.code).toBe('ERR_HEARTBEAT');
  expect((await handler.ended()).code).toBe(1006);
  // No ping follows the close frame, because a peer that has read a close frame need not answer pings.
  expect(client.frames.all).toEqual(['88 03e8']);
});

test('4D-110 a later terminate() with a timeout ends the server earlier', async () => {
  const clock = useFakeClock();
  const { wss, web, server } = await startNotingServer({ pingIntervalMs: Infinity });
  const client = await RawClient.open(web.HTTPPort);
  await server.nextEvent('connection');
  wss.terminate();
  await client.nextClose();
  await clock.advance(60_000);
  expect(wss.terminated).toBe(false);
  wss.terminate(1);
  // A later terminate() without a timeout does not remove the timeout.
  wss.terminate();
  await clock.advance(1100);
  await server.ended();
  expect(wss.terminated).toBe(true);
});

test('4D-111 terminate(0): no close frame is sent, no FIN; the peer sees 1006 at once', async () => {
  useFakeClock();
  const { wss, web, url, server, log } = await startNotingServer();
  const client = await RawClient.open(web.HTTPPort);
  const peer = await connectPeer(url);
  const browser = new UndiciPeer(url);
  await browser.opened;
  for (let i = 0; i < 3; i++) await server.nextEvent('connection');
  // terminate(0) needs no time: the fake clock is not advanced.
  wss.terminate(0);
  expect(((await client.closed) as NodeJS.ErrnoException).code).toBe('ECONNRESET');
  expect(client.hasEnded).toBe(false);
  expect(client.frames.all).toEqual([]);
  expect(client.unread).toHaveLength(0);
  expect((await peer.closed).code).toBe(1006);
  expect((await browser.closed).code).toBe(1006);
  await server.ended();
  expect(log).toEqual(inOrder(3));
  for (const handler of server.handlers) {
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
    expect(await handler.ended()).toMatchObject({
      type: 'terminate',
      code: 1006,
      reason: undefined,
      wasClean: false,
    });
  }
});

test.each([0.5, 2, 3600])('4D-112 the timeout is in seconds: %d', async (seconds) => {
  const clock = useFakeClock();
  const { wss, web, server } = await startNotingServer({ pingIntervalMs: Infinity });
  const client = await RawClient.open(web.HTTPPort);
  await server.nextEvent('connection');
  wss.terminate(seconds);
  await client.nextClose();
  await clock.advance(seconds * 1000 - 1);
  expect(wss.terminated).toBe(false);
  expect(client.hasEnded || client.hasClosed).toBe(false);
  await clock.advance(51);
  await server.ended();
  expect(wss.terminated).toBe(true);
});

test('4D-113 upgrade requests during the termination are refused with 503', async () => {
  const { wss, web, url, server } = await startNotingServer();
  const client = await RawClient.open(web.HTTPPort);
  wss.terminate();
  const late = await RawClient.request(web.HTTPPort);
  expect((await late.answered).status).toBe(503);
  await expect(connectPeer(url)).rejects.toThrow('Unexpected server response: 503');
  expect(server.eventsOf('connection')).toHaveLength(1);
  expect(wss.connections).toHaveLength(1);
  await client.endInOrder();
  await server.ended();
});

test('4D-113 clients that were waiting for onConnection are refused with 503 too', async () => {
  const server = recordingServerHandler({ onConnection: () => new Promise(() => {}) });
  const { wss, web } = await startLibraryServer(server);
  const client = await RawClient.request(web.HTTPPort);
  await server.nextEvent('connection');
  wss.terminate();
  expect((await client.answered).status).toBe(503);
  await server.ended();
  expect(server.callbacks).toEqual(['onOpen', 'onConnection', 'onTerminate']);
});

test('4D-114 without connections terminate() still gives onTerminate', async () => {
  const { wss, server } = await startNotingServer();
  await server.opened();
  wss.terminate();
  // onTerminate does not run within the call.
  expect([server.callbacks, wss.terminated]).toEqual([['onOpen'], false]);
  await server.ended();
  expect(server.callbacks).toEqual(['onOpen', 'onTerminate']);
  expect(wss.terminated).toBe(true);
});

test('4D-114 onOpen still runs before onTerminate when it has not run yet', async () => {
  const { wss, server } = await startNotingServer();
  wss.terminate();
  expect(wss.terminated).toBe(false);
  await server.ended();
  expect(server.callbacks).toEqual(['onOpen', 'onTerminate']);
});

test('4D-115 stopping the web server gives onTerminate and terminated = true', async () => {
  const web = await startWebServer();
  const [a, b] = [recordingServerHandler(), recordingServerHandler()];
  const wssA = WebSocketServer.new(a, { webServer: web, path: '/a' })!;
  const wssB = WebSocketServer.new(b, { webServer: web })!;
  await Promise.all([a.opened(), b.opened()]);
  const calls = [a, b].map(watchCalls);
  await web.stop();
  // stop() resolves only when the connections are over.
  for (const handler of [a, b]) {
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
    expect(handler.events[1]).toEqual({ type: 'terminate' });
  }
  expect(calls.flat().map(({ status }) => status)).toEqual([true, true]);
  expect([wssA.terminated, wssB.terminated]).toEqual([true, true]);
});

test('4D-116 when stop() of the web server resolves, onTerminate of all connections has run', async () => {
  const { web, url, server, log, wss } = await startNotingServer();
  const peers = [await connectPeer(url), await connectPeer(url), await connectPeer(url)];
  await web.stop();
  expect(log).toEqual(inOrder(3));
  for (const peer of peers) expect((await peer.closed).code).toBe(1001);
  for (const handler of server.handlers) {
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
    expect(await handler.ended()).toMatchObject({ code: 1001, wasClean: true });
  }
  expect(wss.connections).toEqual([]);
});

test('4D-116 a peer that does not answer delays stop() by 5 s at most', async () => {
  const clock = useFakeClock();
  const { web, server, log } = await startNotingServer();
  const client = await RawClient.open(web.HTTPPort);
  await server.nextEvent('connection');
  const stopped = web.stop();
  await client.nextClose();
  await clock.advance(4900);
  expect(log).toEqual([]);
  await clock.advance(200);
  await stopped;
  expect(log).toEqual(['1 ends', 'server ends']);
  expect((await server.handlers[0]!.ended()).code).toBe(1006);
});
