import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  type ConnectionLoss,
  currentProcessName,
  type ReconnectOptions,
  killWorker,
  type TerminateEvent,
  WebSocket,
} from '../../src/index.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { expectNoDeadlines } from '../helpers/leftovers.ts';
import { startPeerServer } from '../helpers/peer.ts';
import { type RawConnection, startRawServer } from '../helpers/raw-server.ts';
import { turns } from '../helpers/turns.ts';
import { endWorker, runInWorker, workerName } from '../helpers/workers.ts';
import { recordingClientHandler } from '../../src/testing.ts';

afterEach(() => expectNoDeadlines());

/** Makes each random wait half of the longest wait: 500 ms before the first attempt. */
function useHalfOfWaits(): void {
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
}

/** Connects a client to a server of the `ws` package, with a clock that the test advances. */
async function connect(reconnect: boolean | ReconnectOptions = true, handler = recordingClientHandler()) {
  const clock = useFakeClock();
  useHalfOfWaits();
  const server = await startPeerServer();
  const ws = (await WebSocket.new(server.url, handler, { reconnect }))!;
  return { clock, server, handler, ws, peer: await server.accept() };
}

/** Connects a client to a server whose answers the test writes, with a clock that the test advances. */
async function connectRaw(reconnect: boolean | ReconnectOptions = true, handler = recordingClientHandler()) {
  const clock = useFakeClock();
  useHalfOfWaits();
  const server = await startRawServer();
  const ws = new WebSocket(server.url, handler, { reconnect });
  const peer = await server.open();
  expect(await ws.ready).toBe(ws);
  return { clock, server, handler, ws, peer };
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !isTrue(); i++) await turns(5);
  expect(isTrue()).toBe(true);
}

function refuse(peer: RawConnection, status: string, ...headers: readonly string[]): void {
  peer.socket.end(`HTTP/1.1 ${[status, 'Content-Length: 0', ...headers].join('\r\n')}\r\n\r\n`);
}

describe('without the option reconnect', () => {
  test('a lost connection ends the client', async () => {
    const { handler, peer, ws } = await connect(false);
    peer.cut();
    expect(await handler.ended()).toMatchObject({ code: 1006 });
    expect(await handler.ended()).not.toHaveProperty('unsentMessages');
    expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
    expect(ws.send('x')).toBe('dropped');
  });
});

