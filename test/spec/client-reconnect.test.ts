import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  type DisconnectEvent,
  killWorker,
  type ReconnectOptions,
  WebSocket,
  type WebSocketOptions,
} from '../../src/index.ts';
import { type RecordedClientCallbacks, recordingClientHandler } from '../../src/testing.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { expectNoDeadlines } from '../helpers/leftovers.ts';
import { startPeerServer } from '../helpers/peer.ts';
import { type RawServer, startRawServer } from '../helpers/raw-server.ts';
import { turns } from '../helpers/turns.ts';
import { endWorker, runInWorker, workerName } from '../helpers/workers.ts';

afterEach(() => expectNoDeadlines());

const certificate = makeCertificate();

/** Waits are half of the longest wait: 500 ms before the first attempt, then 1 000 ms, 2 000 ms, … */
function useClock() {
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  return useFakeClock();
}

/** Connects a client to a server of the `ws` package. */
async function connect(
  reconnect: boolean | ReconnectOptions = true,
  callbacks: RecordedClientCallbacks<string> = {},
  options: WebSocketOptions = {},
) {
  const clock = useClock();
  const server = await startPeerServer();
  const handler = recordingClientHandler(callbacks);
  const ws = (await WebSocket.new(server.url, handler, { reconnect, ...options }))!;
  return { clock, server, handler, ws, peer: await server.accept() };
}

/** Connects a client to a server whose answers the test writes. */
async function connectRaw(
  reconnect: boolean | ReconnectOptions = true,
  callbacks: RecordedClientCallbacks<string> = {},
) {
  const clock = useClock();
  const server = await startRawServer();
  const handler = recordingClientHandler(callbacks);
  const ws = new WebSocket(server.url, handler, { reconnect, pingIntervalMs: Infinity });
  const peer = await server.open();
  await ws.ready;
  return { clock, server, handler, ws, peer };
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !isTrue(); i++) await turns(5);
  expect(isTrue()).toBe(true);
}

async function refuse(server: RawServer, status: number, ...headers: readonly string[]): Promise<void> {
  const { socket } = await server.accept();
  socket.end(`HTTP/1.1 ${[`${status} Refused`, 'Content-Length: 0', ...headers].join('\r\n')}\r\n\r\n`);
  await turns();
}

/** Ends a client for the last time. */
async function end(ws: WebSocket): Promise<void> {
  ws.destroy();
  await until(() => ws.status === 'Closed');
}

