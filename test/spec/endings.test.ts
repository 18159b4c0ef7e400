import { describe, expect, test } from 'vitest';
import {
  callWorker,
  killWorker,
  type TerminateEvent,
  type WebServer,
  WebSocket,
  WebSocketServer,
  type WebSocketServerOptions,
} from '../../src/index.ts';
import { timers } from '../../src/base/timers.ts';
import { createDeferred, type Deferred } from '../helpers/deferred.ts';
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
import { startLibraryServer, startWebServer } from '../helpers/library-server.ts';
import { startPeerServer } from '../helpers/peer.ts';
import { closePayload, RawClient } from '../helpers/raw-client.ts';
import { startRawServer } from '../helpers/raw-server.ts';
import { startExample } from '../helpers/program.ts';
import { sides } from '../helpers/sides.ts';
import { turns } from '../helpers/turns.ts';
import { runInWorker, workerName } from '../helpers/workers.ts';

type Server = WebSocketServer<unknown>;

/** Lets the time of an end pass, and the time that callbacks of cut connections and then onTerminate have beyond it. */
async function passTime(clock: TestClock, ms: number): Promise<void> {
  await clock.advance(ms);
  for (let i = 0; i < 5; i++) await clock.advance(50);
}

/** A way to end a server in a given time. The promise of the way resolves when the end is over. */
interface Way {
  readonly name: string;
  readonly ms: number;
  readonly end: (wss: Server, web: WebServer) => Promise<unknown> | void;
}

const WAYS: readonly Way[] = [
  { name: 'terminate(1)', ms: 1000, end: (wss) => wss.terminate(1) },
  { name: 'terminate(0)', ms: 0, end: (wss) => wss.terminate(0) },
  { name: 'drain({ deadlineMs: 500 })', ms: 500, end: (wss) => wss.drain({ deadlineMs: 500 }) },
  { name: 'web.stop()', ms: 5000, end: (_, web) => web.stop() },
];

interface Started {
  readonly clock: TestClock;
  readonly web: WebServer;
  readonly wss: Server;
  readonly server: RecordingServerHandler<unknown>;
}

async function start(
  additions: RecordedServerCallbacks<unknown> = {},
  options: Omit<WebSocketServerOptions, 'webServer'> = {},
): Promise<Started> {
  const clock = useFakeClock();
  const server = recordingServerHandler(additions);
  const { web, wss } = await startLibraryServer(server, { path: '/chat', ...options });
  return { clock, web, wss, server };
}

function open(web: WebServer): Promise<RawClient> {
  return RawClient.open(web.HTTPPort, { path: '/chat' });
}

/** Ends the sockets of clients. Resolves when the server has noticed, so that no deadline outlives the clock of a test. */
async function leave(...clients: readonly RawClient[]): Promise<void> {
  for (const { socket } of clients) socket.destroy();
  await turns();
}

/** Tells whether another server can take the path. */
function isPathFree(web: WebServer): boolean {
  try {
    WebSocketServer.new({ onConnection: () => null }, { webServer: web, path: '/chat' })!.terminate();
    return true;
  } catch {
    return false;
  }
}

/** A promise that tells whether it is settled. */
function watch(promise: unknown): { readonly isSettled: boolean; readonly value: unknown } {
  const state = { isSettled: false, value: undefined as unknown };
  const wait = async (): Promise<void> => {
    state.value = await promise;
    state.isSettled = true;
  };
  void wait();
  return state;
}

/** The callbacks of a connection, each made to wait for a gate; and what the peer must do for the callback to run. */
const HANGING: readonly (readonly [
  name: keyof RecordedCallbacks<unknown> & `on${string}`,
  provoke: (client: RawClient) => void,
])[] = [
  ['onOpen', () => {}],
  ['onMessage', (client) => client.sendText('hello')],
  ['onError', (client) => client.send('83')],
  ['onTerminate', (client) => void client.endInOrder().catch(() => {})],
];