describe('a client that reconnects', () => {
  test('runs onReconnect instead of onError, onTerminate and onOpen, and goes on', async () => {
    const { clock, server, handler, ws, peer } = await connect();
    peer.send('before');
    await handler.nextMessage();
    peer.cut();
    await until(() => ws.status === 'Connecting');
    await clock.advance(450);
    expect(server.peers.all).toHaveLength(1);
    await clock.advance(100);
    const next = await server.accept();
    await handler.nextEvent('reconnect');
    expect(ws.status).toBe('Connected');
    next.send('after');
    await handler.nextMessage();
    expect(ws.send('answer')).toBe('sent');
    expect(await next.nextText()).toBe('answer');
    ws.terminate();
    expect(await handler.ended()).toMatchObject({ code: 1000, wasClean: true, unsentMessages: [] });
    expect(handler.callbacks.join()).toBe('onOpen,onMessage,onDisconnect,onReconnect,onMessage,onTerminate');
    expect(handler.eventsOf('reconnect')).toEqual([{ type: 'reconnect', attempt: 1, uncertainMessages: 0 }]);
  });

  test.each([1001, 1011, 1012, 1013])('reconnects after close code %i', async (code) => {
    const { clock, server, handler, ws, peer } = await connect();
    peer.socket.close(code);
    await until(() => ws.status === 'Connecting');
    await clock.advance(550);
    await server.accept();
    await handler.nextEvent('reconnect');
    expect(handler.callbacks).toEqual(['onOpen', 'onDisconnect', 'onReconnect']);
    ws.terminate();
    await handler.ended();
  });

  test.each([1000, 1008, 4001])('does not reconnect after close code %i', async (code) => {
    const { handler, peer } = await connect();
    peer.socket.close(code, 'why');
    expect(await handler.ended()).toMatchObject({ code, reason: 'why', cause: 'peer-closed', unsentMessages: [] });
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
  });

  test('does not reconnect after its own terminate(), also when the peer never answers', async () => {
    const { clock, handler, ws } = await connectRaw();
    ws.terminate();
    await clock.advance(10_100);
    expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'timeout' });
    expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
  });

  test('does not reconnect after terminate() while the peer is closing', async () => {
    const { handler, ws, peer } = await connectRaw();
    peer.socket.write(Buffer.of(0x88, 2, 0x03, 0xf4));
    await until(() => ws.status === 'Closing');
    ws.terminate();
    peer.socket.end();
    expect(await handler.ended()).toMatchObject({ code: 1012, cause: 'peer-closed' });
  });

  test('does not reconnect after an error in a callback', async () => {
    const { handler, peer } = await connect(
      { shouldReconnect: () => true },
      Object.assign(recordingClientHandler(), {
        onMessage() {
          throw new Error('mistake');
        },
      }),
    );
    peer.send('x');
    expect(await handler.ended()).toMatchObject({ code: 1011, cause: 'callback' });
    expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
  });

  test('gives up when a callback fails between two connections', async () => {
    const release = createDeferred();
    const { handler, peer, ws } = await connect(
      true,
      Object.assign(recordingClientHandler(), { onMessage: () => release.promise }),
    );
    peer.send('x');
    await turns();
    peer.cut();
    await until(() => ws.status === 'Connecting');
    release.reject(new Error('mistake'));
    expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'callback' });
    expect(handler.callbacks.filter((name) => name !== 'onDisconnect')).toEqual(['onOpen', 'onError', 'onTerminate']);
    expect(handler.errors[0]!.error.code).toBe('ERR_CALLBACK_FAILED');
  });

  test('waits longer before each attempt, and gives up after maxAttempts with the last error', async () => {
    const { clock, server, handler, ws, peer } = await connectRaw({ maxAttempts: 3 });
    peer.socket.destroy();
    await until(() => ws.status === 'Connecting');
    for (const delayMs of [500, 1000, 2000]) {
      const before = server.connections.all.length;
      await clock.advance(delayMs - 50);
      expect(server.connections.all).toHaveLength(before);
      await clock.advance(100);
      refuse(await acceptNext(server), '503 Busy');
      await turns();
    }
    expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'refused', reconnectAttempts: 3 });
    const losses = ['onDisconnect', 'onDisconnect', 'onDisconnect'];
    expect(handler.callbacks).toEqual(['onOpen', ...losses, 'onError', 'onTerminate']);
    expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_HANDSHAKE_REFUSED', httpStatus: 503 });
  });

  test('counts attempts anew only after a connection that lasted maxDelayMs', async () => {
    const { clock, server, handler, ws, peer } = await connect({ maxDelayMs: 5000 });
    peer.cut();
    await until(() => ws.status === 'Connecting');
    await clock.advance(600);
    const second = await server.accept();
    await handler.nextEvent('reconnect');
    second.cut();
    await until(() => ws.status === 'Connecting');
    await clock.advance(1100);
    const third = await server.accept();
    await handler.nextEvent('reconnect');
    await clock.advance(5000);
    third.cut();
    await until(() => ws.status === 'Connecting');
    await clock.advance(600);
    await server.accept();
    await handler.nextEvent('reconnect');
    expect(handler.eventsOf('reconnect').map(({ attempt }) => attempt)).toEqual([1, 2, 1]);
    ws.terminate();
    await handler.ended();
  });

  test('does not reconnect after a refusal that is not temporary', async () => {
    const { clock, server, handler, ws, peer } = await connectRaw();
    peer.socket.destroy();
    await until(() => ws.status === 'Connecting');
    await clock.advance(600);
    refuse(await acceptNext(server), '401 Unauthorized');
    await handler.ended();
    expect(handler.errors[0]!.error).toMatchObject({ httpStatus: 401 });
  });

  test.each(['Retry-After: 60', `Retry-After: ${new Date(Date.now() + 60_900).toUTCString()}`])(
    'waits as long as the server asks for: %s',
    async (header) => {
      const { clock, server, handler, ws, peer } = await connectRaw();
      peer.socket.destroy();
      await until(() => ws.status === 'Connecting');
      await clock.advance(600);
      refuse(await acceptNext(server), '429 Slow down', header);
      await turns();
      await clock.advance(58_000);
      expect(server.connections.all).toHaveLength(2);
      await clock.advance(4000);
      await acceptNext(server);
      ws.terminate();
      expect(await handler.ended()).toMatchObject({ cause: 'local' });
    },
  );
});

