import { Duplex } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { timers } from '../../src/base/timers.ts';
import type { UpgradeRequest } from '../../src/handshake/server-handshake.ts';
import { accept, refuse } from '../../src/index.ts';
import { parseServerOptions, type WebSocketServerOptions } from '../../src/server/server-options.ts';
import { SHUTTING_DOWN } from '../../src/server/refusals.ts';
import type { ServerState } from '../../src/server/server-state.ts';
import { type AcceptedUpgrade, ServerUpgrades, type UpgradeServer } from '../../src/server/upgrade.ts';
import { mainWorker } from '../../src/workers/worker.ts';
import { scopeIn } from '../helpers/scope-in.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { turns } from '../helpers/turns.ts';

/** A socket that keeps what is written to it. */
class FakeSocket extends Duplex {
  written = '';

  override _read(): void {}

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.written += chunk.toString('utf8');
    done();
  }
}

/** A server that records its opened connections and its failures. */
class FakeServer implements UpgradeServer {
  readonly subject: object = {};
  readonly handler: object;
  readonly scope = scopeIn(mainWorker);
  state: ServerState = 'open';
  connectionCount = 0;
  readonly opened: AcceptedUpgrade[] = [];
  readonly failures: string[] = [];
  readonly upgrades: ServerUpgrades;

  constructor(onConnection: (...parameters: unknown[]) => unknown, options: WebSocketServerOptions = {}) {
    this.handler = { onConnection };
    this.upgrades = new ServerUpgrades(this, parseServerOptions(options));
  }

  openConnection(upgrade: AcceptedUpgrade): void {
    this.opened.push(upgrade);
  }

  onUpgradeFailed(error: Error): void {
    this.failures.push(error.message);
  }

  onRefused(): void {}

  /** Sends an upgrade request. The socket is destroyed with the test. */
  ask(headers: Readonly<Record<string, string>> = {}): FakeSocket {
    const socket = new FakeSocket();
    onTestFinished(async () => {
      socket.destroy();
      await turns(2);
    });
    const request: UpgradeRequest = {
      method: 'GET',
      httpVersion: '1.1',
      url: '/?a=1',
      headers: {
        host: 'localhost',
        upgrade: 'websocket',
        connection: 'Upgrade',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        ...headers,
      },
    };
    this.upgrades.accept(request, socket, Buffer.alloc(0));
    return socket;
  }
}

const HANDLER = { onMessage() {} };

test('onConnection is asked with the request, and its handler opens a connection at once', () => {
  const asked: unknown[] = [];
  const server = new FakeServer((...parameters) => {
    asked.push(...parameters);
    return HANDLER;
  });
  const socket = server.ask();
  expect(asked).toEqual([
    server.subject,
    { type: 'connection', request: expect.objectContaining({ url: '/?a=1', query: { a: '1' } }) as unknown },
  ]);
  expect(server.opened).toMatchObject([{ handler: HANDLER, protocol: '', data: undefined, network: '' }]);
  expect(server.opened[0]!.answer).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n');
  // The server writes the answer later, together with messages that onOpen sends.
  expect(socket.written).toBe('');
});

test('a promise is awaited', async () => {
  const server = new FakeServer(() => Promise.resolve(HANDLER));
  server.ask();
  expect(server.opened).toEqual([]);
  await turns(1);
  expect(server.opened).toHaveLength(1);
});

test('any object with a then method is a promise', async () => {
  // oxlint-disable-next-line unicorn/no-thenable -- this is the value under test
  const server = new FakeServer(() => ({ then: (resolve: (value: unknown) => void) => resolve(HANDLER) }));
  server.ask();
  await turns(1);
  expect(server.opened).toHaveLength(1);
});

test('accept() adds headers, data and a subprotocol that the client offered', () => {
  const server = new FakeServer(() => accept(HANDLER, { headers: { 'x-a': '1' }, protocol: 'chat', data: 7 }));
  server.ask({ 'sec-websocket-protocol': 'news, chat' });
  expect(server.opened).toMatchObject([{ handler: HANDLER, protocol: 'chat', data: 7 }]);
  expect(server.opened[0]!.answer).toContain('\r\nSec-WebSocket-Protocol: chat\r\nx-a: 1\r\n\r\n');
});