describe.each(WAYS)('$name', ({ ms, end }) => {
  test.each(HANGING)(
    '4D-186 is over by its time although %s of a connection never settles, and its onTerminate comes later, once',
    async (name, provoke) => {
      const gate = createDeferred();
      const handler = recordingHandler({ [name]: () => gate.promise });
      const { clock, web, wss, server } = await start({ onConnection: () => handler });
      const client = await open(web);
      provoke(client);
      // onTerminate runs when the server ends.
      if (name !== 'onTerminate') await expect.poll(() => handler.callbacks).toContain(name);
      const over = watch(end(wss, web));
      await passTime(clock, ms);
      expect(handler.callbacks).toContain(name);
      expect(server.callbacks).toEqual(['onOpen', 'onConnection', 'onTerminate']);
      expect([wss.terminated, over.isSettled, wss.connections.length]).toEqual([
        true,
        true,
        name === 'onTerminate' ? 0 : 1,
      ]);
      if (web.isRunning) expect(isPathFree(web)).toBe(true);
      gate.resolve();
      await handler.ended();
      await turns();
      expect(handler.callbacks.filter((each) => each === 'onTerminate')).toHaveLength(1);
      expect(handler.callbacks.at(-1)).toBe('onTerminate');
      expect(wss.connections).toEqual([]);
      expect(server.callbacks.filter((each) => each === 'onTerminate')).toHaveLength(1);
      await leave(client);
    },
  );

  test.each(['onOpen', 'onError', 'onTerminate'] as const)(
    '4D-186 is over by its time although %s of the server never settles',
    async (name) => {
      const gate = createDeferred();
      const { clock, web, wss, server } = await start({
        [name]: () => gate.promise,
        // Anything without onMessage runs onError of the server, once for each client.
        ...(name === 'onError' && { onConnection: () => ({}) }),
      });
      const clients: RawClient[] = [];
      if (name === 'onError') {
        for (let i = 0; i < 2; i++) clients.push(await RawClient.request(web.HTTPPort, { path: '/chat' }));
        for (const client of clients) await client.answered;
      }
      await server.opened();
      const over = watch(end(wss, web));
      await passTime(clock, ms);
      expect([wss.terminated, over.isSettled]).toEqual([true, true]);
      expect(server.callbacks.at(-1)).toBe('onTerminate');
      // An onError that waited behind the other is not lost.
      if (name === 'onError') expect(server.errors).toHaveLength(2);
      const before = server.callbacks;
      if (web.isRunning) expect(isPathFree(web)).toBe(true);
      gate.resolve();
      await turns();
      expect(server.callbacks).toEqual(before);
      await leave(...clients);
    },
  );

  test('4D-186 is over by its time although the worker of the server is busy, and onTerminate callbacks wait for the worker', async () => {
    const clock = useFakeClock();
    const name = workerName();
    const gate = createDeferred();
    const server = recordingServerHandler();
    const web = await startWebServer();
    const wss = (await runInWorker(name, () =>
      WebSocketServer.new(server, { webServer: web, path: '/chat', dataType: 'object' }),
    ))!;
    const client = await open(web);
    const handler = await server.nextHandler();
    await handler.opened();
    callWorker(name, () => gate.promise);
    await turns();
    const over = watch(end(wss, web));
    await passTime(clock, ms);
    expect([wss.terminated, over.isSettled]).toEqual([true, true]);
    expect([server.callbacks, handler.callbacks]).toEqual([['onOpen', 'onConnection'], ['onOpen']]);
    if (web.isRunning) expect(isPathFree(web)).toBe(true);
    gate.resolve();
    await server.ended();
    await turns();
    expect([server.callbacks, handler.callbacks]).toEqual([
      ['onOpen', 'onConnection', 'onTerminate'],
      ['onOpen', 'onTerminate'],
    ]);
    await leave(client);
  });

  test('4D-186 waits for callbacks that settle in its time', async () => {
    const log: string[] = [];
    const gate = createDeferred();
    const { clock, web, wss } = await start({
      onConnection: () => recordingHandler({ onTerminate: () => gate.promise.then(() => void log.push('connection')) }),
      onTerminate: () => void log.push('server'),
    });
    const client = await open(web);
    const over = watch(end(wss, web));
    if (ms > 0) await client.endInOrder();
    await clock.advance(Math.max(0, ms - 100));
    expect(log).toEqual([]);
    gate.resolve();
    await turns();
    expect(log).toEqual(['connection', 'server']);
    expect(over.isSettled).toBe(true);
    expect(timers.pendingTicks).toBe(0);
  });
});

/** Ends a server in a process of its own, where nothing else keeps the process alive. */
async function endInProcess(way: string): Promise<unknown> {
  const program = await startExample('test/processes/hanging-callback.ts', { args: [way] });
  return [await program.ended, program.lines];
}

test(
  '4D-186 keeps the process alive until the end is over, although nothing else does',
  { timeout: 60_000 },
  async () => {
    // The time of each end is real, up to the 5 s of web.stop(), so they run side by side.
    expect(await Promise.all(['stop', 'drain', 'terminate'].map(endInProcess))).toEqual([
      [{ code: 0, signal: null }, ['onTerminate', 'stopped']],
      [{ code: 0, signal: null }, ['onTerminate', 'dropped 1', 'stopped']],
      [{ code: 0, signal: null }, ['onTerminate', 'stopped']],
    ]);
  },
);