/** Accepts the next connection of a raw server, after the one that {@link connectRaw} accepted. */
function acceptNext(server: Awaited<ReturnType<typeof startRawServer>>): Promise<RawConnection> {
  return server.accept();
}

describe('shouldReconnect', () => {
  test('gets the loss, and decides', async () => {
    const events: ConnectionLoss[] = [];
    const { clock, server, handler, ws, peer } = await connectRaw({
      shouldReconnect(event) {
        events.push(event);
        return event.error?.httpStatus !== 403;
      },
    });
    peer.socket.write(Buffer.concat([Buffer.of(0x88, 3, 0x0f, 0xa1), Buffer.from('x')]));
    peer.socket.end();
    await until(() => ws.status === 'Connecting');
    await clock.advance(600);
    refuse(await acceptNext(server), '401 Unauthorized');
    await turns();
    await clock.advance(1100);
    refuse(await acceptNext(server), '403 Forbidden');
    await handler.ended();
    expect(events).toMatchObject([
      {
        code: 4001,
        reason: 'x',
        cause: 'peer-closed',
        phase: 'open',
        error: undefined,
        attempt: 1,
        isTemporary: false,
      },
      { code: 1006, cause: 'refused', phase: 'handshake', error: { httpStatus: 401 }, attempt: 2, isTemporary: false },
      { code: 1006, cause: 'refused', phase: 'handshake', error: { httpStatus: 403 }, attempt: 3, isTemporary: false },
    ]);
  });

  test('may decline a temporary loss: onError and onTerminate follow', async () => {
    const { handler, peer } = await connect({ shouldReconnect: () => false });
    peer.cut();
    await handler.ended();
    expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
  });

  test('that throws ends the client, and the error handler gets the error', async () => {
    const errors = recordErrors();
    const { handler, peer } = await connect({
      shouldReconnect() {
        throw new Error('mistake');
      },
    });
    peer.cut();
    await handler.ended();
    expect(errors).toMatchObject([[{ errCode: 1011 }]]);
  });

  test.each(['the connection', 'an attempt'])(
    'may call terminate(): onTerminate runs once, after the loss of %s',
    async (what) => {
      const terminated: TerminateEvent[] = [];
      const handler = Object.assign(recordingClientHandler(), {
        onTerminate: (_: unknown, event: TerminateEvent) => void terminated.push(event),
      });
      const { clock, server, ws, peer } = await connectRaw(
        {
          shouldReconnect({ attempt }) {
            if (attempt === (what === 'an attempt' ? 2 : 1)) ws.terminate();
            return true;
          },
        },
        handler,
      );
      peer.socket.destroy();
      if (what === 'an attempt') {
        await until(() => ws.status === 'Connecting');
        await clock.advance(600);
        refuse(await acceptNext(server), '503 Busy');
      }
      await until(() => ws.status === 'Closed');
      await clock.advance(60_000);
      expect(terminated).toHaveLength(1);
    },
  );
});

