import { randomBytes } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import {
  setGlobalLimits,
  WebSocket,
  type WebSocketConnection,
  WebSocketServer,
  type WebSocketServerOptions,
} from '../../src/index.ts';
import { unsentBudget } from '../../src/connection/unsent-budget.ts';
import { recordingHandler, type RecordingHandler } from '../../src/testing.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { makeFolder } from '../helpers/folder.ts';
import { frame } from '../helpers/frames.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';

const LIMIT_BYTES = 8_388_608;
/** What all peers together cause to wait. */
const ALL_PEERS_BYTES = 3 * LIMIT_BYTES;
const MESSAGE_BYTES = 65_536;
/** More than a system takes for a peer that does not read, on a Unix socket. */
const SYSTEM_BYTES = 600_000;

const TLS = makeCertificate();

beforeEach(() => setGlobalLimits({ maxBufferedBytes: LIMIT_BYTES }));

afterEach(() => setGlobalLimits({}));

/** Samples the bytes that wait on all connections until the test ends. */
function watchBudget(): { mostBytes: number } {
  const seen = { mostBytes: 0 };
  let isOver = false;
  const look = (): void => {
    seen.mostBytes = Math.max(seen.mostBytes, unsentBudget.totalBytes);
    if (!isOver) setImmediate(look);
  };
  look();
  onTestFinished(() => {
    isOver = true;
  });
  return seen;
}

/** A server on a Unix socket, whose buffers in the system are small, and its connections. */
async function startServer(
  handlerOf: (index: number) => RecordingHandler<unknown>,
  options: Omit<WebSocketServerOptions, 'webServer'> = {},
): Promise<{ path: string; url: string; handlers: RecordingHandler<unknown>[] }> {
  const path = `${makeFolder()}/socket`;
  const http = createHttpServer();
  await listen(http, { path });
  const handlers: RecordingHandler<unknown>[] = [];
  const wss = WebSocketServer.new<Uint8Array>(
    {
      onConnection: () => {
        handlers.push(handlerOf(handlers.length));
        return handlers.at(-1)!;
      },
    },
    { ...options, dataType: 'blob', webServer: http },
  )!;
  onTestFinished(async () => {
    wss.terminate(0);
    await Promise.all(handlers.map((handler) => handler.ended()));
    // Whatever waited has been given back.
    expect(unsentBudget.totalBytes).toBe(0);
  });
  return { path, url: `ws+unix:${path}`, handlers };
}

/** An honest client, whose messages all come back. */
async function openHonest(url: string): Promise<{ exchange: () => Promise<void>; handler: RecordingHandler<unknown> }> {
  const handler = recordingHandler({ dataType: 'blob' });
  const ws = (await WebSocket.new(url, handler))!;
  return {
    handler,
    exchange: async () => {
      const message = randomBytes(1000);
      ws.send(message);
      expect(message.equals((await handler.nextMessage()) as Buffer)).toBe(true);
    },
  };
}

function expectBudgetEnds(handlers: readonly RecordingHandler<unknown>[]): void {
  const ended = handlers.filter(({ errors }) => errors.length > 0);
  expect(ended.length).toBeGreaterThan(handlers.length / 4);
  expect(ended.length).toBeLessThan(handlers.length);
  for (const { errors } of ended) {
    expect(errors[0]!.error).toMatchObject({
      code: 'ERR_BUFFER_BUDGET',
      errCode: 1013,
      closeCode: 1013,
      endCause: 'limit',
      phase: 'open',
      limit: LIMIT_BYTES,
    });
    expect(errors[0]!.error.observed).toBeGreaterThan(LIMIT_BYTES);
  }
}

const ECHOES: readonly (readonly [count: number, name: string, options: Omit<WebSocketServerOptions, 'webServer'>])[] =
  [
    [100, 'plain', {}],
    [20, 'drop-oldest, which keeps messages unframed', { bufferPolicy: 'drop-oldest' }],
    [20, 'compressed', { compression: true }],
  ];

