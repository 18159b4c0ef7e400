import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  type ConnectionLoss,
  type FourDError,
  killWorker,
  lastErrors,
  tryExpr,
  WebSocket,
  type WebSocketOptions,
} from '../../src/index.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import type { TestClock } from '../../src/testing.ts';
import { recordingClientHandler } from '../../src/testing.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { makeFolder } from '../helpers/folder.ts';
import { expectNoDeadlines } from '../helpers/leftovers.ts';
import { startPeerServer } from '../helpers/peer.ts';
import { findClosedPort, type RawServer, startRawServer } from '../helpers/raw-server.ts';
import { turns } from '../helpers/turns.ts';
import { endWorker, runInWorker, workerName } from '../helpers/workers.ts';

// With the option reconnect, the first connection is tried again like every other.

afterEach(() => expectNoDeadlines());

/** Each wait is half of the longest one: 500 ms before the first further attempt, then 1 000 ms, 2 000 ms, … */
function useClock(): TestClock {
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  return useFakeClock();
}

/** Refuses the next attempt. */
async function refuse(server: RawServer, status: number, ...headers: readonly string[]): Promise<void> {
  const { socket } = await server.accept();
  socket.end(`HTTP/1.1 ${[`${status} Refused`, 'Content-Length: 2', ...headers].join('\r\n')}\r\n\r\nno`);
  await turns();
}

function errorOf(connecting: Promise<WebSocket | null>): Promise<FourDError> {
  return connecting.then(
    () => expect.unreachable('the client is connected'),
    (error: unknown) => error as FourDError,
  );
}

/** Begins to connect to a server whose answers the test writes. */
async function begin(options: WebSocketOptions = {}) {
  const clock = useClock();
  const server = await startRawServer();
  const handler = recordingClientHandler();
  const ws = new WebSocket(server.url, handler, { reconnect: true, pingIntervalMs: Infinity, ...options });
  return { clock, server, handler, ws };
}

test('4D-200 a client waits for a server that is started later, and runs onOpen alone', async () => {
  const clock = useClock();
  const path = `${makeFolder()}/socket`;
  const handler = recordingClientHandler();
  const connecting = WebSocket.new(`ws+unix:${path}`, handler, { reconnect: true });
  await clock.advance(550);
  const server = await startRawServer(path);
  await clock.advance(1050);
  await server.open();
  const ws = (await connecting)!;
  expect(ws.status).toBe('Connected');
  ws.terminate();
  server.connections.all[0]!.socket.end();
  await clock.advance(10_100);
  await handler.ended();
  expect(handler.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);
  expect([handler.eventsOf('reconnect'), handler.eventsOf('disconnect')]).toEqual([[], []]);
});