describe('url and headers', () => {
  test('are called before each attempt, synchronous or asynchronous', async () => {
    let count = 0;
    const { clock, server, handler, ws, peer } = await connectRaw({
      url: async () => `${ws.url}/again?token=${++count}`,
      headers: () => ({ 'x-count': String(count) }),
    });
    peer.socket.destroy();
    await until(() => ws.status === 'Connecting');
    await clock.advance(600);
    refuse(await acceptNext(server), '503 Busy');
    await turns();
    await clock.advance(1100);
    const next = await acceptNext(server);
    expect(next.request).toContain('GET /again?token=2 HTTP/1.1');
    expect(next.header('x-count')).toBe('2');
    expect(ws.url).toBe(server.url);
    ws.terminate();
    await handler.ended();
  });

  test('that fail count as a failed attempt', async () => {
    const seen: unknown[] = [];
    const { clock, handler, ws, peer } = await connectRaw({
      maxAttempts: 2,
      url: () => Promise.reject(new Error('no token')),
      shouldReconnect({ error, isTemporary }) {
        seen.push([error?.code, isTemporary]);
        return isTemporary;
      },
    });
    peer.socket.destroy();
    await until(() => ws.status === 'Connecting');
    await clock.advance(600);
    await clock.advance(1100);
    await handler.ended();
    expect(seen).toEqual([
      ['ERR_CONNECTION_LOST', true],
      ['ERR_CONNECT_FAILED', true],
    ]);
    expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_CONNECT_FAILED', cause: { message: 'no token' } });
  });

  test.each<[what: string, options: object, code: string]>([
    ['an invalid URL', { url: () => 'http://127.0.0.1' }, 'ERR_INVALID_URL'],
    ['no URL', { url: () => undefined }, 'ERR_INVALID_URL'],
    ['headers that change the request', { headers: () => ({ 'x-a': 'a\r\nb' }) }, 'ERR_INVALID_HEADER'],
  ])('that return %s end the client', async (_what, options, code) => {
    const { clock, handler, ws, peer } = await connectRaw(options);
    peer.socket.destroy();
    await until(() => ws.status === 'Connecting');
    await clock.advance(600);
    await handler.ended();
    expect(handler.errors[0]!.error.code).toBe(code);
  });

  test('that take too long count as a failed attempt, and a late result is not used', async () => {
    const late = createDeferred<string>();
    const { clock, server, handler, ws, peer } = await connectRaw({ maxAttempts: 1, url: () => late.promise });
    peer.socket.destroy();
    await until(() => ws.status === 'Connecting');
    await clock.advance(600);
    await clock.advance(10_100);
    await handler.ended();
    expect(handler.errors[0]!.error.code).toBe('ERR_HANDSHAKE_TIMEOUT');
    late.resolve(server.url);
    await turns();
    expect(server.connections.all).toHaveLength(1);
  });
});

