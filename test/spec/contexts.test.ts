import { CallbackTimes } from '../../src/diagnostics/callback-times.ts';
import { AsyncLocalStorage } from 'node:async_hooks';
import { execFile } from 'node:child_process';
import { createServer, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { currentClock, replaceClock } from '../../src/base/clock.ts';
import { TimerWheel } from '../../src/base/timers.ts';
import { WriteBatch } from '../../src/connection/write-batch.ts';
import {
  callWorker,
  type ConnectionEvent,
  type FourDError,
  killWorker,
  onErrCall,
  refuse,
  type ServerHandler,
  WebServer,
  WebSocket,
  type WebSocketOptions,
  WebSocketServer,
  type WebSocketServerOptions,
} from '../../src/index.ts';
import { type CallbackOwner, CallbackQueue } from '../../src/session/callback-queue.ts';
import { CallScope } from '../../src/workers/call-scope.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { makeFolder } from '../helpers/folder.ts';
import { frame } from '../helpers/frames.ts';
import { Inbox } from '../helpers/inbox.ts';
import { startLibraryServer, startWebServer } from '../helpers/library-server.ts';
import { NEVER_DETACHED } from '../helpers/never-detached.ts';
import { connectPeer, startPeerServer } from '../helpers/peer.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { findClosedPort, startRawServer } from '../helpers/raw-server.ts';
import { RecordingTransport } from '../helpers/recording-transport.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';
import { endWorker, workerName } from '../helpers/workers.ts';

/** What programs keep in a context: the tenant that a piece of work is for. */
const tenant = new AsyncLocalStorage<string>();

const NAMES = ['ann', 'bob'] as const;

/** Callbacks by name. */
type Actions = Readonly<Record<string, (...parameters: never[]) => unknown>>;

/** Callbacks that note in which context they begin, and go on behind an `await`. */
class Witness {
  /** Such as `onOpen in ann`. */
  readonly seen = new Inbox<string>();

  /** Makes a function that does what `action` does. */
  watch<Parameters extends unknown[], Result>(
    name: string,
    action: (...parameters: Parameters) => Result | Promise<Result>,
  ): (...parameters: Parameters) => Promise<Result> {
    return async (...parameters) => {
      const before = tenant.getStore();
      const result = (await action(...parameters)) as Result;
      await setImmediate();
      const after = tenant.getStore();
      this.seen.push(`${name} in ${before}${after === before ? '' : `, then in ${after}`}`);
      return result;
    };
  }

  /** Makes a handler with all callbacks. */
  handler(actions: Actions = {}): Actions {
    const names = ['onOpen', 'onMessage', 'onDrain', 'onReconnect', 'onError', 'onTerminate'];
    return Object.fromEntries(names.map((name) => [name, this.watch(name, actions[name] ?? (() => {}))]));
  }

  /** Resolves when this callback has run, and what ran before it. */
  async until(name: string): Promise<void> {
    while (this.seen.all.at(-1)?.startsWith(name) !== true) await this.seen.atLeast(this.seen.all.length + 1);
  }
}

/** Creates a client in a context. */
function connectIn(name: string, url: string, handler: object, options: WebSocketOptions = {}): WebSocket<unknown> {
  const ws = tenant.run(name, () => new WebSocket<unknown>(url, handler, options));
  onTestFinished(() => ws.destroy());
  return ws;
}

/** Creates a server in a context, on a web server that was started in no context. */
async function serveIn<T>(
  name: string,
  handler: object,
  options: Omit<WebSocketServerOptions, 'webServer'> = {},
): Promise<{ readonly wss: WebSocketServer<T>; readonly url: string; readonly port: number }> {
  const web = await startWebServer();
  const wss = tenant.run(name, () =>
    WebSocketServer.new<T>(handler as ServerHandler<T>, { ...options, dataType: 'text' as 'object', webServer: web }),
  );
  return { wss: wss!, url: `ws://127.0.0.1:${web.HTTPPort}`, port: web.HTTPPort };
}

function pushMessage(queue: CallbackQueue, data: string): void {
  queue.push({ type: 'message', data, isBinary: false });
}

function throwOnPurpose(): never {
  throw new Error('on purpose');
}

/** What a {@link Witness} sees of callbacks that run as they should. */
function linesOf(names: readonly string[], context: string): string[] {
  return names.map((name) => `${name} in ${context}`);
}

/** Lets all deadlines pass in the context of somebody else, as a timer does that several connections share. */
function advanceElsewhere(
  clock: { advance(milliseconds: number): Promise<void> },
  milliseconds: number,
): Promise<void> {
  return tenant.run('somebody else', () => clock.advance(milliseconds));
}

test('4D-185 all callbacks of a server and its connections run in the context in which the server was created', async () => {
  const server = new Witness();
  const connections = new Witness();
  const { wss, url } = await serveIn('the server', {
    onConnection: server.watch('onConnection', (_: unknown, { request }: ConnectionEvent) => {
      if (request.url === '/fail') throw new Error('on purpose');
      return connections.handler({ onMessage: (ws: { send(text: string): void }) => ws.send('answer') });
    }),
    onOpen: server.watch('onOpen', () => {}),
    onError: server.watch('onError', () => {}),
    onTerminate: server.watch('onTerminate', () => {}),
  });
  for (const name of NAMES) {
    const client = new Witness();
    const ws = connectIn(name, url, client.handler());
    await ws.ready;
    ws.send('question');
    await client.until('onMessage');
    ws.terminate();
    await client.until('onTerminate');
    expect(client.seen.all).toEqual([`onOpen in ${name}`, `onMessage in ${name}`, `onTerminate in ${name}`]);
  }
  await connectIn('carl', `${url}/fail`, {}).ready;
  tenant.run('dan', () => wss.terminate());
  await server.until('onTerminate');
  expect(connections.seen.all).toEqual(
    linesOf(
      NAMES.flatMap(() => ['onOpen', 'onMessage', 'onTerminate']),
      'the server',
    ),
  );
  const calls = ['onOpen', 'onConnection', 'onConnection', 'onError', 'onTerminate'];
  // The call of onConnection that throws does not go on behind its await.
  expect(server.seen.all).toEqual(linesOf(calls, 'the server'));
});

test('4D-185 a server on a foreign HTTP server decides in the context in which it was created', async () => {
  const server = new Witness();
  const http = createServer();
  // With a listener of its own the server gets its upgrades by the 'upgrade' event.
  http.on('upgrade', () => {});
  await tenant.run('the HTTP server', () => listen(http, { port: 0, host: '127.0.0.1' }));
  const onConnection = server.watch('onConnection', () => refuse(403));
  tenant.run('the server', () => WebSocketServer.new({ onConnection }, { webServer: http, path: '/' }));
  const { port } = http.address() as { port: number };
  await (
    await RawClient.request(port)
  ).answered;
  expect(server.seen.all).toEqual(['onConnection in the server']);
});

test('4D-185 a decision that comes late opens the connection in the context of the server', async () => {
  const connections = new Witness();
  const decision = createDeferred();
  const { url } = await serveIn('the server', {
    onConnection: async () => {
      await decision.promise;
      return connections.handler();
    },
  });
  const ws = connectIn('ann', url, {});
  await turns();
  tenant.run('somebody else', () => decision.resolve());
  await ws.ready;
  await connections.until('onOpen');
  expect(connections.seen.all).toEqual(['onOpen in the server']);
});

test('4D-185 a client that loses its connection runs all further callbacks and functions in its context', async () => {
  const clock = useFakeClock();
  const server = await startRawServer();
  const witnesses = NAMES.map((name) => {
    const witness = new Witness();
    const note = (what: string): void => witness.seen.push(`${what} in ${tenant.getStore()}`);
    const decide = ({ error }: { readonly error: unknown }): boolean => {
      note('shouldReconnect');
      return (error as FourDError | undefined)?.code !== 'ERR_HANDSHAKE_TIMEOUT';
    };
    const reconnect = {
      minDelayMs: 1,
      maxDelayMs: 50,
      shouldReconnect: decide,
      url: witness.watch('url', () => server.url),
      headers: witness.watch('headers', () => ({
        get cookie() {
          note('getter of a header');
          return 'a=b';
        },
      })),
    };
    const options = { reconnect, handshakeTimeoutMs: 1000, pingIntervalMs: 1000, pongTimeoutMs: 1000 };
    const ws = connectIn(name, server.url, witness.handler(), options);
    return { name, ws, witness };
  });
  for (const _ of NAMES) {
    const peer = await server.open();
    await turns();
    peer.socket.end(frame('server', '88', '03e8'));
  }
  for (const { witness } of witnesses) {
    while (!witness.seen.all.some((line) => line.startsWith('headers'))) await advanceElsewhere(clock, 50);
  }
  for (const _ of NAMES) {
    const peer = await server.open();
    await turns();
    peer.socket.write(frame('server', '81', '6869'));
  }
  for (const { witness } of witnesses) await witness.until('onMessage');
  // Nobody answers the pings of the heartbeat, and then the request of the next attempt.
  for (let i = 0; i < 60; i++) await advanceElsewhere(clock, 100);
  for (const { name, witness } of witnesses) {
    await witness.until('onTerminate');
    const attempt = ['shouldReconnect', 'url', 'headers', 'getter of a header'];
    const second = [...attempt, 'onReconnect', 'onMessage'];
    const last = [...attempt, 'shouldReconnect', 'onError', 'onTerminate'];
    expect(witness.seen.all).toEqual(linesOf(['onOpen', ...second, ...last], name));
  }
});

test('4D-185 clients whose handshake takes too long hear of it in their own contexts', async () => {
  const clock = useFakeClock();
  const server = await startRawServer();
  const witnesses = NAMES.map((name) => {
    const witness = new Witness();
    connectIn(name, server.url, witness.handler(), { handshakeTimeoutMs: 1000 });
    return { name, witness };
  });
  await advanceElsewhere(clock, 1100);
  for (const { name, witness } of witnesses) {
    await witness.until('onTerminate');
    expect(witness.seen.all).toEqual([`onError in ${name}`, `onTerminate in ${name}`]);
  }
});

test('4D-185 members that the user has put into an error are read in the context of the client', async () => {
  const clock = useFakeClock();
  const server = await startRawServer();
  const witness = new Witness();
  const readers = new Set<string | undefined>();
  const get = (): string => {
    readers.add(tenant.getStore());
    return 'changed';
  };
  const shouldReconnect = ({ error }: { readonly error: unknown }): boolean => {
    if (error !== undefined) Object.defineProperty(error, 'message', { get });
    return error === undefined;
  };
  connectIn('ann', server.url, witness.handler(), {
    reconnect: { minDelayMs: 1, maxDelayMs: 50, shouldReconnect },
    handshakeTimeoutMs: 1000,
  });
  const peer = await server.open();
  await turns();
  peer.socket.end(frame('server', '88', '03e8'));
  // Nobody answers the second request.
  for (let i = 0; i < 30; i++) await advanceElsewhere(clock, 50);
  await witness.until('onTerminate');
  expect([...readers]).toEqual(['ann']);
});

test('4D-185 functions of the option tls run in the context of the client, also for a redirect that comes late', async () => {
  const clock = useFakeClock();
  const server = await startRawServer();
  const looked = createDeferred<string | undefined>();
  const lookup: NonNullable<NonNullable<WebSocketOptions['tls']>['lookup']> = (_host, _options, callback) => {
    looked.resolve(tenant.getStore());
    callback(new Error('on purpose'), []);
  };
  connectIn('ann', server.url, {}, { followRedirects: 1, handshakeTimeoutMs: 1000, tls: { lookup } });
  const peer = await server.accept();
  peer.socket.write('HTTP/1.1 302 Found\r\nLocation: wss://localhost:1/\r\nContent-Length: 9\r\n\r\nonly');
  for (let i = 0; i < 30; i++) await advanceElsewhere(clock, 50);
  expect(await looked.promise).toBe('ann');
});

test('4D-185 methods of a foreign HTTP server are called in the context of the WebSocket server when its time is up', async () => {
  const clock = useFakeClock();
  const removed = createDeferred<string | undefined>();
  const http = createServer();
  await listen(http);
  const off = http.off.bind(http);
  http.off = (...parameters: Parameters<typeof off>) => {
    if (parameters[0] === 'upgrade') removed.resolve(tenant.getStore());
    return off(...parameters);
  };
  const handler = { onConnection: () => null, onTerminate: () => new Promise(() => {}) };
  const wss = tenant.run('the server', () => WebSocketServer.new(handler, { webServer: http }));
  await turns();
  tenant.run('somebody else', () => wss!.terminate(1));
  for (let i = 0; i < 30; i++) await advanceElsewhere(clock, 50);
  expect(await removed.promise).toBe('the server');
});

test('4D-185 connections that do not answer pings end in the contexts of their servers', async () => {
  const clock = useFakeClock();
  const witnesses = await Promise.all(
    NAMES.map(async (name) => {
      const witness = new Witness();
      const onConnection = (): object => witness.handler();
      const { port } = await serveIn(name, { onConnection }, { pingIntervalMs: 1000, pongTimeoutMs: 1000 });
      await RawClient.open(port);
      return { name, witness };
    }),
  );
  for (let i = 0; i < 60; i++) await advanceElsewhere(clock, 100);
  for (const { name, witness } of witnesses) {
    await witness.until('onTerminate');
    expect(witness.seen.all).toEqual([`onOpen in ${name}`, `onError in ${name}`, `onTerminate in ${name}`]);
  }
});

test('4D-185 a connection that cannot be made is told in the context of the client, whoever gives it up', async () => {
  const url = `ws://127.0.0.1:${await findClosedPort()}`;
  const silent = await startRawServer();
  const controller = new AbortController();
  const witnesses = [0, 1, 2, 3].map(() => new Witness());
  const handlers = witnesses.map((witness) => witness.handler());
  connectIn('ann', url, handlers[0]!);
  connectIn('bob', silent.url, handlers[1]!, { signal: controller.signal });
  connectIn('carl', silent.url, handlers[2]!, { signal: controller.signal });
  const dan = connectIn('dan', silent.url, handlers[3]!);
  tenant.run('somebody else', () => {
    controller.abort();
    dan.terminate();
  });
  for (const witness of witnesses) await witness.until('onTerminate');
  expect(witnesses.flatMap(({ seen }) => seen.all)).toEqual([
    ...['ann', 'bob', 'carl'].flatMap((name) => linesOf(['onError', 'onTerminate'], name)),
    'onTerminate in dan',
  ]);
});

test('4D-185 members of a signal that the user has made are used in the context of the client', async () => {
  const clock = useFakeClock();
  const silent = await startRawServer();
  const used: string[] = [];
  class Signal extends EventTarget {
    readonly aborted = false;
    get reason(): string {
      used.push(`reason in ${tenant.getStore()}`);
      return 'on purpose';
    }
    override removeEventListener(...parameters: Parameters<EventTarget['removeEventListener']>): void {
      used.push(`removeEventListener in ${tenant.getStore()}`);
      super.removeEventListener(...parameters);
    }
  }
  const signals = [...NAMES, 'carl'].map(() => new Signal());
  const options = signals.map((signal) => ({ signal: signal as object as AbortSignal }));
  const ann = connectIn('ann', silent.url, {}, options[0]);
  const bob = tenant.run('bob', () => WebSocket.new(silent.url, {}, options[1]));
  tenant.run('somebody else', () => {
    for (const signal of signals.slice(0, 2)) signal.dispatchEvent(new Event('abort'));
  });
  await expect(bob).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  expect(await ann.ready).toBeNull();
  // carl's attempt takes too long, and nobody holds the object yet.
  const carl = tenant.run('carl', () => WebSocket.new(silent.url, {}, { ...options[2], handshakeTimeoutMs: 1000 }));
  const failure = expect(carl).rejects.toMatchObject({ code: 'ERR_HANDSHAKE_TIMEOUT' });
  await advanceElsewhere(clock, 1100);
  await failure;
  const members = ['reason', 'removeEventListener'];
  const expected = [...NAMES.flatMap((name) => linesOf(members, name)), 'removeEventListener in carl'];
  expect(new Set(used)).toEqual(new Set(expected));
});

test('4D-185 clients whose messages leave in one flush run onDrain in their own contexts', async () => {
  const server = await startRawServer(join(makeFolder(), 'socket'));
  const readers = new Set<string | undefined>();
  const clients = await Promise.all(
    NAMES.map(async (name) => {
      const witness = new Witness();
      const { onDrain, ...others } = witness.handler();
      const handler = {
        ...others,
        get onDrain() {
          readers.add(tenant.getStore());
          return onDrain;
        },
      };
      const ws = connectIn(name, server.url, handler);
      const peer = await server.open();
      peer.socket.pause();
      await ws.ready;
      return { name, witness, ws, peer };
    }),
  );
  const isSlow = tenant.run('somebody else', () => {
    for (const { ws } of clients) ws.send(Buffer.alloc(1_000_000));
    return setImmediate().then(() => clients.map(({ ws }) => ws.send('another')));
  });
  expect(await isSlow).toEqual(['queued', 'queued']);
  for (const { peer } of clients) peer.socket.resume();
  for (const { name, witness } of clients) {
    await witness.until('onDrain');
    expect(witness.seen.all).toEqual([`onOpen in ${name}`, `onDrain in ${name}`]);
  }
  expect(readers).toEqual(new Set(NAMES));
});

test('4D-185 a broadcast that is too much for a connection ends it in the context of the server', async () => {
  const connections = new Witness();
  const { wss, port } = await serveIn(
    'the server',
    { onConnection: () => connections.handler() },
    { maxBufferedBytes: 100_000 },
  );
  const client = await RawClient.open(port);
  await connections.until('onOpen');
  // The client cannot read before the turn is over, so the buffers of the system are full some time.
  tenant.run('somebody else', () => {
    while (wss.broadcast(Buffer.alloc(100_000)) > 0);
  });
  await connections.until('onError');
  client.socket.destroy();
  await connections.until('onTerminate');
  expect(connections.seen.all).toEqual(['onOpen', 'onError', 'onTerminate'].map((name) => `${name} in the server`));
});

/** More than the places in the pool for zlib, and more than is inflated at once. */
const COUNT = 12;
const LARGE = Array.from({ length: 8000 }, (_, i) => (i * 7919).toString(36)).join(' ');

test('4D-185 large compressed messages arrive in the contexts of their clients, whoever frees a place in the pool', async () => {
  const { wss, url } = await startLibraryServer(() => ({ onMessage() {} }), { compression: true });
  const witnesses = Array.from({ length: COUNT }, () => new Witness());
  const clients = witnesses.map((witness, i) =>
    connectIn(`client ${i}`, url, witness.handler(), { compression: true, reconnect: false }),
  );
  await Promise.all(clients.map(({ ready }) => ready));
  wss.broadcast(LARGE);
  for (const [i, witness] of witnesses.entries()) {
    await witness.until('onMessage');
    expect(witness.seen.all).toEqual([`onOpen in client ${i}`, `onMessage in client ${i}`]);
  }
});

test('4D-185 large compressed messages arrive in the contexts of their servers', async () => {
  const witnesses = await Promise.all(
    Array.from({ length: COUNT }, async (_, i) => {
      const witness = new Witness();
      const onConnection = (): object => witness.handler();
      const { url } = await serveIn(`server ${i}`, { onConnection }, { compression: true });
      const peer = await connectPeer(url, { perMessageDeflate: true });
      peer.send(LARGE);
      return witness;
    }),
  );
  for (const [i, witness] of witnesses.entries()) {
    await witness.until('onMessage');
    expect(witness.seen.all).toEqual([`onOpen in server ${i}`, `onMessage in server ${i}`]);
  }
});

test('4D-185 enterWith in a callback of one connection changes no callback of another one', async () => {
  const connections = new Witness();
  const { url } = await serveIn('the server', {
    onConnection: () =>
      connections.handler({
        onOpen: () => tenant.enterWith('the first connection'),
        onMessage: () => {},
      }),
  });
  const peers = [await connectPeer(url), await connectPeer(url)];
  await turns();
  for (const peer of peers) peer.send('hello');
  await connections.seen.atLeast(4);
  expect(connections.seen.all.filter((line) => line.startsWith('onMessage'))).toEqual([
    'onMessage in the server',
    'onMessage in the server',
  ]);
});

test('4D-185 enterWith in a callback changes none that the callback causes on another connection', () => {
  const scope = tenant.run('the server', () => new CallScope('test', true));
  const seen: string[] = [];
  const makeQueue = (onMessage: () => void): CallbackQueue => {
    const owner: CallbackOwner = {
      subject: {},
      handler: { onMessage },
      maxWaitingEvents: 1,
      messageGuard: undefined,
      onInvalidMessage: () => undefined,
      callbackTimes: new CallbackTimes(),
      onTimed() {},
      onWaiting() {},
      onBeforeCallback() {},
      onAfterCallback() {},
      onCallbackFailed() {},
      onQueueFull() {},
      onQueueIdle() {},
    };
    return new CallbackQueue(owner, scope);
  };
  const other = makeQueue(() => seen.push(`other in ${tenant.getStore()}`));
  const first = makeQueue(() => {
    seen.push(`first in ${tenant.getStore()}`);
    tenant.enterWith('the first connection');
    other.push({ type: 'message', data: '', isBinary: false });
  });
  tenant.run('somebody else', () => first.pushAll(pushMessage, first, ''));
  other.pushAll(pushMessage, other, '');
  expect(seen).toEqual(['first in the server', 'other in the server', 'other in the server']);
});

test('4D-185 an error handler runs in the context of the client or server whose callback failed', async () => {
  const handled = new Inbox<string>();
  onErrCall(() => handled.push(`${tenant.getStore()}`));
  onTestFinished(() => onErrCall(null));
  const { url } = await serveIn('the server', { onConnection: () => ({ onMessage() {}, onOpen: throwOnPurpose }) });
  await connectPeer(url);
  await handled.atLeast(1);
  const server = await startPeerServer();
  const ws = connectIn('ann', server.url, { onTerminate: throwOnPurpose });
  await ws.ready;
  tenant.run('somebody else', () => ws.destroy());
  await handled.atLeast(2);
  expect(handled.all).toEqual(['the server', 'ann']);
});

test('4D-185 a message of a worker runs in the context of its caller, also in the successor of a killed worker', async () => {
  const name = workerName();
  const seen = new Witness();
  const gate = createDeferred();
  callWorker(name, () => gate.promise);
  for (const each of NAMES)
    tenant.run(each, () =>
      callWorker(
        name,
        seen.watch('message', () => {}),
      ),
    );
  gate.resolve();
  await seen.seen.atLeast(2);
  killWorker(name);
  for (const each of NAMES) {
    tenant.run(each, () =>
      callWorker(
        name,
        seen.watch('message to the successor', () => {}),
      ),
    );
  }
  await seen.seen.atLeast(4);
  expect(seen.seen.all).toEqual([
    ...NAMES.map((each) => `message in ${each}`),
    ...NAMES.map((each) => `message to the successor in ${each}`),
  ]);
});

test('4D-185 sockets and servers of a worker keep their contexts, whichever task runs before theirs', async () => {
  const name = workerName();
  const connections = new Witness();
  const client = new Witness();
  const web = await startWebServer();
  const gate = createDeferred();
  tenant.run('the server', () =>
    callWorker(name, () => {
      const onConnection = connections.watch('onConnection', () => connections.handler());
      WebSocketServer.new({ onConnection } as object as ServerHandler, { webServer: web });
    }),
  );
  tenant.run('ann', () =>
    callWorker(name, () => {
      void new WebSocket(`ws://127.0.0.1:${web.HTTPPort}`, client.handler());
    }),
  );
  await connections.until('onOpen');
  await client.until('onOpen');
  tenant.run('somebody else', () => callWorker(name, () => gate.promise));
  await turns();
  tenant.run('somebody else', () => gate.resolve());
  await endWorker(name);
  await connections.until('onTerminate');
  await client.until('onTerminate');
  expect(connections.seen.all).toEqual(
    ['onConnection', 'onOpen', 'onTerminate'].map((each) => `${each} in the server`),
  );
  expect(client.seen.all).toEqual(['onOpen in ann', 'onTerminate in ann']);
});

test('4D-185 code that the user gives to send() runs within the call, in the context of the caller', async () => {
  const server = await startPeerServer();
  const ws = connectIn('ann', server.url, {});
  await ws.ready;
  tenant.run('bob', () => ws.send({ toJSON: () => tenant.getStore() }));
  const peer = await server.accept();
  expect(await peer.nextText()).toBe('"bob"');
});

test('4D-185 an awaited promise goes on in the context of the code that awaits it', async () => {
  const { url } = await serveIn('the server', { onConnection: () => ({ onMessage() {} }) });
  const ws = connectIn('ann', url, {});
  const seen = await tenant.run('bob', async () => {
    await ws.ready;
    const stores = [tenant.getStore()];
    await ws.ping();
    stores.push(tenant.getStore());
    ws.send('hello');
    await ws.drained();
    stores.push(tenant.getStore());
    return stores;
  });
  expect(seen).toEqual(['bob', 'bob', 'bob']);
});

test.each(['at once', 'after a while'])(
  '4D-185 a request to the web server that comes %s is answered in the context in which the web server was started',
  async (moment) => {
    const clock = useFakeClock();
    const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' });
    await tenant.run('the web server', () => web.start());
    onTestFinished(() => web.stop());
    WebSocketServer.new({ onConnection: () => null }, { webServer: web });
    const answered = createDeferred<string | undefined>();
    web.httpServers[0]!.on('request', () => answered.resolve(tenant.getStore()));
    const client = await RawClient.connect(web.HTTPPort);
    // A client is left to Node when it has sent nothing for a second at most.
    if (moment === 'after a while') for (let i = 0; i < 30; i++) await advanceElsewhere(clock, 50);
    client.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(await answered.promise).toBe('the web server');
  },
);

test('4D-185 a request that was held behind another one does not go on in the context of its answer', async () => {
  const http = createServer();
  const first = createDeferred<() => void>();
  const second = createDeferred<string | undefined>();
  http.on('request', (request: IncomingMessage, response) => {
    if (request.url === '/first') first.resolve(() => response.end());
    else {
      second.resolve(tenant.getStore());
      response.end();
    }
  });
  await tenant.run('the HTTP server', () => listen(http, { port: 0, host: '127.0.0.1' }));
  WebSocketServer.new({ onConnection: () => null }, { webServer: http });
  const client = await RawClient.connect((http.address() as { port: number }).port);
  const head = 'HTTP/1.1\r\nHost: localhost\r\n';
  client.socket.write(`GET /first ${head}\r\nGET /second ${head}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`);
  const end = await first.promise;
  await turns();
  tenant.run('somebody else', end);
  // Some versions of Node tell of an upgrade in no context.
  expect(['the HTTP server', undefined]).toContain(await second.promise);
});

test('4D-185 what connections share runs in no context of theirs: the timer', () => {
  const started: (string | undefined)[] = [];
  const clock = currentClock();
  const setTimeout: typeof clock.setTimeout = (callback, delayMs) => {
    started.push(tenant.getStore());
    return clock.setTimeout(callback, delayMs);
  };
  replaceClock({ ...clock, setTimeout });
  onTestFinished(() => replaceClock(clock));
  const wheel = new TimerWheel();
  const deadline = { onDeadline() {} };
  tenant.run('ann', () => wheel.cancel(deadline, wheel.schedule(deadline, 1000)));
  expect(started).toEqual([undefined]);
});

test('4D-185 what connections share runs in no context of theirs: the write at the end of a turn', async () => {
  const written: (string | undefined)[] = [];
  class Transport extends RecordingTransport {
    override write(): boolean {
      written.push(tenant.getStore());
      return true;
    }
  }
  const batches = NAMES.map(() => new WriteBatch(new Transport(), NEVER_DETACHED));
  for (const [i, batch] of batches.entries()) tenant.run(NAMES[i]!, () => batch.append(Buffer.from('hello')));
  await turns(2);
  expect(written).toEqual([undefined, undefined]);
});

test('4D-185 one resource for each client and server is created, and each is destroyed; domains go on', async () => {
  const program = fileURLToPath(new URL('../processes/watching-resources.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', program], {
    env: { ...process.env, TSX_TSCONFIG_PATH: 'tsconfig.json' },
  });
  expect(JSON.parse(stdout)).toEqual({
    created: { '4D-WebSocket': 5, '4D-WebSocketServer': 1 },
    left: { '4D-WebSocket': 0, '4D-WebSocketServer': 0 },
    ids: 'those of the client',
    domains: ['onOpen in the domain', 'onMessage in the domain', 'onTerminate in the domain'],
  });
});