describe('a failure that may pass', () => {
  test.each([408, 425, 429, 500, 502, 503])(
    '4D-200 a refusal with %i is followed by another attempt',
    async (status) => {
      const { clock, server, handler, ws } = await begin();
      await refuse(server, status);
      expect([ws.status, handler.callbacks]).toEqual(['Connecting', []]);
      await clock.advance(450);
      expect(server.connections.all).toHaveLength(1);
      await clock.advance(100);
      await server.open();
      expect(await ws.ready).toBe(ws);
      expect([handler.callbacks, handler.eventsOf('disconnect')]).toEqual([['onOpen'], []]);
      ws.destroy();
      await handler.ended();
    },
  );

  test('4D-200 an unknown host and a handshake that takes too long are followed by another attempt', async () => {
    const { clock, server, handler, ws } = await begin({ handshakeTimeoutMs: 5000 });
    await server.accept();
    await clock.advance(5100);
    await clock.advance(600);
    await server.open();
    expect(await ws.ready).toBe(ws);
    ws.destroy();
    await handler.ended();
    const losses: ConnectionLoss[] = [];
    const reconnect = { shouldReconnect: (loss: ConnectionLoss) => losses.push(loss) < 0 };
    const unknown = await errorOf(WebSocket.new('ws://nobody.invalid', {}, { reconnect }));
    expect(unknown.code).toBe('ERR_CONNECT_FAILED');
    expect(losses).toMatchObject([{ phase: 'resolving', cause: 'connect', attempt: 1, isTemporary: true }]);
  });

  test('4D-200 Retry-After of the first refusal is waited for', async () => {
    const { clock, server, handler, ws } = await begin();
    await refuse(server, 503, 'Retry-After: 20');
    await clock.advance(20_300);
    expect(server.connections.all).toHaveLength(1);
    await clock.advance(300);
    await server.open();
    expect(await ws.ready).toBe(ws);
    ws.destroy();
    await handler.ended();
  });

  test('4D-200 messages that are sent meanwhile leave in order when onOpen is over', async () => {
    const clock = useClock();
    const port = await findClosedPort();
    const handler = recordingClientHandler();
    const ws = new WebSocket(`ws://127.0.0.1:${port}`, handler, {
      reconnect: { maxQueuedMessages: 2, url: () => server.url },
    });
    const server = await startPeerServer();
    await turns();
    expect(['a', 'b', 'c'].map((text) => ws.send(text))).toEqual(['queued', 'queued', 'dropped']);
    expect([await ws.ping(), ws.bufferedBytes]).toEqual([undefined, 2]);
    await clock.advance(600);
    const peer = await server.accept();
    expect([await peer.nextText(), await peer.nextText()]).toEqual(['a', 'b']);
    ws.terminate();
    expect(await handler.ended()).toMatchObject({ code: 1000, unsentMessages: [] });
    expect(handler.callbacks).toEqual(['onOpen', 'onDrain', 'onTerminate']);
  });

  test('4D-200 WebSocket.new() within a message of a worker is over in that message', async () => {
    const clock = useClock();
    const server = await startRawServer();
    const handler = recordingClientHandler();
    const message = runInWorker(workerName(), () => WebSocket.new(server.url, handler, { reconnect: true }));
    await refuse(server, 503);
    await clock.advance(600);
    await server.open();
    const ws = (await message)!;
    expect(handler.callbacks).toEqual(['onOpen']);
    ws.destroy();
    await handler.ended();
  });
});

describe('a failure that stays', () => {
  test.each([400, 401, 403, 404, 426])('4D-200 a refusal with %i ends the client at once', async (status) => {
    const server = await startRawServer();
    const handler = recordingClientHandler();
    const failed = errorOf(WebSocket.new(server.url, handler, { reconnect: true }));
    await refuse(server, status);
    expect(await failed).toMatchObject({ code: 'ERR_HANDSHAKE_REFUSED', httpStatus: status });
    expect(handler.callbacks).toEqual([]);
  });

  test('4D-200 a subprotocol that was not offered ends the client at once', async () => {
    const { server, handler } = await begin();
    const peer = await server.accept();
    peer.socket.write(peer.answer(['Sec-WebSocket-Protocol: other']));
    expect(await handler.ended()).toMatchObject({ cause: 'protocol', reconnectAttempts: 0 });
    expect(handler.callbacks).toEqual(['onError', 'onTerminate']);
  });

  test('4D-200 a certificate that is not trusted, and a port without TLS, end the client at once', async () => {
    const server = await startPeerServer({ tls: makeCertificate() });
    const untrusted = await errorOf(WebSocket.new(server.url, {}, { reconnect: true }));
    expect(untrusted.cause).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    const plain = await startRawServer();
    const failed = errorOf(WebSocket.new(plain.url.replace('ws:', 'wss:'), {}, { reconnect: true }));
    (await plain.connections.next()).socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    expect((await failed).code).toBe('ERR_CONNECT_FAILED');
  });

  test.each<[what: string, url: string, options: WebSocketOptions, handler: object]>([
    ['URL', 'http://127.0.0.1', {}, {}],
    ['handler', 'ws://127.0.0.1', {}, { dataType: 'json' }],
    ['TLS option', 'wss://127.0.0.1', { tls: { minVersion: 'SSLv1' as never } }, {}],
  ])('4D-200 a %s that cannot be used ends the client at once', async (what, url, options, handler) => {
    const shouldReconnect = vi.fn<() => boolean>(() => true);
    const reconnect = what === 'TLS option' ? true : { shouldReconnect };
    const error = await errorOf(WebSocket.new(url, handler as never, { ...options, reconnect }));
    expect(error.endCause).toBe('invalid');
    expect(shouldReconnect).not.toHaveBeenCalled();
  });
});

