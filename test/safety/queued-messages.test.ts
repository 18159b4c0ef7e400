import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  type ConnectionLoss,
  type SendStatus,
  WebSocket,
  WebSocketServer,
  type WebSocketConnection,
  type WebSocketOptions,
} from '../../src/index.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { createDeferred } from '../helpers/deferred.ts';
import type { TestClock } from '../../src/testing.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { makeFolder } from '../helpers/folder.ts';
import { Inbox } from '../helpers/inbox.ts';
import { expectNoDeadlines } from '../helpers/leftovers.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';
import { recordingClientHandler } from '../../src/testing.ts';

const compressInPool = promisify<Uint8Array, Buffer>(deflateRaw);

/** How many messages are sent when nothing moves any more. */
const QUEUED = 20;
/**
 * How many of these may leave all the same: TCP takes more when the system acknowledges late, after up to 40 ms. A Unix
 * socket has no such timers.
 */
const LATE_OVER_TCP = 10;
const FILLING = Array.from({ length: 9000 }, (_, i) => `${(i * 2_654_435_761) % 1e9}`.padEnd(10)).join('');

const numberOf = (data: unknown): number => Number.parseInt(Buffer.from(data as Uint8Array).toString('latin1'), 10);
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** A connection of the server, as both sides see it. */
interface Arrival {
  readonly connection: WebSocketConnection<Uint8Array>;
  readonly socket: Socket;
  readonly numbers: number[];
}

/** The ways in which a server that does not read is lost. */
const ENDS: readonly (readonly [name: string, end: (arrival: Arrival, clock: TestClock) => void | Promise<void>])[] = [
  ['the server closes the connection', ({ connection }) => connection.terminate(4012)],
  ['the stream breaks', ({ socket }) => void socket.destroy()],
  ['the heartbeat fails', (_, clock) => clock.advance(4000)],
];

/** Starts a server whose first connection is never read, and whose others are. */
async function startServer(isSecure: boolean, compression: boolean) {
  const arrivals = new Inbox<Arrival>();
  const stuck = createDeferred();
  const server = isSecure ? createHttpsServer(makeCertificate()) : createHttpServer();
  const sockets: Socket[] = [];
  server.on(isSecure ? 'secureConnection' : 'connection', (socket: Socket) => void sockets.push(socket));
  // A Unix socket has small buffers in the system, but no URL for TLS.
  const path = `${makeFolder()}/socket`;
  const port = await listen(server, isSecure ? undefined : { path });
  const wss = WebSocketServer.new<Uint8Array>(
    {
      onConnection: () => {
        const isFirst = sockets.length === 1;
        const numbers: number[] = [];
        return {
          onOpen: (connection) => arrivals.push({ connection, socket: sockets.at(-1)!, numbers }),
          onMessage: async (_connection, { data }) => {
            if (isFirst) await stuck.promise;
            else numbers.push(numberOf(data));
          },
        };
      },
    },
    { webServer: server, dataType: 'blob', compression, maxWaitingMessages: 1, closeTimeoutMs: 1000 },
  )!;
  onTestFinished(async () => {
    stuck.resolve();
    wss.terminate(0);
    await expectNoDeadlines();
  });
  return { url: isSecure ? `wss://127.0.0.1:${port}` : `ws+unix:${path}`, arrivals };
}

async function connect(isSecure: boolean, compression: boolean, options: WebSocketOptions = {}) {
  const clock = useFakeClock();
  const { url, arrivals } = await startServer(isSecure, compression);
  const losses: ConnectionLoss[] = [];
  const handler = recordingClientHandler();
  const shouldReconnect = (loss: ConnectionLoss): boolean => {
    losses.push(loss);
    return true;
  };
  const ws = (await WebSocket.new(url, handler, {
    compression,
    tls: { rejectUnauthorized: false },
    pingIntervalMs: 2000,
    pongTimeoutMs: 1000,
    closeTimeoutMs: 1000,
    maxBufferedBytes: 1e9,
    ...options,
    reconnect: { shouldReconnect, minDelayMs: 1, maxDelayMs: 1, maxQueuedBytes: 1 },
  }))!;
  onTestFinished(async () => {
    ws.terminate();
    await handler.ended();
  });
  return { clock, ws, handler, losses, arrivals, first: await arrivals.next() };
}