test('4D-186 drain() counts a connection whose callback has not settled as dropped', async () => {
  const gate = createDeferred();
  const handlers = [
    recordingHandler(),
    recordingHandler({ onMessage: () => gate.promise }),
    recordingHandler({ onTerminate: () => gate.promise }),
  ];
  const left = handlers.values();
  const { clock, web, wss } = await start({ onConnection: () => left.next().value! });
  const clients = [await open(web), await open(web), await open(web)];
  clients[1]!.sendText('hello');
  await handlers[1]!.nextMessage();
  const drained = watch(wss.drain({ deadlineMs: 500 }));
  await Promise.all(clients.map((client) => client.endInOrder()));
  await passTime(clock, 500);
  expect(drained.value).toEqual({ closed: 1, dropped: 2 });
  gate.resolve();
  // The end of the connection itself was in order.
  expect(await handlers[1]!.ended()).toMatchObject({ code: 1001, wasClean: true });
});

test('4D-186 terminate() without a time waits for callbacks', async () => {
  const gate = createDeferred();
  const handler = recordingHandler({ onMessage: () => gate.promise });
  const { clock, web, wss, server } = await start({ onConnection: () => handler });
  const client = await open(web);
  client.sendText('hello');
  await handler.nextMessage();
  wss.terminate();
  await client.endInOrder();
  await clock.advance(24 * 60 * 60 * 1000);
  expect([wss.terminated, server.callbacks]).toEqual([false, ['onOpen', 'onConnection']]);
  gate.resolve();
  await server.ended();
  expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onTerminate']);
});

test('4D-186 a callback that awaits web.stop() does not wait for itself for ever', async () => {
  const handler: RecordingHandler<unknown> = recordingHandler({ onMessage: () => web.stop() });
  const { clock, web, server } = await start({ onConnection: () => handler });
  const client = await open(web);
  client.sendText('stop');
  await handler.nextMessage();
  await passTime(clock, 5000);
  await handler.ended();
  expect(server.callbacks).toEqual(['onOpen', 'onConnection', 'onTerminate']);
  expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onTerminate']);
});

describe('killWorker', () => {
  test('4D-186 closes what the worker owns 2 s after the call even while its message runs, and the rest waits for the message', async () => {
    const clock = useFakeClock();
    const name = workerName();
    const gate = createDeferred();
    const peers = await startPeerServer();
    const rawServer = await startRawServer();
    const [answered, unanswered] = [recordingHandler(), recordingHandler()];
    const server = recordingServerHandler();
    const web = await startWebServer();
    const wss = (await runInWorker(name, async () => {
      await WebSocket.new(peers.url, answered);
      void new WebSocket(rawServer.url, unanswered);
      return WebSocketServer.new(server, { webServer: web, path: '/chat', dataType: 'object' });
    }))!;
    const [peer, silentPeer] = [await peers.accept(), await rawServer.open()];
    await unanswered.opened();
    const client = await open(web);
    callWorker(name, () => gate.promise);
    await turns();
    const successor: Deferred<string> = createDeferred();
    killWorker(name);
    callWorker(name, () => successor.resolve('runs'));
    // The message may still use the sockets of its worker.
    await clock.advance(1999);
    expect([peer.hasClosed, client.frames.all, wss.connections[0]!.status]).toEqual([false, [], 'Connected']);
    await clock.advance(51);
    expect((await peer.closed).code).toBe(1001);
    expect(await client.nextFrame()).toBe('88 03e9');
    expect(await silentPeer.frames.next()).toBe('88 03e9');
    await clock.advance(150);
    await client.ended;
    await silentPeer.ended;
    await passTime(clock, 0);
    expect(wss.terminated).toBe(true);
    expect(isPathFree(web)).toBe(true);
    const all = (): unknown[] => [answered.callbacks, unanswered.callbacks, server.callbacks];
    expect(all()).toEqual([['onOpen'], ['onOpen'], ['onOpen', 'onConnection']]);
    const isSuccessor = watch(successor.promise);
    await clock.advance(60_000);
    expect(isSuccessor.isSettled).toBe(false);
    gate.resolve();
    expect(await successor.promise).toBe('runs');
    expect(all()).toEqual([
      ['onOpen', 'onTerminate'],
      ['onOpen', 'onTerminate'],
      ['onOpen', 'onConnection', 'onTerminate'],
    ]);
    expect(await answered.ended()).toMatchObject({ code: 1001, cause: 'worker' });
    expect(await unanswered.ended()).toMatchObject({ code: 1006, cause: 'worker' });
    expect(server.handlers[0]!.callbacks).toEqual(['onOpen', 'onTerminate']);
    await leave(client);
  });

  test('4D-186 does not wait 2 s when the message ends before', async () => {
    useFakeClock();
    const name = workerName();
    const gate = createDeferred();
    const peers = await startPeerServer();
    const handler = recordingHandler();
    await runInWorker(name, () => WebSocket.new(peers.url, handler));
    const peer = await peers.accept();
    callWorker(name, () => gate.promise);
    await turns();
    killWorker(name);
    gate.resolve();
    expect((await peer.closed).code).toBe(1001);
    expect(await handler.ended()).toMatchObject({ code: 1001, cause: 'worker' });
  });
});