describe('reconnect()', () => {
  test('4D-223 while the client waits makes the attempt at once, and counts from 1 again', async () => {
    const { clock, server, handler, ws, peer } = await connectRaw();
    peer.socket.destroy();
    await until(() => ws.status === 'Connecting');
    await clock.advance(600);
    await refuse(server, 503);
    await clock.advance(1100);
    await refuse(server, 503);
    ws.reconnect();
    await server.open();
    await handler.nextEvent('reconnect');
    expect(handler.eventsOf('reconnect')).toEqual([{ type: 'reconnect', attempt: 1, uncertainMessages: 0 }]);
    // The waits were given up with it.
    await clock.advance(60_000);
    expect(server.connections.all).toHaveLength(4);
    await end(ws);
  });

  test('4D-223 during an attempt begins anew', async () => {
    const { clock, server, handler, ws, peer } = await connectRaw();
    peer.socket.destroy();
    await until(() => ws.status === 'Connecting');
    await clock.advance(600);
    const stuck = await server.accept();
    ws.reconnect();
    await stuck.ended;
    await server.open();
    await handler.nextEvent('reconnect');
    expect(ws.status).toBe('Connected');
    await end(ws);
  });

  test('4D-223 during the first attempt begins anew, with the same time as before, and leads to onOpen', async () => {
    const clock = useClock();
    const server = await startRawServer();
    const handler = recordingClientHandler();
    const ws = new WebSocket(server.url, handler, { reconnect: true, connectTimeoutMs: 5000 });
    await server.accept();
    await clock.advance(4000);
    ws.reconnect();
    await server.accept();
    await clock.advance(4000);
    expect(ws.status).toBe('Connecting');
    ws.reconnect();
    await server.open();
    expect(await ws.ready).toBe(ws);
    expect([handler.callbacks, handler.eventsOf('reconnect'), handler.eventsOf('disconnect')]).toEqual([
      ['onOpen'],
      [],
      [],
    ]);
    await end(ws);
  });

  test('4D-223 while url() is awaited asks again', async () => {
    const urls: ReturnType<typeof createDeferred<string>>[] = [];
    const url = (): Promise<string> => {
      urls.push(createDeferred<string>());
      return urls.at(-1)!.promise;
    };
    const { clock, server, handler, ws, peer } = await connectRaw({ url });
    peer.socket.destroy();
    await until(() => ws.status === 'Connecting');
    await clock.advance(600);
    ws.reconnect();
    expect(urls).toHaveLength(1);
    await turns();
    expect(urls).toHaveLength(2);
    urls[0]!.resolve(`${server.url}/old`);
    urls[1]!.resolve(`${server.url}/new`);
    const next = await server.open();
    expect(next.request).toContain('GET /new ');
    await handler.nextEvent('reconnect');
    expect(server.connections.all).toHaveLength(2);
    await end(ws);
  });

  test('4D-223 while Connected closes the connection with 1000, and another one follows', async () => {
    const { server, handler, ws, peer } = await connect();
    expect(ws.send('before')).toBe('sent');
    ws.reconnect();
    ws.reconnect();
    expect([ws.status, handler.callbacks]).toEqual(['Closing', ['onOpen']]);
    expect(ws.send('after')).toBe('queued');
    expect(await peer.nextText()).toBe('before');
    expect(await peer.closed).toEqual({ code: 1000, reason: '' });
    const next = await server.accept();
    expect(await next.nextText()).toBe('after');
    expect(handler.callbacks).toEqual(['onOpen', 'onDisconnect', 'onReconnect', 'onDrain']);
    expect(handler.eventsOf('disconnect')).toEqual([{ type: 'disconnect', cause: 'local', attempt: 1, delayMs: 0 }]);
    expect(handler.eventsOf('reconnect')).toEqual([{ type: 'reconnect', attempt: 1, uncertainMessages: 0 }]);
    next.send('still read');
    expect(await handler.nextMessage()).toBe('still read');
    await turns();
    expect(server.peers.all).toHaveLength(2);
    await end(ws);
    expect(handler.eventsOf('terminate')).toHaveLength(1);
  });

  test('4D-223 tells what is uncertain when the server closes at the same moment', async () => {
    const { server, handler, ws, peer } = await connectRaw();
    ws.send('uncertain');
    await peer.frames.atLeast(1);
    ws.reconnect();
    // The close frame of a server that reads nothing any more; an answer would have the code 1000.
    peer.socket.end(Buffer.of(0x88, 2, 0x03, 0xe9));
    await server.open();
    expect(await handler.nextEvent('reconnect')).toMatchObject({ uncertainMessages: 1 });
    await end(ws);
  });

  test('4D-223 does not wait for a server that does not answer the close frame', async () => {
    const { clock, server, handler, ws } = await connectRaw();
    ws.reconnect();
    await clock.advance(1100);
    await server.open();
    await handler.nextEvent('reconnect');
    expect(handler.callbacks).toEqual(['onOpen', 'onDisconnect', 'onReconnect']);
    await end(ws);
  });

  test('4D-223 while the server closes for good connects again all the same', async () => {
    const shouldReconnect = vi.fn<() => boolean>(() => false);
    const { server, handler, ws, peer } = await connectRaw({ shouldReconnect });
    peer.socket.write(Buffer.of(0x88, 2, 0x03, 0xe8));
    await until(() => ws.status === 'Closing');
    ws.reconnect();
    peer.socket.end();
    await server.open();
    await handler.nextEvent('reconnect');
    expect(shouldReconnect).not.toHaveBeenCalled();
    await end(ws);
  });

  test.each(['a connection', 'an attempt'])(
    '4D-223 within shouldReconnect wins, after the loss of %s',
    async (what) => {
      let isCalled = false;
      const { clock, server, handler, ws, peer } = await connectRaw({
        shouldReconnect({ attempt }) {
          if (attempt < (what === 'an attempt' ? 2 : 1)) return true;
          isCalled = true;
          ws.reconnect();
          return false;
        },
      });
      peer.socket.destroy();
      if (what === 'an attempt') {
        await until(() => ws.status === 'Connecting');
        await clock.advance(600);
        await refuse(server, 401);
      }
      await server.open();
      await handler.nextEvent('reconnect');
      const losses = what === 'an attempt' ? ['onDisconnect', 'onDisconnect'] : ['onDisconnect'];
      expect([isCalled, handler.callbacks]).toEqual([true, ['onOpen', ...losses, 'onReconnect']]);
      await end(ws);
    },
  );

  test('4D-223 after giving up begins another life: onReconnect, and onTerminate once more', async () => {
    const { clock, server, handler, ws, peer } = await connectRaw({ maxAttempts: 1 });
    const { id, ready } = ws;
    peer.socket.destroy();
    await until(() => ws.status === 'Connecting');
    ws.send('unsent');
    await clock.advance(600);
    await refuse(server, 503);
    expect(await handler.ended()).toMatchObject({ reconnectAttempts: 1, unsentMessages: ['unsent'] });
    await until(() => ws.status === 'Closed');
    ws.reconnect();
    expect([ws.status, ws.id, ws.send('kept')]).toEqual(['Connecting', id, 'queued']);
    const again = ws.ready;
    expect([again === ready, ws.ready === again]).toEqual([false, true]);
    const next = await server.open();
    expect(await again).toBe(ws);
    expect(handler.eventsOf('reconnect')).toEqual([{ type: 'reconnect', attempt: 1, uncertainMessages: 0 }]);
    await next.frames.atLeast(1);
    expect(next.frames.all).toEqual([`81 ${Buffer.from('kept').toString('hex')}`]);
    await end(ws);
    const life = ['onOpen', 'onDisconnect', 'onError', 'onTerminate'];
    expect(handler.callbacks).toEqual([...life, 'onReconnect', 'onDrain', 'onTerminate']);
    expect(handler.eventsOf('terminate')[1]).toMatchObject({
      cause: 'local',
      reconnectAttempts: 1,
      unsentMessages: [],
    });
  });

  test('4D-223 after giving up the first connection leads to onOpen, with the whole time again', async () => {
    const clock = useClock();
    const server = await startRawServer();
    const handler = recordingClientHandler();
    const ws = new WebSocket(server.url, handler, { reconnect: { maxAttempts: 1 }, connectTimeoutMs: 5000 });
    await refuse(server, 404);
    await handler.ended();
    await until(() => ws.status === 'Closed');
    expect(await ws.ready).toBeNull();
    await clock.advance(4500);
    ws.reconnect();
    await server.accept();
    await clock.advance(4500);
    expect(ws.status).toBe('Connecting');
    await clock.advance(600);
    expect(await ws.ready).toBeNull();
    expect(handler.errors.map(({ error }) => error.code)).toEqual(['ERR_HANDSHAKE_REFUSED', 'ERR_CONNECT_TIMEOUT']);
    await until(() => ws.status === 'Closed');
    ws.reconnect();
    await server.open();
    expect(await ws.ready).toBe(ws);
    expect(handler.callbacks.slice(4)).toEqual(['onOpen']);
    await end(ws);
  });

  test.each(['onError', 'onTerminate'] as const)(
    '4D-223 in %s of a failed connection keeps each promise',
    async (name) => {
      useClock();
      const server = await startRawServer();
      let failures = 0;
      const handler = {
        [name](ws: WebSocket) {
          if (++failures === 1) ws.reconnect();
        },
      };
      const ws = new WebSocket(server.url, handler, { reconnect: true });
      const { ready } = ws;
      await refuse(server, 404);
      expect(await ready).toBeNull();
      const again = ws.ready;
      expect(again).not.toBe(ready);
      await server.open();
      expect(await again).toBe(ws);
      await end(ws);
    },
  );

  test('4D-223 after terminate() runs onTerminate first, and onReconnect when that is over', async () => {
    const isOver = createDeferred();
    const onTerminate = vi.fn().mockReturnValueOnce(isOver.promise);
    const { server, handler, ws } = await connect(true, { onTerminate });
    ws.terminate();
    ws.reconnect();
    const { ready } = ws;
    await until(() => ws.status === 'Closed');
    await turns();
    expect([handler.eventsOf('terminate').length, server.peers.all.length]).toEqual([1, 1]);
    isOver.resolve();
    await server.accept();
    expect(await ready).toBe(ws);
    expect(handler.eventsOf('reconnect')).toHaveLength(1);
    await end(ws);
    expect(handler.eventsOf('terminate')).toHaveLength(2);
  });

  test('4D-223 is taken back by terminate(), destroy() and an aborted signal', async () => {
    const controller = new AbortController();
    const { server, handler, ws } = await connect(true, {}, { signal: controller.signal });
    for (const stop of [() => ws.terminate(), () => ws.destroy()]) {
      ws.terminate();
      ws.reconnect();
      const { ready } = ws;
      stop();
      expect(await ready).toBeNull();
      await until(() => ws.status === 'Closed');
      await turns();
      const count = server.peers.all.length;
      ws.reconnect();
      await ws.ready;
      expect(server.peers.all).toHaveLength(count + 1);
    }
    ws.reconnect();
    ws.terminate();
    await until(() => ws.status === 'Closed');
    await turns();
    expect(server.peers.all).toHaveLength(3);
    expect(handler.eventsOf('terminate')).toHaveLength(3);
    ws.reconnect();
    controller.abort();
    await until(() => ws.status === 'Closed');
    ws.reconnect();
    expect(ws.status).toBe('Closed');
    expect(handler.eventsOf('terminate')[3]).toMatchObject({ cause: 'aborted' });
  });

  test('4D-223 of a client whose callback then fails does not save it', async () => {
    const { server, handler, ws, peer } = await connect();
    Object.assign(handler, {
      onMessage() {
        ws.reconnect();
        throw new Error('mistake');
      },
    });
    peer.send('x');
    expect(await handler.ended()).toMatchObject({ code: 1000 });
    await turns();
    expect([handler.callbacks, server.peers.all.length]).toEqual([['onOpen', 'onError', 'onTerminate'], 1]);
  });

  test('4D-223 in onError, after a failing callback, lets onTerminate run first', async () => {
    const { server, handler, ws, peer } = await connect();
    Object.assign(handler, {
      onMessage() {
        throw new Error('mistake');
      },
      onError: () => ws.reconnect(),
    });
    peer.send('x');
    await handler.nextEvent('reconnect');
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate', 'onReconnect']);
    expect(handler.eventsOf('terminate')).toMatchObject([{ code: 1011, cause: 'callback' }]);
    expect(server.peers.all).toHaveLength(2);
    await end(ws);
  });

  test('4D-223 does nothing when the worker of the client was killed', async () => {
    useClock();
    const server = await startPeerServer();
    const name = workerName();
    const handler = recordingClientHandler({ onTerminate: (socket) => (socket as WebSocket).reconnect() });
    const ws = (await runInWorker(name, () => WebSocket.new(server.url, handler, { reconnect: true })))!;
    killWorker(name);
    ws.reconnect();
    await until(() => ws.status === 'Closed');
    await endWorker(name);
    ws.reconnect();
    expect(ws.status).toBe('Closed');
    expect(handler.eventsOf('terminate')).toMatchObject([{ cause: 'worker' }]);
    expect(server.peers.all).toHaveLength(1);
  });

  test('4D-223 within a message of a worker can be awaited there', async () => {
    useClock();
    const server = await startPeerServer();
    const name = workerName();
    const handler = recordingClientHandler();
    const ws = (await runInWorker(name, () => WebSocket.new(server.url, handler, { reconnect: true })))!;
    ws.terminate();
    await until(() => ws.status === 'Closed');
    await runInWorker(name, async () => {
      ws.reconnect();
      expect(await ws.ready).toBe(ws);
    });
    expect(handler.eventsOf('reconnect')).toHaveLength(1);
    await end(ws);
  });

  test('4D-223 of a client with a mistake in its arguments tells the same mistake again', async () => {
    const handler = recordingClientHandler();
    const ws = new WebSocket('http://127.0.0.1', handler, { reconnect: true });
    await handler.ended();
    await turns();
    ws.reconnect();
    expect(await ws.ready).toBeNull();
    await until(() => ws.status === 'Closed');
    expect(handler.errors.map(({ error }) => error.code)).toEqual(['ERR_INVALID_URL', 'ERR_INVALID_URL']);
  });

  test('4D-223 without the option reconnect is an error, and changes nothing', async () => {
    const { handler, ws } = await connect(false);
    expect(() => ws.reconnect()).toThrow(expect.objectContaining({ code: 'ERR_RECONNECT_OFF', errCode: -20017 }));
    const errors = recordErrors();
    ws.reconnect();
    expect(errors).toMatchObject([[{ errCode: -20017, componentSignature: 'HTCL' }]]);
    expect(ws.status).toBe('Connected');
    ws.terminate();
    await handler.ended();
  });
});