test('4D-200 shouldReconnect decides about the first attempt too', async () => {
  const losses: ConnectionLoss[] = [];
  const shouldReconnect = (loss: ConnectionLoss): boolean => {
    losses.push(loss);
    return loss.error?.httpStatus === 401;
  };
  const { clock, server, handler } = await begin({ reconnect: { shouldReconnect } });
  await refuse(server, 401);
  await clock.advance(600);
  await refuse(server, 503);
  expect(await handler.ended()).toMatchObject({ reconnectAttempts: 1 });
  expect(losses).toMatchObject([
    { attempt: 1, code: 1006, cause: 'refused', phase: 'handshake', isTemporary: false, uncertainMessages: 0 },
    { attempt: 2, code: 1006, cause: 'refused', phase: 'handshake', isTemporary: true },
  ]);
  expect(handler.errors[0]!.error.httpStatus).toBe(503);
});

test('4D-200 maxAttempts bounds the further attempts of the first connection', async () => {
  const { clock, server, handler } = await begin({ reconnect: { maxAttempts: 1 } });
  await refuse(server, 503);
  await clock.advance(600);
  await refuse(server, 503);
  expect(await handler.ended()).toMatchObject({ cause: 'refused', reconnectAttempts: 1 });
  expect(server.connections.all).toHaveLength(2);
});