test.each<[name: string, answer: () => unknown, message: string]>([
  [
    'a throw',
    () => {
      throw new Error('no');
    },
    'onConnection failed: no',
  ],
  ['a rejection', () => Promise.reject(new Error('no')), 'onConnection failed: no'],
  [
    'a thenable that throws',
    () => ({
      // oxlint-disable-next-line unicorn/no-thenable -- this is the hostile value under test
      then() {
        throw new Error('no');
      },
    }),
    'onConnection failed: no',
  ],
  ['a handler without onMessage', () => ({}), expect.stringContaining('invalid connection handler') as string],
  [
    'a subprotocol that was not offered',
    () => accept(HANDLER, { protocol: 'chat' }),
    expect.stringContaining('invalid protocol') as string,
  ],
])('%s is answered with 500 and reported', async (_, answer, message) => {
  const server = new FakeServer(answer);
  const socket = server.ask();
  await turns(2);
  expect(socket.written).toMatch(/^HTTP\/1\.1 500 /);
  expect(server.failures).toEqual([message]);
  expect(server.opened).toEqual([]);
});

test('the deadline refuses with 503, and a later handler is not used', async () => {
  const clock = useFakeClock();
  const decision = createDeferred<object>();
  const server = new FakeServer(() => decision.promise, { handshakeTimeoutMs: 1000 });
  const socket = server.ask();
  await clock.advance(999);
  expect(socket.written).toBe('');
  await clock.advance(51);
  expect(socket.written).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n/);
  decision.resolve(HANDLER);
  await turns(2);
  expect(server.opened).toEqual([]);
});

test('a failure after the client has gone is reported, because it is a mistake in user code', async () => {
  const decision = createDeferred();
  const server = new FakeServer(() => decision.promise);
  const socket = server.ask();
  socket.destroy();
  await turns(2);
  expect(server.failures).toEqual([]);
  decision.reject('no');
  await turns(2);
  expect(server.failures).toEqual(['onConnection failed: no']);
  expect(socket.written).toBe('');
});

test('Infinity sets no deadline', () => {
  const before = timers.pendingTicks;
  const server = new FakeServer(() => new Promise(() => {}), { handshakeTimeoutMs: Infinity });
  server.ask();
  expect(timers.pendingTicks).toBe(before);
});

test('a waiting client has one deadline and one listener, an answered client has none', async () => {
  const before = timers.pendingTicks;
  const decision = createDeferred<object>();
  const server = new FakeServer(() => decision.promise);
  server.state = 'opening';
  const socket = server.ask();
  server.state = 'open';
  server.upgrades.decideAll();
  expect(timers.pendingTicks).toBe(before + 1);
  expect(socket.listenerCount('close')).toBe(1);
  decision.resolve(HANDLER);
  await turns(1);
  expect(timers.pendingTicks).toBe(before);
  expect(socket.listenerCount('close')).toBe(0);
  expect(socket.destroyed).toBe(false);
});

test('onConnection does not run for a client that goes while the server opens, and nothing is answered', async () => {
  const before = timers.pendingTicks;
  const asked: unknown[] = [];
  const server = new FakeServer((...parameters) => asked.push(...parameters));
  server.state = 'opening';
  const socket = server.ask();
  socket.destroy();
  await turns(2);
  server.upgrades.decideAll();
  server.upgrades.refuseAll(SHUTTING_DOWN);
  expect(asked).toEqual([]);
  expect(socket.written).toBe('');
  expect(timers.pendingTicks).toBe(before);
});

test('only the first refusal is sent', async () => {
  const decision = createDeferred<object>();
  const server = new FakeServer(() => decision.promise);
  const socket = server.ask();
  server.upgrades.refuseAll(SHUTTING_DOWN);
  decision.resolve(refuse(403, 'second') as object);
  await turns(2);
  expect(socket.written).toContain('503 Service Unavailable');
  expect(socket.written).toContain('shutting down');
  expect(socket.written).not.toContain('second');
});

test('a refusal is sent as it is', async () => {
  const server = new FakeServer(() => refuse(429, 'später', { 'Retry-After': '5' }));
  const socket = server.ask();
  await turns(2);
  expect(socket.written.split('\r\n')).toEqual([
    'HTTP/1.1 429 Too Many Requests',
    'Connection: close',
    'Content-Length: 7',
    'Content-Type: text/plain; charset=utf-8',
    'Retry-After: 5',
    '',
    'später',
  ]);
});

test.each(['ending', 'terminating', 'over'] as const)('a server that is %s refuses with 503', async (state) => {
  const server = new FakeServer(() => HANDLER);
  server.state = state;
  const socket = server.ask();
  await turns(2);
  expect(socket.written).toMatch(/^HTTP\/1\.1 503 /);
  expect(server.opened).toEqual([]);
});
