import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { callWorker, currentProcessName, type WebSocketConnection, WebSocketServer } from '../../src/index.ts';
import { timers } from '../../src/base/timers.ts';
import { recordingHandler, type RecordingHandler, recordingServerHandler } from '../../src/testing.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { startLibraryServer, startServerOf, startWebServer } from '../helpers/library-server.ts';
import { connectPeer } from '../helpers/peer.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { turns } from '../helpers/turns.ts';
import { workerName } from '../helpers/workers.ts';

type Connection = WebSocketConnection<unknown>;

/** Types the connection that a recording handler was called with. */
function toConnection(ws: unknown): Connection {
  return ws as Connection;
}

/** Starts a server whose onConnection waits for `decision`, and a client that waits for the answer. */
async function startDeciding(options: { handshakeTimeoutMs?: number } = {}) {
  const decision = createDeferred<RecordingHandler<unknown> | null>();
  const connection = recordingHandler();
  const server = recordingServerHandler({ onConnection: () => decision.promise });
  const started = await startLibraryServer(server, options);
  const client = await RawClient.request(started.web.HTTPPort);
  await server.nextEvent('connection');
  return { ...started, server, client, connection, decision };
}

describe('an onConnection that takes time', () => {
  test('does not hold up other clients', async () => {
    const decisions = [createDeferred<RecordingHandler<unknown>>(), createDeferred<RecordingHandler<unknown>>()];
    let count = 0;
    const server = recordingServerHandler({ onConnection: () => decisions[count++]!.promise });
    const { web, wss } = await startLibraryServer(server);
    const first = await RawClient.request(web.HTTPPort);
    await server.nextEvent('connection');
    const second = await RawClient.request(web.HTTPPort);
    await server.nextEvent('connection');
    decisions[1]!.resolve(recordingHandler());
    expect((await second.answered).status).toBe(101);
    expect(first.hasAnswer).toBe(false);
    decisions[0]!.resolve(recordingHandler());
    expect((await first.answered).status).toBe(101);
    // `connections` is in the order in which the clients were accepted.
    expect(wss.connections.map(({ id }) => id)).toEqual(wss.connections.map(({ id }) => id).toSorted((a, b) => a - b));
  });

  test('opens no connection for a client that was reset meanwhile', async () => {
    const { client, connection, decision, wss, server } = await startDeciding();
    client.socket.resetAndDestroy();
    await client.closed;
    await turns();
    expect(timers.pendingTicks).toBe(0);
    decision.resolve(connection);
    await turns();
    expect(connection.callbacks).toEqual([]);
    expect(wss.connections).toEqual([]);
    expect(server.errors).toEqual([]);
    wss.terminate();
    await server.ended();
  });

  test('opens and loses the connection of a client that ended its side meanwhile', async () => {
    const { client, connection, decision, wss } = await startDeciding();
    client.socket.end();
    decision.resolve(connection);
    expect((await connection.ended()).code).toBe(1006);
    expect(connection.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
    expect(wss.connections).toEqual([]);
    await client.closed;
  });

  test('reports its failure also when the client has gone', async () => {
    const { client, decision, server } = await startDeciding();
    client.socket.resetAndDestroy();
    await client.closed;
    await turns();
    decision.reject(new Error('too late'));
    await server.nextEvent('error');
    expect(server.errors.map(({ error }) => error.message)).toEqual(['onConnection failed: too late']);
  });

  test('reports a failure after the server’s onTerminate to the error handler, not to onError', async () => {
    const errors = recordErrors();
    const { client, decision, server, wss } = await startDeciding();
    wss.terminate();
    expect((await client.answered).status).toBe(503);
    await server.ended();
    decision.reject(new Error('too late'));
    await turns();
    expect(server.callbacks).toEqual(['onOpen', 'onConnection', 'onTerminate']);
    expect(errors.map(([item]) => item!.message)).toEqual(['onConnection failed: too late']);
  });

  test('is not waited for when the server terminates: the client gets 503, a later handler is not used', async () => {
    const { client, connection, decision, server, wss } = await startDeciding();
    wss.terminate();
    expect((await client.answered).status).toBe(503);
    // The server does not wait for the decision either.
    await server.ended();
    decision.resolve(connection);
    await turns();
    expect(connection.callbacks).toEqual([]);
    expect(wss.connections).toEqual([]);
  });

  test('is not waited for after handshakeTimeoutMs: the client gets 503, a later handler is not used', async () => {
    const clock = useFakeClock();
    const { client, connection, decision, wss } = await startDeciding({ handshakeTimeoutMs: 2000 });
    await clock.advance(1999);
    expect(client.hasAnswer).toBe(false);
    await clock.advance(51);
    expect((await client.answered).status).toBe(503);
    client.socket.end();
    await client.closed;
    decision.resolve(connection);
    await turns();
    expect(connection.callbacks).toEqual([]);
    expect(wss.connections).toEqual([]);
    expect(timers.pendingTicks).toBe(0);
  });

  test('has no deadline any more once it has decided', async () => {
    const clock = useFakeClock();
    const { client, connection, decision } = await startDeciding({ handshakeTimeoutMs: 2000 });
    decision.resolve(connection);
    await client.answered;
    await clock.advance(10_000);
    client.sendText('hello');
    expect(await connection.nextMessage()).toBe('hello');
  });

  test.each([
    [
      'a getter onMessage that throws',
      {
        get onMessage(): never {
          throw new Error('hostile');
        },
      },
    ],
    [
      'a proxy that throws',
      new Proxy(
        {},
        {
          get(_, name) {
            if (name === 'then') return undefined;
            throw new Error('hostile');
          },
        },
      ),
    ],
  ])('answers 500 and runs onError when it returns %s', async (_, answer) => {
    for (const give of [() => answer, () => Promise.resolve(answer)]) {
      const server = recordingServerHandler({ onConnection: give });
      const { web } = await startLibraryServer(server);
      const client = await RawClient.request(web.HTTPPort);
      expect((await client.answered).status).toBe(500);
      expect(server.errors).toHaveLength(1);
    }
  });
});

describe('an onOpen of the server that takes time', () => {
  test('makes clients wait until it has finished', async () => {
    const isReady = createDeferred();
    const server = recordingServerHandler({ onOpen: () => isReady.promise });
    const { web } = await startLibraryServer(server);
    const clients = [await RawClient.request(web.HTTPPort), await RawClient.request(web.HTTPPort)];
    await server.opened();
    await turns();
    expect(server.callbacks).toEqual(['onOpen']);
    expect(clients.map(({ hasAnswer }) => hasAnswer)).toEqual([false, false]);
    isReady.resolve();
    for (const client of clients) expect((await client.answered).status).toBe(101);
    expect(server.callbacks).toEqual(['onOpen', 'onConnection', 'onConnection']);
  });

  test('is waited for by onTerminate after terminate(), and the clients are refused', async () => {
    const isReady = createDeferred();
    const server = recordingServerHandler({ onOpen: () => isReady.promise });
    const { web, wss } = await startLibraryServer(server);
    const client = await RawClient.request(web.HTTPPort);
    await server.opened();
    await turns();
    wss.terminate();
    expect((await client.answered).status).toBe(503);
    await turns();
    expect(server.callbacks).toEqual(['onOpen']);
    expect(wss.terminated).toBe(false);
    isReady.resolve();
    await server.ended();
    expect(server.callbacks).toEqual(['onOpen', 'onTerminate']);
  });

  test('is reported when it fails, and the server works', async () => {
    const errors = recordErrors();
    const server = recordingServerHandler({ onOpen: () => Promise.reject(new Error('no log file')) });
    const { url } = await startLibraryServer(server);
    await connectPeer(url);
    expect(errors).toEqual([[{ errCode: 1011, message: 'onOpen failed: no log file', componentSignature: 'host' }]]);
    expect(server.callbacks).toEqual(['onOpen', 'onConnection']);
  });
});

describe('callbacks of the server', () => {
  test('onError and onTerminate do not overlap', async () => {
    const log: string[] = [];
    const slowly = async (name: string): Promise<void> => {
      log.push(`${name} begins`);
      await turns(5);
      log.push(`${name} ends`);
    };
    const server = recordingServerHandler({
      onConnection: () => ({}),
      onError: () => slowly('onError'),
      onTerminate: () => slowly('onTerminate'),
    });
    const { web, wss } = await startLibraryServer(server);
    const clients = [await RawClient.request(web.HTTPPort), await RawClient.request(web.HTTPPort)];
    for (const client of clients) await client.answered;
    wss.terminate();
    await expect.poll(() => log.at(-1)).toBe('onTerminate ends');
    expect(log).toEqual([
      'onError begins',
      'onError ends',
      'onError begins',
      'onError ends',
      'onTerminate begins',
      'onTerminate ends',
    ]);
  });

  test('a failure in onError or onTerminate is reported, and the path is free afterwards', async () => {
    const errors = recordErrors();
    const server = recordingServerHandler({
      onConnection: () => ({}),
      onError: () => {
        throw new Error('one');
      },
      onTerminate: () => Promise.reject(new Error('two')),
    });
    const { web, wss } = await startLibraryServer(server, { path: '/chat' });
    const client = await RawClient.request(web.HTTPPort, { path: '/chat' });
    await client.answered;
    wss.terminate();
    await server.ended();
    await turns();
    expect(errors.map(([item]) => item!.message)).toEqual(['onError failed: one', 'onTerminate failed: two']);
    expect(WebSocketServer.new(server, { webServer: web, path: '/chat' })).not.toBeNull();
  });

  test('stop() of the web server waits for an onTerminate that is running already', async () => {
    const isOver = createDeferred();
    const server = recordingServerHandler({ onTerminate: () => isOver.promise });
    const { web, wss } = await startLibraryServer(server);
    wss.terminate();
    await server.ended();
    let hasStopped = false;
    const stopped = (async () => {
      await web.stop();
      hasStopped = true;
    })();
    await turns();
    expect(hasStopped).toBe(false);
    isOver.resolve();
    await stopped;
    expect(hasStopped).toBe(true);
  });

  test('a server created in a worker decides and ends in that worker', async () => {
    const web = await startWebServer();
    const name = workerName();
    const names: string[] = [];
    const note = (): void => void names.push(currentProcessName());
    const server = recordingServerHandler({
      onOpen: note,
      onConnection: async () => {
        note();
        await turns(2);
        note();
        return recordingHandler({ onOpen: note, onTerminate: note });
      },
      onTerminate: note,
    });
    let wss: WebSocketServer<unknown> | null = null;
    callWorker(name, () => {
      wss = WebSocketServer.new(server, { webServer: web, dataType: 'object' });
    });
    await server.opened();
    await connectPeer(`ws://127.0.0.1:${web.HTTPPort}`);
    wss!.terminate();
    await server.ended();
    expect(names).toEqual([name, name, name, name, name, name]);
  });
});

describe('terminate', () => {
  test('a second and third call hasten the end: terminate(), terminate(1), terminate(0)', async () => {
    const clock = useFakeClock();
    const server = recordingServerHandler();
    const { web, wss } = await startLibraryServer(server, { pingIntervalMs: Infinity });
    const client = await RawClient.open(web.HTTPPort);
    wss.terminate();
    expect(await client.nextFrame()).toBe('88 03e8');
    await clock.advance(60_000);
    expect(wss.terminated).toBe(false);
    wss.terminate(1);
    await clock.advance(900);
    expect(wss.terminated).toBe(false);
    expect(client.hasClosed).toBe(false);
    wss.terminate(0);
    await client.closed;
    await server.ended();
    // All three calls together send one close frame.
    expect(client.frames.all).toEqual(['88 03e8']);
    expect(server.callbacks).toEqual(['onOpen', 'onConnection', 'onTerminate']);
    const [handler] = server.handlers;
    expect(handler!.callbacks).toEqual(['onOpen', 'onTerminate']);
    expect(handler!.ending).toMatchObject({
      cause: 'shutdown',
      phase: 'closing',
      message:
        'this program dropped the connection before the peer answered the close frame: the server was terminated',
    });
    expect(timers.pendingTicks).toBe(0);
  });

  test('a second call with a longer time does not delay the end', async () => {
    const clock = useFakeClock();
    const server = recordingServerHandler();
    const { web, wss } = await startLibraryServer(server);
    const client = await RawClient.open(web.HTTPPort);
    wss.terminate(1);
    wss.terminate(100);
    wss.terminate();
    await client.nextFrame();
    await clock.advance(1050);
    await server.ended();
    expect(server.handlers[0]!.callbacks).toEqual(['onOpen', 'onTerminate']);
    expect(timers.pendingTicks).toBe(0);
  });

  test('onTerminate of a connection comes before that of the server, also where an earlier connection hangs', async () => {
    const clock = useFakeClock();
    const log: string[] = [];
    let count = 0;
    const onConnection = (): object => {
      const name = `connection ${++count}`;
      return { onMessage() {}, onTerminate: () => log.push(name) };
    };
    const server = recordingServerHandler({ onConnection, onTerminate: () => void log.push('server') });
    const { web, wss } = await startLibraryServer(server);
    const closes: (() => void)[] = [];
    for (let i = 0; i < 2; i++) {
      const connected = once(web.httpServers[0]!, 'connection') as Promise<[Socket]>;
      await RawClient.open(web.HTTPPort);
      const [socket] = await connected;
      // The system takes its time to close the socket.
      const close = Reflect.get(socket, '_destroy') as (...parameters: unknown[]) => void;
      Reflect.set(socket, '_destroy', (...parameters: unknown[]) => closes.push(() => close.apply(socket, parameters)));
    }
    wss.terminate(0);
    await clock.advance(90);
    closes[1]!();
    await turns();
    expect(log).toEqual([]);
    await clock.advance(10);
    expect(log).toEqual(['connection 2', 'server']);
    closes[0]!();
    await turns();
    expect(log).toEqual(['connection 2', 'server', 'connection 1']);
    expect(timers.pendingTicks).toBe(0);
  });

  test('a connection that is being closed keeps its own deadline', async () => {
    const clock = useFakeClock();
    const server = recordingServerHandler();
    const { web, wss } = await startLibraryServer(server, { closeTimeoutMs: 500 });
    const client = await RawClient.open(web.HTTPPort);
    wss.connections[0]!.terminate(4000, 'bye');
    wss.terminate();
    expect(await client.nextFrame()).toBe('88 0fa0627965');
    await clock.advance(550);
    await server.ended();
    expect(client.frames.all).toHaveLength(1);
  });

  test('a connection whose peer has closed but does not end TCP keeps its own deadline', async () => {
    const clock = useFakeClock();
    const server = recordingServerHandler();
    const { web, wss } = await startLibraryServer(server, { closeTimeoutMs: 500 });
    const client = await RawClient.open(web.HTTPPort);
    client.sendClose(4000);
    await client.ended;
    wss.terminate();
    await clock.advance(550);
    await server.ended();
    expect(await server.handlers[0]!.ended()).toMatchObject({ code: 4000, wasClean: true });
  });

  test("inside the server's onOpen", async () => {
    const server = recordingServerHandler({ onOpen: (wss) => wss.terminate() });
    const { web, wss } = await startLibraryServer(server);
    const client = await RawClient.request(web.HTTPPort);
    await server.ended();
    expect([403, 404, 503]).toContain((await client.answered).status);
    expect(server.callbacks).toEqual(['onOpen', 'onTerminate']);
    expect(wss.terminated).toBe(true);
    client.socket.destroy();
  });

  test('inside onConnection: that client is refused too', async () => {
    const connection = recordingHandler();
    const server = recordingServerHandler({
      onConnection: (wss) => {
        wss.terminate();
        return connection;
      },
    });
    const { web } = await startLibraryServer(server);
    const client = await RawClient.request(web.HTTPPort);
    expect((await client.answered).status).toBe(503);
    await server.ended();
    expect(server.callbacks).toEqual(['onOpen', 'onConnection', 'onTerminate']);
    expect(connection.callbacks).toEqual([]);
  });

  test.each([undefined, 5, 0])("inside a connection's onOpen, with the timeout %s", async (timeout) => {
    const connection = recordingHandler({ onOpen: (ws) => toConnection(ws).wss.terminate(timeout) });
    const server = recordingServerHandler({ onConnection: () => connection });
    const { url, wss } = await startLibraryServer(server);
    const peer = await connectPeer(url).catch(() => undefined);
    await server.ended();
    if (timeout !== 0) expect(await peer!.closed).toEqual({ code: 1000, reason: '' });
    expect(connection.callbacks).toEqual(['onOpen', 'onTerminate']);
    expect(wss.connections).toEqual([]);
  });

  test('inside onMessage: the messages behind it are not delivered', async () => {
    const connection = recordingHandler({ onMessage: (ws) => toConnection(ws).wss.terminate() });
    const server = recordingServerHandler({ onConnection: () => connection });
    const { url } = await startLibraryServer(server);
    const peer = await connectPeer(url);
    for (const text of ['one', 'two', 'three']) peer.send(text);
    await server.ended();
    expect(connection.messages).toEqual(['one']);
    expect(await peer.closed).toEqual({ code: 1000, reason: '' });
  });

  test("inside a connection's onTerminate", async () => {
    const connection = recordingHandler({ onTerminate: (ws) => toConnection(ws).wss.terminate() });
    const server = recordingServerHandler({ onConnection: () => connection });
    const { url } = await startLibraryServer(server);
    const peers = [await connectPeer(url), await connectPeer(url)];
    peers[0]!.socket.close(4000);
    await server.ended();
    expect((await peers[1]!.closed).code).toBe(1000);
    expect(connection.callbacks.filter((name) => name === 'onTerminate')).toHaveLength(2);
    expect(server.callbacks.filter((name) => name === 'onTerminate')).toHaveLength(1);
  });

  test("inside the server's own onTerminate: nothing more happens", async () => {
    const server = recordingServerHandler({
      onTerminate: (wss) => {
        wss.terminate();
        wss.terminate(0);
      },
    });
    const { wss } = await startLibraryServer(server);
    wss.terminate();
    await server.ended();
    wss.terminate(1);
    await turns();
    expect(server.callbacks).toEqual(['onOpen', 'onTerminate']);
    expect(timers.pendingTicks).toBe(0);
  });
});

describe('connections', () => {
  test('is frozen, and the same array until a connection comes or goes', async () => {
    const server = recordingServerHandler();
    const { url, wss } = await startLibraryServer(server);
    const none = wss.connections;
    expect(wss.connections).toBe(none);
    expect(Object.isFrozen(none)).toBe(true);
    const peer = await connectPeer(url);
    const one = wss.connections;
    expect(one).not.toBe(none);
    expect(none).toHaveLength(0);
    peer.send('messages change nothing');
    await (await server.nextHandler()).nextMessage();
    expect(wss.connections).toBe(one);
    expect(() => (one as unknown[]).push(null)).toThrow(TypeError);
    expect(Reflect.set(wss, 'connections', [])).toBe(false);
    await connectPeer(url);
    expect(wss.connections).not.toBe(one);
    expect(wss.connections).toHaveLength(2);
    expect(one).toHaveLength(1);
    peer.socket.close();
    await server.handlers[0]!.ended();
    expect(wss.connections).toHaveLength(1);
    expect(wss.connections).not.toContain(one[0]);
  });

  test('can be iterated while connections come and go', async () => {
    const server = recordingServerHandler();
    const { url, wss } = await startLibraryServer(server);
    const peers = await Promise.all(Array.from({ length: 5 }, () => connectPeer(url)));
    const visited: number[] = [];
    for (const connection of wss.connections) {
      visited.push(connection.id);
      connection.send(`hello ${connection.id}`);
      if (visited.length === 2) {
        peers[0]!.cut();
        peers[3]!.cut();
        await connectPeer(url);
        await server.handlers[3]!.ended();
        await server.handlers[0]!.ended();
      }
    }
    expect(visited).toHaveLength(5);
    expect(new Set(visited).size).toBe(5);
    expect(wss.connections).toHaveLength(4);
    for (const i of [1, 2, 4]) expect(await peers[i]!.nextText()).toBe(`hello ${visited[i]}`);
  });

  test('may all share one handler object', async () => {
    const handler = {
      count: 0,
      onOpen() {
        this.count++;
      },
      onMessage(ws: Connection, event: { readonly data: string }) {
        for (const other of ws.wss.connections) other.send(`${ws.id}: ${event.data}`);
      },
      onTerminate() {
        this.count--;
      },
    };
    const { url, wss } = await startServerOf(handler);
    const peers = [await connectPeer(url), await connectPeer(url), await connectPeer(url)];
    expect(handler.count).toBe(3);
    peers[1]!.send('hello');
    const expected = `${wss.connections[1]!.id}: hello`;
    expect(await Promise.all(peers.map((peer) => peer.nextText()))).toEqual([expected, expected, expected]);
    expect(wss.connections.map((connection) => connection.handler)).toEqual([handler, handler, handler]);
    peers[0]!.socket.close();
    peers[1]!.cut();
    await expect.poll(() => handler.count).toBe(1);
  });

  test('do not wait for a slow callback of another one, even with one handler object', async () => {
    const isOver = createDeferred();
    const seen: string[] = [];
    const handler = {
      async onMessage(_: Connection, event: { readonly data: string }) {
        seen.push(event.data);
        if (event.data === 'slow') await isOver.promise;
      },
    };
    const { url } = await startServerOf(handler);
    const peers = [await connectPeer(url), await connectPeer(url)];
    peers[0]!.send('slow');
    peers[0]!.send('behind');
    await expect.poll(() => seen).toEqual(['slow']);
    peers[1]!.send('other');
    await expect.poll(() => seen).toEqual(['slow', 'other']);
    isOver.resolve();
    await expect.poll(() => seen).toEqual(['slow', 'other', 'behind']);
  });
});