describe('onDisconnect', () => {
  test('4D-223 hears each loss that an attempt follows, in order with the messages, and not the last', async () => {
    const log: unknown[] = [];
    const release = createDeferred();
    const { clock, server, handler, ws, peer } = await connectRaw(
      { maxAttempts: 2 },
      { onDisconnect: (_, event) => log.push(event) },
    );
    Object.assign(handler, {
      async onMessage(_ws: unknown, { data }: { data: string }) {
        await release.promise;
        log.push(data);
      },
    });
    peer.socket.write(Buffer.from('810161', 'hex'));
    await turns();
    peer.socket.destroy();
    await until(() => ws.status === 'Connecting');
    expect(log).toEqual([]);
    release.resolve();
    await turns();
    await clock.advance(600);
    await refuse(server, 429, 'Retry-After: 2');
    await clock.advance(3100);
    await refuse(server, 503);
    await until(() => ws.status === 'Closed');
    expect(log).toEqual([
      'a',
      { type: 'disconnect', cause: expect.stringMatching(/^peer-/) as string, attempt: 1, delayMs: 500 },
      { type: 'disconnect', cause: 'refused', attempt: 2, delayMs: 3000 },
    ]);
    expect(Object.isFrozen(log[1])).toBe(true);
    expect(handler.callbacks).toEqual(['onOpen', 'onDisconnect', 'onDisconnect', 'onError', 'onTerminate']);
  });

  test('4D-223 counts from reconnect() on', async () => {
    const { clock, server, handler, ws, peer } = await connectRaw();
    peer.socket.destroy();
    await until(() => ws.status === 'Connecting');
    await clock.advance(600);
    await refuse(server, 503);
    ws.reconnect();
    await refuse(server, 503);
    expect(handler.eventsOf('disconnect').map(({ attempt }) => attempt)).toEqual([1, 2, 2]);
    await end(ws);
  });

  test.each<[what: string, act: (ws: WebSocket) => void]>([
    ['terminate()', (ws) => ws.terminate()],
    ['destroy()', (ws) => ws.destroy()],
  ])('4D-223 may call %s', async (_what, act) => {
    const onDisconnect = (ws: WebSocket): void => act(ws);
    const { clock, server, handler, peer } = await connectRaw(true, { onDisconnect });
    peer.socket.destroy();
    expect(await handler.ended()).toMatchObject({ cause: 'local', reconnectAttempts: 1 });
    await clock.advance(60_000);
    expect(handler.callbacks).toEqual(['onOpen', 'onDisconnect', 'onTerminate']);
    expect(server.connections.all).toHaveLength(1);
  });

  test('4D-223 may call reconnect(), also after a reconnect()', async () => {
    const seen: DisconnectEvent[] = [];
    const onDisconnect = (ws: WebSocket, event: DisconnectEvent): void => {
      if (seen.push(event) < 3) ws.reconnect();
    };
    const { server, handler, ws, peer } = await connectRaw(true, { onDisconnect });
    peer.socket.destroy();
    const next = await server.open();
    await handler.nextEvent('reconnect');
    ws.reconnect();
    next.socket.write(Buffer.of(0x88, 2, 0x03, 0xe8));
    next.socket.end();
    await server.open();
    await handler.nextEvent('reconnect');
    expect(server.connections.all).toHaveLength(3);
    await end(ws);
  });

  test.each<[how: string, fail: () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('mistake');
      },
    ],
    ['rejects', () => Promise.reject(new Error('mistake'))],
  ])('4D-223 that %s ends the client', async (_how, onDisconnect) => {
    const { clock, server, handler, ws, peer } = await connectRaw(true, { onDisconnect });
    peer.socket.destroy();
    expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'callback' });
    expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_CALLBACK_FAILED' });
    expect(handler.errors[0]!.error.message).toContain('onDisconnect failed: mistake');
    await clock.advance(60_000);
    expect([ws.status, server.connections.all.length]).toEqual(['Closed', 1]);
    expect(handler.callbacks).toEqual(['onOpen', 'onDisconnect', 'onError', 'onTerminate']);
  });
});