describe('peers that do not read what is sent to them (a hundred echo peers: 1.5 GiB with all defaults)', () => {
  test.each(ECHOES)(
    '%i echo peers get 1013 above the budget of all connections, others notice nothing (%s)',
    async (count, _name, options) => {
      const { path, url, handlers } = await startServer(
        () => recordingHandler({ onMessage: (ws, { data }) => void ws.send(data as never) }),
        options,
      );
      const honest = await openHonest(url);
      const seen = watchBudget();
      const extensions = options.compression === true ? ['Sec-WebSocket-Extensions: permessage-deflate'] : [];
      const stream = frame('client', '82', randomBytes(MESSAGE_BYTES));
      for (let i = 0; i < count; i++) {
        const { socket } = await RawClient.open({ path }, { headers: extensions });
        socket.pause();
        for (let bytes = 0; bytes < ALL_PEERS_BYTES / count + SYSTEM_BYTES; bytes += MESSAGE_BYTES)
          socket.write(stream);
        await honest.exchange();
      }
      for (let i = 0; i < 50; i++) await honest.exchange();
      const [honestHandler, ...peers] = handlers;
      expectBudgetEnds(peers);
      // One message, and a 64th of the budget, may be over it until all are counted again.
      expect(seen.mostBytes).toBeGreaterThan(0.9 * LIMIT_BYTES);
      expect(seen.mostBytes).toBeLessThan(LIMIT_BYTES * (1 + 1 / 64) + 2 * MESSAGE_BYTES);
      expect([honestHandler!.errors, honest.handler.errors]).toEqual([[], []]);
    },
  );

  test('peers that get a single long message each are counted too', async () => {
    const message = randomBytes(ALL_PEERS_BYTES / 20 + SYSTEM_BYTES);
    const { path, url, handlers } = await startServer((index) =>
      recordingHandler(
        index === 0
          ? { onMessage: (ws, { data }) => void ws.send(data as never) }
          : { onOpen: (ws) => void ws.send(message) },
      ),
    );
    const honest = await openHonest(url);
    for (let i = 0; i < 20; i++) {
      const { socket } = await RawClient.open({ path });
      socket.pause();
      await honest.exchange();
    }
    expectBudgetEnds(handlers.slice(1));
    expect(handlers[0]!.errors).toEqual([]);
  });

  test('over TLS they are counted too', async () => {
    const message = randomBytes(1_000_000);
    const https = createHttpsServer(TLS);
    const port = await listen(https);
    const handlers: RecordingHandler<unknown>[] = [];
    const wss = WebSocketServer.new<Uint8Array>(
      {
        onConnection: () => {
          handlers.push(recordingHandler());
          return handlers.at(-1)!;
        },
      },
      { dataType: 'blob', webServer: https },
    )!;
    const sockets: Socket[] = [];
    for (let i = 0; i < 3; i++) {
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }).on('error', () => {});
      sockets.push(socket);
      const client = new RawClient(socket);
      client.requestHandshake();
      await client.answered;
      socket.pause();
    }
    // Some of this goes into buffers of the system.
    for (let i = 0; i < 20; i++) {
      for (const connection of wss.connections) connection.send(message);
      await turns(5);
    }
    const ended = handlers.filter(({ errors }) => errors.length > 0);
    expect(ended.length).toBeGreaterThan(0);
    for (const { errors } of ended) expect(errors[0]!.error.code).toBe('ERR_BUFFER_BUDGET');
    wss.terminate(0);
    for (const socket of sockets) socket.destroy();
    await Promise.all(handlers.map((handler) => handler.ended()));
  });

  test('servers that do not read end clients, the one that holds most first', async () => {
    const gate = createDeferred();
    const { url } = await startServer(() => recordingHandler({ onMessage: () => gate.promise }), {
      maxWaitingMessages: 1,
    });
    onTestFinished(() => gate.resolve());
    const handlers = [0, 1, 2].map(() => recordingHandler());
    const clients = await Promise.all(handlers.map((handler) => WebSocket.new(url, handler)));
    for (let i = 0; i < 100 && handlers.every(({ errors }) => errors.length === 0); i++) {
      clients[0]!.send(Buffer.alloc(MESSAGE_BYTES));
      clients[1]!.send(Buffer.alloc(3 * MESSAGE_BYTES));
      clients[2]!.send(Buffer.alloc(2 * MESSAGE_BYTES));
      await turns(2);
    }
    expect(handlers.map(({ errors }) => errors[0]?.error.code)).toEqual([undefined, 'ERR_BUFFER_BUDGET', undefined]);
    expect(await handlers[1]!.ended()).toMatchObject({ code: 1013, cause: 'limit', wasClean: false });
    expect(clients[1]!.bufferedBytes).toBe(0);
    gate.resolve();
    for (const ws of clients) ws!.terminate();
    await Promise.all(handlers.map((handler) => handler.ended()));
  });

  test('broadcasts of one turn are counted at once', async () => {
    const { path, handlers } = await startServer(() => recordingHandler());
    for (let i = 0; i < 4; i++) {
      const { socket } = await RawClient.open({ path });
      socket.pause();
    }
    const [{ wss }] = (await Promise.all(handlers.map((handler) => handler.opened()))) as [WebSocketConnection];
    wss.broadcast(randomBytes(SYSTEM_BYTES));
    await turns();
    for (let bytes = 0; bytes < LIMIT_BYTES / 2; bytes += 4 * MESSAGE_BYTES)
      wss.broadcast(randomBytes(4 * MESSAGE_BYTES));
    expect(unsentBudget.totalBytes).toBeLessThan(LIMIT_BYTES * (1 + 1 / 64) + 4 * MESSAGE_BYTES);
    // What the socket holds is free in the next turn, and the rest already now.
    for (const handler of handlers.filter(({ errors }) => errors.length > 0)) {
      expect(((await handler.opened()) as WebSocketConnection).bufferedBytes).toBeLessThan(2 * SYSTEM_BYTES);
    }
    expectBudgetEnds(handlers);
  });

  test('a connection whose peer has read all holds nothing any more', async () => {
    const { path, handlers } = await startServer(() => recordingHandler());
    const { socket } = await RawClient.open({ path });
    socket.pause();
    const connection = await handlers[0]!.opened();
    connection.send(randomBytes(2 * SYSTEM_BYTES));
    await turns();
    expect(unsentBudget.totalBytes).toBeGreaterThan(SYSTEM_BYTES);
    socket.resume();
    await (connection as WebSocketConnection).drained();
    expect(unsentBudget.totalBytes).toBe(0);
  });

  test('a connection that is closing is ended too, and frees what it holds', async () => {
    const { path, handlers } = await startServer(() => recordingHandler(), { closeTimeoutMs: Infinity });
    for (let i = 0; i < 2; i++) {
      const { socket } = await RawClient.open({ path });
      socket.pause();
    }
    const [first, second] = await Promise.all(handlers.map((handler) => handler.opened()));
    first!.send(randomBytes(0.7 * LIMIT_BYTES));
    first!.terminate();
    await turns();
    expect(unsentBudget.totalBytes).toBeGreaterThan(0.5 * LIMIT_BYTES);
    second!.send(randomBytes(0.6 * LIMIT_BYTES));
    expect(await handlers[0]!.ended()).toMatchObject({ code: 1013, cause: 'limit', phase: 'closing' });
    expect(handlers.map(({ errors }) => errors[0]?.error.code)).toEqual(['ERR_BUFFER_BUDGET', undefined]);
    expect(unsentBudget.totalBytes).toBeLessThan(0.7 * LIMIT_BYTES);
  });

  test('without a limit nobody is ended', async () => {
    setGlobalLimits({ maxBufferedBytes: Infinity });
    const { path, handlers } = await startServer(() => recordingHandler());
    const { socket } = await RawClient.open({ path });
    socket.pause();
    const connection = await handlers[0]!.opened();
    for (let i = 0; i < 3; i++) expect(connection.send(randomBytes(0.6 * LIMIT_BYTES))).not.toBe('dropped');
    await turns();
    expect(handlers[0]!.errors).toEqual([]);
  });
});