describe('a place is free when the socket is gone, although a callback never settles:', () => {
  const RESETS: readonly (readonly [string, (client: RawClient) => unknown])[] = [
    ['a reset', ({ socket }) => socket.resetAndDestroy()],
    ['the end of TCP', ({ socket }) => socket.end()],
    [
      'a close frame',
      (client) => {
        client.sendClose(1000);
        client.socket.end();
      },
    ],
    ['destroy() of this program', () => {}],
  ];

  test.each(
    (['maxConnections', 'maxConnectionsPerAddress'] as const).flatMap((limit) =>
      RESETS.map(([how, end]) => [limit, how, end] as const),
    ),
  )('4D-187 %s, after %s', async (limit, how, end) => {
    const gate = createDeferred();
    const server = recordingServerHandler({
      onConnection: () => recordingHandler({ onMessage: () => gate.promise }),
    });
    const { web, wss } = await startLibraryServer(server, { [limit]: 1 });
    for (let i = 0; i < 3; i++) {
      const client = await RawClient.open(web.HTTPPort);
      expect([503, 429]).toContain((await (await RawClient.request(web.HTTPPort)).answered).status);
      client.sendText('hello');
      await (await server.nextHandler()).nextMessage();
      if (how.startsWith('destroy')) wss.connections.at(-1)!.destroy();
      await end(client);
      await client.closed;
      await turns();
      expect(wss.connections).toHaveLength(i + 1);
    }
    gate.resolve();
    for (const handler of server.handlers) await handler.ended();
    expect(wss.connections).toEqual([]);
  });
});

describe('a connection that the program cuts off gets onTerminate without onError:', () => {
  const WAYS_TO_CUT: readonly Way[] = [
    ...WAYS,
    {
      name: 'drain() of a connection that no wave has reached',
      ms: 500,
      end: (wss) => wss.drain({ deadlineMs: 500, batchSize: 1, intervalMs: 60_000 }),
    },
    {
      name: 'terminate() of the connection, then terminate(1) of the server',
      ms: 1000,
      end: (wss) => {
        for (const connection of wss.connections) connection.terminate(4000);
        wss.terminate(1);
      },
    },
  ];

  test.each(WAYS_TO_CUT)('4D-189 $name', async ({ ms, end }) => {
    const errors = recordErrors('global');
    const { clock, web, wss, server } = await start();
    const clients = [await open(web), await open(web)];
    const over = watch(end(wss, web));
    await clock.advance(ms + 50);
    for (const handler of server.handlers) {
      expect(await handler.ended()).toMatchObject({
        code: 1006,
        reason: undefined,
        wasClean: false,
        cause: 'shutdown',
        phase: ms === 0 ? 'open' : 'closing',
        message: expect.stringMatching(/^this program dropped the connection .*: the server was terminated$/) as string,
      } satisfies Partial<TerminateEvent>);
      expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
    }
    await server.ended();
    await turns();
    expect([over.isSettled, errors]).toEqual([true, []]);
    expect(timers.pendingTicks).toBe(0);
    await leave(...clients);
  });

  test('4D-189 the 2 s of a killed worker, for clients and connections', async () => {
    const clock = useFakeClock();
    const name = workerName();
    const rawServer = await startRawServer();
    const handler = recordingHandler();
    const server = recordingServerHandler();
    const web = await startWebServer();
    await runInWorker(name, () => {
      void new WebSocket(rawServer.url, handler);
      return WebSocketServer.new(server, { webServer: web, path: '/chat', dataType: 'object' });
    });
    await rawServer.open();
    await handler.opened();
    const client = await open(web);
    killWorker(name);
    await turns();
    await clock.advance(2050);
    for (const each of [handler, await server.nextHandler()]) {
      expect(await each.ended()).toMatchObject({ code: 1006, cause: 'worker', phase: 'closing' });
      expect(each.callbacks).toEqual(['onOpen', 'onTerminate']);
    }
    await leave(client);
  });

  test.each(sides)('4D-189 terminate() whose peer does not answer keeps its onError ($name)', async (side) => {
    const clock = useFakeClock();
    const { ws, handler } = await side.connectRaw({}, { closeTimeoutMs: 500 });
    ws.terminate();
    await clock.advance(550);
    expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'timeout' });
    expect(handler.errors.map(({ error }) => error.code)).toEqual(['ERR_CLOSE_TIMEOUT']);
  });
});

