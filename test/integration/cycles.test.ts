import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { timers } from '../../src/base/timers.ts';
import { recordingHandler, type RecordingHandler, recordingServerHandler } from '../../src/testing.ts';
import { frame } from '../helpers/frames.ts';
import { handshakeRequest } from '../helpers/handshake-request.ts';
import { startLibraryServer } from '../helpers/library-server.ts';
import { connectPeer } from '../helpers/peer.ts';
import { turns } from '../helpers/turns.ts';
import type { CycleReport } from '../processes/cycle-server.ts';
import { createRandom } from '../soak/random.ts';

/** Number of cycles of each kind. */
const CYCLES = 2500;
const WARM_UP_CYCLES = 400;
const CONCURRENCY = 40;
/**
 * Most bytes by which memory may grow during the cycles. One leaked object per connection, with its socket and buffers,
 * would be some kilobytes times 10 000.
 */
const MAX_GROWTH_BYTES = 2_000_000;

const HELLO = frame('client', '81', Buffer.from('hello'));
const CLOSE = frame('client', '88', '03e8');

function open(port: number, path = '/'): Socket {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.on('error', () => {});
  socket.write(handshakeRequest({ path }));
  return socket;
}

/** Waits until the received bytes end with `end`. */
function receive(socket: Socket, end: string | Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      if (!received.subarray(-Buffer.byteLength(end)).equals(Buffer.from(end))) return;
      socket.off('data', onData);
      resolve();
    };
    socket.on('data', onData);
    socket.once('close', () => reject(new Error(`closed before ${JSON.stringify(end)} came`)));
  });
}

const HEAD_END = '\r\n\r\n';
const HELLO_BACK = frame('server', '81', Buffer.from('hello'));

/** Kinds of connections, each from begin to end. The promise resolves when the TCP connection is over. */
const kinds: Readonly<Record<string, (port: number) => Promise<void>>> = {
  async clean(port) {
    const socket = open(port);
    await receive(socket, HEAD_END);
    socket.write(HELLO);
    await receive(socket, HELLO_BACK);
    socket.write(CLOSE);
    await once(socket, 'end');
    socket.end();
    await once(socket, 'close');
  },
  async reset(port) {
    const socket = open(port);
    await receive(socket, HEAD_END);
    socket.write(HELLO);
    await receive(socket, HELLO_BACK);
    socket.resetAndDestroy();
    await once(socket, 'close');
  },
  async halfOpen(port) {
    const socket = open(port);
    await receive(socket, HEAD_END);
    socket.end(HELLO);
    socket.resume();
    await once(socket, 'close');
  },
  async refused(port) {
    const socket = open(port, '/refused');
    socket.resume();
    await once(socket, 'end');
    socket.end();
    await once(socket, 'close');
  },
};

async function runCycles(port: number, cyclesOfEachKind: number): Promise<void> {
  const ways = Object.values(kinds);
  let started = 0;
  const runOneAfterTheOther = async (): Promise<void> => {
    while (started < cyclesOfEachKind * ways.length) await ways[started++ % ways.length]!(port);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, runOneAfterTheOther));
}