/** Starts a server that sends all clients to another one. */
async function startRedirect(location: string): Promise<string> {
  const server = createServer(certificate, (_request, response) => response.writeHead(302, { location }).end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `wss://localhost:${(server.address() as AddressInfo).port}/`;
}

/** Connects a client whose `act` runs in the lookup of the given number. */
async function connectLooking(url: string, lookupNumber: number, act: (ws: WebSocket) => void) {
  let lookups = 0;
  const handler = recordingClientHandler();
  const tls: NonNullable<WebSocketOptions['tls']> = {
    ca: certificate.cert,
    lookup(_host, _options, done) {
      if (++lookups === lookupNumber) act(ws);
      done(null, [{ address: '127.0.0.1', family: 4 }]);
    },
  };
  const ws = new WebSocket(url, handler, { reconnect: true, followRedirects: 1, tls });
  expect(await ws.ready).toBe(ws);
  return { handler, ws };
}

/** An attempt that goes on although it was ended would be open before the client that this function connects. */
async function countPeers(server: Awaited<ReturnType<typeof startPeerServer>>, url: string): Promise<number> {
  const { ws } = await connectLooking(url, 0, () => {});
  const count = server.peers.all.length - 1;
  await end(ws);
  return count;
}

describe('tls.lookup, which Node calls while an attempt begins,', () => {
  test.each([
    { where: 'the server', redirects: false },
    { where: 'a redirect', redirects: true },
  ])('4D-223 may end the attempt or begin it anew, with $where', async ({ redirects }) => {
    const server = await startPeerServer({ tls: certificate });
    const target = server.url.replace('127.0.0.1', 'localhost');
    const url = redirects ? await startRedirect(target) : target;
    const lookupNumber = redirects ? 4 : 2;
    for (const stop of ['terminate', 'destroy'] as const) {
      const { handler, ws } = await connectLooking(url, lookupNumber, (each) => each[stop]());
      const before = server.peers.all.length;
      ws.reconnect();
      await handler.ended();
      expect(await countPeers(server, url)).toBe(before);
      expect([ws.status, handler.callbacks]).toEqual(['Closed', ['onOpen', 'onDisconnect', 'onTerminate']]);
    }
    const { handler, ws } = await connectLooking(url, lookupNumber, (each) => each.reconnect());
    const before = server.peers.all.length;
    ws.reconnect();
    await handler.nextEvent('reconnect');
    expect(await countPeers(server, url)).toBe(before + 1);
    expect(handler.eventsOf('reconnect')).toHaveLength(1);
    await end(ws);
  });
});