describe('a message that is sent without a connection', () => {
  test('waits, and leaves in order behind the messages of onReconnect', async () => {
    const { clock, server, handler, ws, peer } = await connect(
      true,
      recordingClientHandler({ onReconnect: (again) => again.send('login') }),
    );
    peer.cut();
    await until(() => ws.status === 'Connecting');
    const bytes = Buffer.from('two');
    expect([ws.send('one'), ws.send(bytes), ws.send({ three: 3 })]).toEqual(['queued', 'queued', 'queued']);
    bytes.fill(0);
    expect(ws.bufferedBytes).toBe(3 + 3 + 11);
    const drained = ws.drained();
    const first = await Promise.race([drained.then(() => 'drained'), turns().then(() => 'waiting')]);
    expect(first).toBe('waiting');
    await clock.advance(600);
    const next = await server.accept();
    const seen = await next.messages.atLeast(4);
    expect(seen.map(({ bytes: each }) => each.toString())).toEqual(['login', 'one', 'two', '{"three":3}']);
    await drained;
    expect(ws.bufferedBytes).toBe(0);
    ws.terminate();
    expect(await handler.ended()).toMatchObject({ unsentMessages: [] });
  });

  test('waits for the first connection too', async () => {
    const server = await startPeerServer();
    const handler = recordingClientHandler();
    const ws = new WebSocket(server.url, handler, { reconnect: true });
    expect(ws.send('early')).toBe('queued');
    const peer = await server.accept();
    expect(await peer.nextText()).toBe('early');
    ws.terminate();
    await handler.ended();
  });

  test('is dropped when the queue is full, and onTerminate gets the messages that were not sent', async () => {
    const { ws, handler, peer } = await connect({ maxQueuedMessages: 3, maxQueuedBytes: 10 });
    peer.cut();
    await until(() => ws.status === 'Connecting');
    expect(['aaaa', 'bbbb', 'ccc', 'cc', ''].map((text) => ws.send(text))).toEqual([
      'queued',
      'queued',
      'dropped',
      'queued',
      'dropped',
    ]);
    ws.terminate();
    expect(ws.send('')).toBe('dropped');
    expect(await handler.ended()).toMatchObject({ unsentMessages: ['aaaa', 'bbbb', 'cc'] });
  });

  test('is checked like any other', async () => {
    const { ws, handler, peer } = await connect();
    peer.cut();
    await until(() => ws.status === 'Connecting');
    expect(() => ws.send(5 as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_MESSAGE' }));
    ws.terminate();
    await handler.ended();
  });

  test('does not overtake a long queue that the server reads slowly', async () => {
    const { clock, server, handler, ws, peer } = await connect({ maxQueuedBytes: Infinity });
    peer.cut();
    await until(() => ws.status === 'Connecting');
    const large = 'x'.repeat(700_000);
    for (let i = 0; i < 20; i++) expect(ws.send(`${i} ${large}`)).toBe('queued');
    await clock.advance(600);
    const next = await server.accept();
    await handler.nextEvent('reconnect');
    ws.send('last');
    const seen = await next.messages.atLeast(21);
    expect(seen.map(({ bytes }) => bytes.toString().split(' ')[0])).toEqual([
      ...Array.from({ length: 20 }, (_, i) => String(i)),
      'last',
    ]);
    ws.terminate();
    await handler.ended();
  });
});

describe('terminate()', () => {
  test('between two attempts ends the client: onTerminate once, no timer, no attempt', async () => {
    const { clock, server, handler, ws, peer } = await connect();
    peer.cut();
    await until(() => ws.status === 'Connecting');
    ws.terminate();
    expect(handler.callbacks).toEqual(['onOpen', 'onDisconnect']);
    await expectNoDeadlines();
    expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'local' });
    await clock.advance(60_000);
    expect(handler.callbacks).toEqual(['onOpen', 'onDisconnect', 'onTerminate']);
    expect(server.peers.all).toHaveLength(1);
    expect(ws.status).toBe('Closed');
  });

  test('during an attempt ends it', async () => {
    const { clock, server, handler, ws, peer } = await connectRaw();
    peer.socket.destroy();
    await until(() => ws.status === 'Connecting');
    await clock.advance(600);
    const next = await acceptNext(server);
    ws.terminate();
    await next.ended;
    expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'local' });
  });
});

describe('in a worker', () => {
  test('callbacks and option functions run there, and the end of the worker ends a waiting client', async () => {
    const clock = useFakeClock();
    useHalfOfWaits();
    const server = await startPeerServer();
    const name = workerName();
    const names: string[] = [];
    const note = (): void => void names.push(currentProcessName());
    const handler = recordingClientHandler({ onReconnect: note });
    const ws = (await runInWorker(name, () =>
      WebSocket.new(server.url, handler, {
        reconnect: {
          shouldReconnect: ({ isTemporary }) => {
            note();
            return isTemporary;
          },
          url: async () => {
            note();
            return server.url;
          },
        },
      }),
    ))!;
    (await server.accept()).cut();
    await until(() => ws.status === 'Connecting');
    await clock.advance(600);
    const next = await server.accept();
    await handler.nextEvent('reconnect');
    expect(names).toEqual([name, name, name]);
    next.cut();
    await until(() => ws.status === 'Connecting');
    killWorker(name);
    expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'worker' });
    await endWorker(name);
    expect(handler.callbacks.join()).toBe('onOpen,onDisconnect,onReconnect,onDisconnect,onTerminate');
  });
});