async function startCycleServer(): Promise<{ readonly first: CycleReport; report: () => Promise<CycleReport> }> {
  const child: ChildProcess = fork(fileURLToPath(new URL('../processes/cycle-server.ts', import.meta.url)), {
    execArgv: ['--expose-gc', '--import', 'tsx'],
  });
  onTestFinished(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  const next = async (): Promise<CycleReport> => ((await once(child, 'message')) as [CycleReport])[0];
  return {
    first: await next(),
    report: () => {
      child.send('report');
      return next();
    },
  };
}

test('10 000 connections leave no memory, socket or timer behind', { timeout: 60_000 }, async () => {
  const { first, report } = await startCycleServer();
  await runCycles(first.port, WARM_UP_CYCLES);
  const before = await report();
  await runCycles(first.port, CYCLES);
  const after = await report();

  const total = CYCLES + WARM_UP_CYCLES;
  expect(after.counts).toEqual({
    open: 3 * total,
    message: 3 * total,
    error: 2 * total,
    terminate: 3 * total,
    refused: total,
  });
  expect(after.connections).toBe(0);
  expect(after.sockets).toBe(0);
  expect(after.pendingTicks).toBe(0);
  expect(after.uncaught).toEqual([]);
  expect(after.resources).toEqual(before.resources);
  expect(after.resources.filter((name) => name === 'TCPSocketWrap')).toEqual([]);
  expect(after.memory - before.memory).toBeLessThan(MAX_GROWTH_BYTES);
});

/** Starts an echo server, and one well-behaved client whose messages must never be disturbed. */
async function startWithSteadyClient() {
  const handlers: RecordingHandler<unknown>[] = [];
  const server = recordingServerHandler({
    onConnection: async (_, { request }) => {
      if (request.url.startsWith('/slow')) await turns(3);
      if (request.url.endsWith('refused')) return null;
      const handler = recordingHandler({ onMessage: (ws, { data }) => ws.send(data) });
      handlers.push(handler);
      return handler;
    },
  });
  const started = await startLibraryServer(server, {
    maxMessageBytes: 1000,
    closeTimeoutMs: 100,
    // The heartbeat of the steady client would count as a deadline left behind.
    pingIntervalMs: Infinity,
  });
  const steady = await connectPeer(started.url);
  let count = 0;
  return {
    ...started,
    port: started.web.HTTPPort,
    server,
    handlers,
    /** Sends a message of the steady client, and waits for its echo. */
    exchange: async (): Promise<void> => {
      const text = `message ${++count}`;
      steady.send(text);
      expect(await steady.nextText()).toBe(text);
    },
    /** Checks that all hostile peers have gone without a trace. */
    expectNothingLeft: async (): Promise<void> => {
      await expect.poll(() => started.wss.connections.length, { timeout: 5000 }).toBe(1);
      await expect.poll(() => timers.pendingTicks, { timeout: 8000 }).toBe(0);
      await turns();
      const [first, ...others] = handlers;
      expect(first!.callbacks).not.toContain('onError');
      expect(first!.callbacks).not.toContain('onTerminate');
      for (const { callbacks } of others) {
        // A peer that went before onConnection decided got no connection.
        if (callbacks.length === 0) continue;
        expect(callbacks[0]).toBe('onOpen');
        expect(callbacks.at(-1)).toBe('onTerminate');
        expect(callbacks.filter((name) => name === 'onTerminate')).toHaveLength(1);
        expect(callbacks.filter((name) => name === 'onError').length).toBeLessThanOrEqual(1);
      }
      expect(server.errors).toEqual([]);
      // The server still accepts.
      const late = await connectPeer(started.url);
      late.send('late');
      expect(await late.nextText()).toBe('late');
    },
  };
}

const SESSION = Buffer.concat([
  Buffer.from(handshakeRequest({ headers: ['Sec-WebSocket-Extensions: permessage-deflate'] })),
  HELLO,
  frame('client', '01', Buffer.from('frag')),
  frame('client', '89', Buffer.from('ping')),
  frame('client', '80', Buffer.from('ment')),
  frame('client', '82', Buffer.alloc(200)),
  CLOSE,
]);

const cuts: Readonly<Record<string, (socket: Socket) => void>> = {
  'is reset': (socket) => socket.resetAndDestroy(),
  'ends its side': (socket) => void socket.end(),
  'ends its side and does not read': (socket) => void socket.end().pause(),
};

test.each(Object.entries(cuts))(
  'a peer that %s at any byte of its handshake and messages disturbs no other client',
  { timeout: 30_000 },
  async (_, cut) => {
    const { port, exchange, expectNothingLeft } = await startWithSteadyClient();
    for (let offset = 0; offset <= SESSION.length; offset += 1 + (offset % 3)) {
      const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
      onTestFinished(() => void socket.destroy());
      socket.on('error', () => {});
      socket.resume();
      if (offset % 2 === 0) await once(socket, 'connect');
      if (offset > 0) socket.write(SESSION.subarray(0, offset));
      // Half of the peers wait until their bytes have arrived.
      if (offset % 4 < 2) await exchange();
      if (socket.connecting) await once(socket, 'connect');
      cut(socket);
      if (offset % 5 === 0) await exchange();
    }
    await exchange();
    await expectNothingLeft();
  },
);

test.each(Object.entries(cuts))('a peer that %s during onConnection disturbs no other client', async (_, cut) => {
  const { port, exchange, expectNothingLeft } = await startWithSteadyClient();
  for (const path of ['/slow', '/slow-refused', '/refused']) {
    for (let delay = 0; delay < 12; delay++) {
      const socket = open(port, path);
      onTestFinished(() => void socket.destroy());
      socket.resume();
      await once(socket, 'connect');
      await turns(delay);
      cut(socket);
      await exchange();
    }
  }
  await expectNothingLeft();
});

function garbage(random: () => number, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
}

test('garbage in place of a handshake, or after it, disturbs no other client', { timeout: 30_000 }, async () => {
  const { port, exchange, expectNothingLeft } = await startWithSteadyClient();
  const random = createRandom(20_260_101);
  const request = Buffer.from(handshakeRequest());
  const sendings: Buffer[] = [
    ...Array.from({ length: 60 }, (_, i) => garbage(random, 1 + i * 7)),
    ...Array.from({ length: 200 }, (_, i) => Buffer.concat([request, garbage(random, 1 + i)])),
    // Frames whose header is well-formed.
    ...Array.from({ length: 100 }, (_, i) =>
      Buffer.concat([request, HELLO, Buffer.from([0x81, 0x85]), garbage(random, i)]),
    ),
    ...['80', '83', '8b', 'c1', '91', '09', '0a00', '8180'].map((first) =>
      Buffer.concat([request, frame('client', first.slice(0, 2), garbage(random, 20))]),
    ),
    Buffer.concat([request, frame('server', '81', 'aa')]),
    Buffer.concat([request, frame('client', '81', 'ff')]),
    Buffer.concat([request, frame('client', '88', '03')]),
    Buffer.concat([request, frame('client', '88', '03ed')]),
    Buffer.concat([request, frame('client', '88', '03e8ff')]),
    Buffer.concat([request, frame('client', '81', garbage(random, 10), { length: 2n ** 63n })]),
    Buffer.concat([request, frame('client', '81', garbage(random, 10), { length: 2n ** 40n })]),
    Buffer.concat([request, frame('client', '81', garbage(random, 10), { lengthBytes: 8 })]),
    Buffer.concat([request, ...Array.from({ length: 2000 }, () => frame('client', '89', 'aa'))]),
    Buffer.concat([request, ...Array.from({ length: 2000 }, () => frame('client', '00', ''))]),
    Buffer.concat([
      request,
      frame('client', '01', ''),
      ...Array.from({ length: 2000 }, () => frame('client', '00', '')),
    ]),
    Buffer.concat([request, request, request]),
    Buffer.from(`GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(5000)}\r\n`),
    Buffer.from(`GET /${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`),
    Buffer.from(handshakeRequest({ path: '*' })),
    Buffer.from(handshakeRequest({ path: 'http://[/' })),
    Buffer.from(handshakeRequest({ path: '/?%00%ff__proto__[a]=%' })),
    Buffer.from(handshakeRequest({ headers: ['__proto__: x', 'constructor: y', 'Content-Length: 5'] })),
    Buffer.from(handshakeRequest({ headers: ['Transfer-Encoding: chunked'] })),
  ];
  for (const [i, bytes] of sendings.entries()) {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => {});
    socket.resume();
    socket.write(bytes);
    await exchange();
    if (i % 3 === 0) socket.resetAndDestroy();
    else socket.end();
  }
  await exchange();
  await expectNothingLeft();
});

test('a peer that sends and never reads disturbs no other client', async () => {
  const { port, exchange, expectNothingLeft } = await startWithSteadyClient();
  const socket = open(port);
  onTestFinished(() => void socket.destroy());
  await receive(socket, HEAD_END);
  socket.pause();
  const flood = Buffer.concat(Array.from({ length: 100 }, () => frame('client', '81', Buffer.alloc(900, 'x'))));
  for (let i = 0; i < 50; i++) {
    socket.write(flood);
    await exchange();
  }
  socket.resetAndDestroy();
  await exchange();
  await expectNothingLeft();
});