/** Waits until nothing moves any more: neither on the way to the server, nor in the thread pool of zlib. */
async function untilStill(ws: WebSocket, compression: boolean): Promise<void> {
  for (let stillFor = 0; stillFor < 3;) {
    const before = ws.bufferedBytes;
    await turns(10);
    if (compression) await compressInPool(Buffer.from(FILLING));
    stillFor = ws.bufferedBytes === before ? stillFor + 1 : 0;
  }
}

/**
 * Sends messages until the server takes no more, and then some more, which must wait.
 *
 * @returns how many were sent, and the number of the first that had to wait
 */
async function sendBeyond(ws: WebSocket, compression: boolean): Promise<{ count: number; firstQueued: number }> {
  const send = (n: number): SendStatus => {
    const bytes = Buffer.from(`${n} ${FILLING}`);
    const status = ws.send(n % 3 === 0 ? bytes : n % 3 === 1 ? bytes.toString() : new Uint8Array(bytes));
    bytes.fill(0);
    return status;
  };
  for (let n = 0; ; n++) {
    const before = ws.bufferedBytes;
    const status = send(n);
    expect(status).not.toBe('dropped');
    await untilStill(ws, compression);
    // A message that was compressed and handed over takes less room than one that waits.
    if (status !== 'queued' || ws.bufferedBytes - before < FILLING.length) continue;
    for (let i = 1; i < QUEUED; i++) expect(send(n + i)).toBe('queued');
    return { count: n + QUEUED, firstQueued: n };
  }
}

describe.each([
  ['plain', false, false],
  ['compressed', false, true],
  ['over TLS', true, false],
])(
  'messages told "queued" for a server that does not read, with the option reconnect (%s)',
  (_way, isSecure, compression) => {
    test.each(ENDS)('are sent on the next connection, in order and once, when %s', async (_name, end) => {
      const { clock, ws, handler, losses, arrivals, first } = await connect(isSecure, compression);
      const { count, firstQueued } = await sendBeyond(ws, compression);
      await end(first, clock);
      while (handler.eventsOf('reconnect').length === 0) await clock.advance(10);
      const next = await arrivals.next();
      while (next.numbers.at(-1) !== count - 1) await turns(1);
      const [begin] = next.numbers as [number];
      expect(next.numbers).toEqual(range(begin, count));
      expect(begin).toBeLessThanOrEqual(firstQueued + (isSecure ? LATE_OVER_TCP : 0));
      // All that was not sent again had been handed to the system.
      expect(losses.map(({ uncertainMessages }) => uncertainMessages)).toEqual([begin]);
      expect(handler.eventsOf('reconnect')[0]).toMatchObject({ uncertainMessages: begin });
      await ws.drained();
      ws.terminate();
      expect(await handler.ended()).toMatchObject({ unsentMessages: [], uncertainMessages: begin });
    });

    test('are in unsentMessages when the client ends before they have left', async () => {
      const { clock, ws, handler } = await connect(isSecure, compression);
      const { count, firstQueued } = await sendBeyond(ws, compression);
      ws.terminate();
      for (let i = 0; i < 3; i++) await clock.advance(500);
      const { unsentMessages, uncertainMessages, cause } = await handler.ended();
      expect(cause).toBe('timeout');
      const unsent = unsentMessages!.map((data) => Number.parseInt(Buffer.from(data as string).toString('latin1'), 10));
      const [begin] = unsent as [number];
      expect(unsent).toEqual(range(begin, count));
      expect(begin).toBeLessThanOrEqual(firstQueued + (isSecure ? LATE_OVER_TCP : 0));
      expect(uncertainMessages).toBe(begin);
    });
  },
);