describe('connectTimeoutMs', () => {
  const message =
    'gave up connecting after 60000 ms (connectTimeoutMs); the last attempt failed: handshake refused: HTTP 503 Refused: "no" ' +
    '(the server is overloaded or shutting down: try again later)';

  test('4D-200 the default of 60 s ends a client with the last refusal', async () => {
    const { clock, server, handler, ws } = await begin({ reconnect: { maxDelayMs: 1000 } });
    const countAnswers = answerAll(server, 503);
    for (let i = 0; i < 59; i++) await clock.advance(1000);
    expect([ws.status, handler.callbacks]).toEqual(['Connecting', []]);
    const count = countAnswers();
    expect(count).toBeGreaterThan(10);
    await clock.advance(1100);
    expect(await ws.ready).toBeNull();
    expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'timeout', message });
    expect(handler.callbacks).toEqual(['onError', 'onTerminate']);
    const { error } = handler.errors[0]!;
    expect(error).toMatchObject({ code: 'ERR_CONNECT_TIMEOUT', errCode: 1006, message, httpStatus: 503 });
    expect(error.cause).toMatchObject({ code: 'ERR_HANDSHAKE_REFUSED' });
    expect(Buffer.from(error.httpBody!).toString()).toBe('no');
  });

  test('4D-200 WebSocket.new() fails in the end as without reconnect: no callback, one error', async () => {
    const clock = useClock();
    const handler = recordingClientHandler();
    const url = `ws://127.0.0.1:${await findClosedPort()}`;
    const connecting = tryExpr(() => WebSocket.new(url, handler, { reconnect: true, connectTimeoutMs: 2000 }));
    await clock.advance(1000);
    await clock.advance(1100);
    expect(await connecting).toBeNull();
    expect(lastErrors()).toMatchObject([{ errCode: 1006, message: expect.stringMatching(/ECONNREFUSED/) as string }]);
    expect(handler.callbacks).toEqual([]);
  });

  test('4D-200 an attempt that is under way is ended', async () => {
    const { clock, server, handler } = await begin({ connectTimeoutMs: 500 });
    const peer = await server.accept();
    await clock.advance(600);
    await peer.ended;
    expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'timeout', phase: 'handshake' });
    expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_CONNECT_TIMEOUT', side: 'remote' });
    expect(handler.errors[0]!.error.cause).toBeUndefined();
  });

  test('4D-200 Infinity lets the client wait for ever', async () => {
    const { clock, server, handler, ws } = await begin({ connectTimeoutMs: Infinity });
    const countAnswers = answerAll(server, 503);
    for (let i = 0; i < 60; i++) await clock.advance(10_000);
    expect(ws.status).toBe('Connecting');
    expect(countAnswers()).toBeGreaterThan(10);
    ws.terminate();
    expect(await handler.ended()).toMatchObject({ cause: 'local' });
  });

  test('4D-200 holds for the first connection alone', async () => {
    const { clock, server, handler, ws } = await begin({ connectTimeoutMs: 2000 });
    const peer = await server.open();
    expect(await ws.ready).toBe(ws);
    await clock.advance(3000);
    expect(ws.status).toBe('Connected');
    peer.socket.destroy();
    answerAll(server, 503);
    for (let i = 0; i < 20; i++) await clock.advance(1000);
    expect(ws.status).toBe('Connecting');
    ws.terminate();
    await handler.ended();
  });

  test('4D-200 without reconnect it bounds the only attempt, and none is the default', async () => {
    const { clock, server, handler } = await begin({ reconnect: false, connectTimeoutMs: 500 });
    await server.accept();
    await clock.advance(600);
    await handler.ended();
    expect(handler.errors[0]!.error.code).toBe('ERR_CONNECT_TIMEOUT');
    const patient = new WebSocket(server.url, {}, { handshakeTimeoutMs: Infinity });
    await server.accept();
    await clock.advance(100_000);
    expect(patient.status).toBe('Connecting');
    patient.terminate();
  });

  test.each([0, -1, 1.5, Number.NaN, '60000', null])('4D-200 %j is refused', async (connectTimeoutMs) => {
    const error = await errorOf(WebSocket.new('ws://127.0.0.1', {}, { connectTimeoutMs: connectTimeoutMs as number }));
    expect(error.code).toBe('ERR_INVALID_OPTION');
    expect(error.message).toMatch(/connectTimeoutMs must be a whole number, 1 or more, or Infinity; received /);
  });
});

describe('the wait for the first connection is ended', () => {
  test.each(['terminate', 'destroy'] as const)('4D-200 by %s()', async (name) => {
    const { clock, server, handler, ws } = await begin();
    await refuse(server, 503);
    ws[name]();
    expect(handler.callbacks).toEqual([]);
    await expectNoDeadlines();
    expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'local', unsentMessages: [] });
    expect(await ws.ready).toBeNull();
    await clock.advance(60_000);
    expect([handler.callbacks, server.connections.all.length]).toEqual([['onTerminate'], 1]);
  });

  test('4D-200 by an aborted signal', async () => {
    useClock();
    const server = await startRawServer();
    const controller = new AbortController();
    const handler = recordingClientHandler();
    const options = { reconnect: true, signal: controller.signal };
    const failed = errorOf(WebSocket.new(server.url, handler, options));
    await refuse(server, 503);
    controller.abort();
    expect(await failed).toMatchObject({ code: 'ERR_ABORTED' });
    expect(handler.callbacks).toEqual([]);
  });

  test('4D-200 by the end of its worker', async () => {
    useClock();
    const server = await startRawServer();
    const name = workerName();
    const handler = recordingClientHandler();
    await runInWorker(name, () => void new WebSocket(server.url, handler, { reconnect: true }));
    await refuse(server, 503);
    killWorker(name);
    expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'worker' });
    await endWorker(name);
    expect(handler.callbacks).toEqual(['onTerminate']);
  });
});

/** Refuses every attempt. Returns a function that tells how many there were. */
function answerAll(server: RawServer, status: number): () => number {
  let count = 0;
  void (async () => {
    for (;;) {
      await refuse(server, status);
      count++;
    }
  })();
  return () => count;
}