/** The clients of one worker. */
interface Clients {
  /** Name of the worker. */
  readonly name: string;
  /** The ends of the clients, such as `2 1001`. */
  readonly log: readonly string[];
  /** Waits until all have ended. */
  readonly end: () => Promise<void>;
}

/** Creates clients in a worker: those whose URL says "silent" do not connect. */
async function createClients(urls: readonly string[]): Promise<Clients> {
  const name = workerName();
  const log: string[] = [];
  const create = (url: string, i: number): Promise<unknown> | undefined => {
    const handler = { onTerminate: (_: WebSocket, event: TerminateEvent) => void log.push(`${i} ${event.code}`) };
    if (!url.includes('silent')) return WebSocket.new(url, handler);
    void new WebSocket(url, handler);
    return undefined;
  };
  await runInWorker(name, () => Promise.all(urls.map(async (url, i) => create(url, i))));
  return {
    name,
    log,
    end: async () => {
      await expect.poll(() => log).toHaveLength(urls.length);
      await turns();
    },
  };
}

const inOrder = (count: number, code: number): string[] => Array.from({ length: count }, (_, i) => `${i} ${code}`);

describe('clients of an ended worker end in the order of their creation', () => {
  test('4D-190 when their servers answer', async () => {
    const peers = await startPeerServer();
    const { name, log, end } = await createClients(Array.from({ length: 20 }, () => peers.url));
    killWorker(name);
    await end();
    expect(log).toEqual(inOrder(20, 1001));
  });

  test('4D-190 when their servers answer the other way round', async () => {
    const server = await startRawServer();
    const created = createClients(Array.from({ length: 5 }, () => server.url));
    const connections = [];
    for (let i = 0; i < 5; i++) connections.push(await server.open());
    const { name, log, end } = await created;
    killWorker(name);
    for (const connection of connections.toReversed()) {
      await connection.frames.next();
      connection.socket.end(Buffer.from(`8802${closePayload(1001)}`, 'hex'));
      await turns(5);
    }
    await end();
    expect(log).toEqual(inOrder(5, 1001));
  });

  test('4D-190 when they are cut', async () => {
    const clock = useFakeClock();
    const server = await startRawServer();
    const created = createClients(Array.from({ length: 5 }, () => server.url));
    for (let i = 0; i < 5; i++) await server.open();
    const { name, log, end } = await created;
    killWorker(name);
    await turns();
    await clock.advance(2050);
    await end();
    expect(log).toEqual(inOrder(5, 1006));
  });

  test('4D-190 when some of them are not connected, and some have ended', async () => {
    const clock = useFakeClock();
    const [peers, silent] = [await startPeerServer(), await startRawServer()];
    const urls = [`${silent.url}/silent`, peers.url, `${silent.url}/silent`, peers.url, peers.url];
    const { name, log, end } = await createClients(urls);
    const accepted = [await peers.accept(), await peers.accept(), await peers.accept()];
    accepted[1]!.socket.close(4000);
    for (let i = 0; i < 50 && log.length === 0; i++) await turns();
    killWorker(name);
    await turns(50);
    await clock.advance(100);
    await end();
    expect(log).toEqual(['3 4000', '0 1006', '1 1001', '2 1006', '4 1001']);
  });

  test('4D-190 a slow server does not hold up the others', async () => {
    const clock = useFakeClock();
    const [slow, peers] = [await startRawServer(), await startPeerServer()];
    const created = createClients([slow.url, peers.url, peers.url]);
    const slowConnection = await slow.open();
    const { name, log, end } = await created;
    killWorker(name);
    expect((await (await peers.accept()).closed).code).toBe(1001);
    await turns();
    await clock.advance(150);
    expect(log).toEqual(['1 1001', '2 1001']);
    slowConnection.socket.end(Buffer.from(`8802${closePayload(1001)}`, 'hex'));
    await end();
    expect(log.at(-1)).toBe('0 1001');
  });
});
