import { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import { type MessageEvent, WebSocket, type WebSocketHandler } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { type Peer, startPeerServer } from '../helpers/peer.ts';
import { findClosedPort, startRawServer } from '../helpers/raw-server.ts';
import { sides } from '../helpers/sides.ts';
import { startServerOf } from '../helpers/library-server.ts';
import { makeSocketPath } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';

const hasIPv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
);

/** Waits until the bytes that the peer cannot send stay the same, and returns their number. */
async function settledBufferedAmount(peer: Peer): Promise<number> {
  let last = -1;
  for (let same = 0; same < 50; same++) {
    if (peer.socket.bufferedAmount !== last) same = 0;
    last = peer.socket.bufferedAmount;
    await turns(1);
  }
  return last;
}

describe('ready', () => {
  test('is one promise, which resolves to the socket also after the end', async () => {
    const server = await startPeerServer();
    const ws = new WebSocket(server.url);
    const { ready } = ws;
    expect(ws.ready).toBe(ready);
    expect(await ready).toBe(ws);
    ws.terminate();
    const peer = await server.accept();
    await peer.closed;
    expect(ws.ready).toBe(ready);
    expect(await ws.ready).toBe(ws);
  });

  test('waits for an asynchronous onOpen', async () => {
    const server = await startPeerServer();
    const gate = createDeferred();
    const handler = recordingHandler({ onOpen: () => gate.promise });
    const ws = new WebSocket(server.url, handler);
    const log: string[] = [];
    const ready = ws.ready.then(() => log.push('ready'));
    await handler.opened();
    await turns();
    log.push('onOpen is over');
    gate.resolve();
    await ready;
    expect(log).toEqual(['onOpen is over', 'ready']);
  });

  test('resolves to the socket also when onOpen fails or terminates', async () => {
    const server = await startPeerServer();
    const failing = recordingHandler({ onOpen: () => Promise.reject(new Error('on purpose')) });
    const ws = new WebSocket(server.url, failing);
    expect(await ws.ready).toBe(ws);
    expect(await failing.ended()).toMatchObject({ code: 1011 });
    expect(failing.callbacks).toEqual(['onOpen', 'onError', 'onTerminate']);

    const leaving = recordingHandler({ onOpen: (socket) => socket.terminate() });
    const other = await WebSocket.new(server.url, leaving);
    expect(other!.status).toBe('Closing');
    await leaving.ended();
  });

  test('resolves to null and never rejects, also when first read after the failure', async () => {
    const handler = recordingHandler();
    const ws = new WebSocket(`ws://127.0.0.1:${await findClosedPort()}`, handler);
    await handler.ended();
    expect(await ws.ready).toBeNull();
  });

  test('belongs to a socket that is not thenable: an async function can return it', async () => {
    const server = await startPeerServer();
    const ws = new WebSocket(server.url);
    expect('then' in ws).toBe(false);
    const returned = await (async () => ws)();
    expect(returned).toBe(ws);
    expect(returned.status).toBe('Connecting');
    await ws.ready;
  });
});

describe('handlers', () => {
  test('may have members replaced, added and removed at run time', async () => {
    const server = await startPeerServer();
    const log: string[] = [];
    const steps = [createDeferred(), createDeferred(), createDeferred()];
    const handler: WebSocketHandler = {
      onMessage(_ws, { data }) {
        log.push(`first: ${data}`);
        steps[0]!.resolve();
      },
    };
    await WebSocket.new(server.url, handler);
    const peer = await server.accept();
    peer.send('a');
    await steps[0]!.promise;
    handler.onMessage = (_ws, { data }): void => {
      log.push(`second: ${data}`);
      steps[1]!.resolve();
    };
    peer.send('b');
    await steps[1]!.promise;
    delete handler.onMessage;
    handler.onTerminate = () => {
      log.push('terminate');
      steps[2]!.resolve();
    };
    peer.send('c');
    peer.socket.close();
    await steps[2]!.promise;
    expect(log).toEqual(['first: a', 'second: b', 'terminate']);
  });

  test('may have a callback replaced while messages wait', async () => {
    const gate = createDeferred();
    const server = await startPeerServer();
    const log: string[] = [];
    const ended = createDeferred();
    const handler: WebSocketHandler = {
      async onMessage(_ws, { data }) {
        log.push(`first: ${data}`);
        await gate.promise;
        handler.onMessage = (_socket, event) => void log.push(`second: ${event.data}`);
      },
      onTerminate: () => ended.resolve(),
    };
    await WebSocket.new(server.url, handler);
    const peer = await server.accept();
    for (const text of ['a', 'b', 'c']) peer.send(text);
    peer.socket.close();
    await turns();
    gate.resolve();
    await ended.promise;
    expect(log).toEqual(['first: a', 'second: b', 'second: c']);
  });

  test('may be frozen', async () => {
    const server = await startPeerServer();
    const got = createDeferred<string>();
    const handler: WebSocketHandler = Object.freeze({
      onMessage: (_ws: WebSocket, event: MessageEvent) => got.resolve(event.data),
    });
    const ws = await WebSocket.new(server.url, handler);
    const peer = await server.accept();
    peer.send('hello');
    expect(await got.promise).toBe('hello');
    ws!.terminate();
    expect((await peer.closed).code).toBe(1000);
  });

  test('may inherit callbacks, have them as getters, or be proxies', async () => {
    const server = await startPeerServer();
    const log: string[] = [];
    class Base {
      onOpen(): void {
        log.push('inherited onOpen');
      }
      get onMessage(): (ws: WebSocket, event: MessageEvent) => void {
        log.push('getter');
        return (_ws, { data }) => void log.push(data);
      }
    }
    const ended = createDeferred();
    class Handler extends Base {
      onTerminate(): void {
        log.push('own onTerminate');
        ended.resolve();
      }
    }
    await WebSocket.new(server.url, new Proxy(new Handler(), {}));
    const peer = await server.accept();
    peer.send('hello');
    peer.socket.close();
    await ended.promise;
    expect(log).toEqual(['inherited onOpen', 'getter', 'hello', 'own onTerminate']);
  });

  test('may serve several sockets', async () => {
    const server = await startPeerServer();
    const receivers = new Set<unknown>();
    const handler = recordingHandler({ onMessage: (ws) => void receivers.add(ws) });
    const one = await WebSocket.new(server.url, handler);
    const two = await WebSocket.new(server.url, handler);
    for (const peer of await server.peers.atLeast(2)) peer.send('hello');
    await handler.nextMessages(2);
    expect(receivers).toEqual(new Set([one, two]));
  });

  test('may have members that are not functions, which are ignored', async () => {
    const server = await startPeerServer();
    const handler = { onOpen: 'hello', onMessage: null, onError: 5, onTerminate: {} };
    const ws = await WebSocket.new(server.url, handler as object);
    const peer = await server.accept();
    peer.send('hello');
    peer.cut();
    while (ws!.status !== 'Closed') await turns(1);
    expect(await ws!.ready).toBe(ws);
  });
});

describe('asynchronous callbacks', () => {
  test('of one socket keep their order and never overlap', async () => {
    const server = await startPeerServer();
    const log: string[] = [];
    let running = 0;
    const ended = createDeferred();
    const step = async (name: string, waits: number): Promise<void> => {
      running++;
      expect(running).toBe(1);
      log.push(`${name} begins`);
      await turns(waits);
      log.push(`${name} ends`);
      running--;
    };
    const attempt = WebSocket.new(server.url, {
      onOpen: () => step('open', 5),
      onMessage: (_ws, { data }) => step(data, data === 'a' ? 5 : 1),
      onError: () => step('error', 3),
      async onTerminate() {
        await step('terminate', 1);
        ended.resolve();
      },
    });
    const peer = await server.accept();
    peer.send('a');
    peer.send('b');
    peer.socket.send(Buffer.of(0xff), { binary: false });
    await attempt;
    await ended.promise;
    const names = ['open', 'a', 'b', 'error', 'terminate'];
    expect(log).toEqual(names.flatMap((name) => [`${name} begins`, `${name} ends`]));
  });

  test('of different sockets do not wait for each other', async () => {
    const server = await startPeerServer();
    const gate = createDeferred();
    const slow = recordingHandler({ onMessage: () => gate.promise });
    const quick = recordingHandler();
    await WebSocket.new(server.url, slow);
    await WebSocket.new(server.url, quick);
    const [first, second] = await server.peers.atLeast(2);
    first!.send('slow');
    await slow.nextMessage();
    second!.send('quick');
    expect(await quick.nextMessage()).toBe('quick');
    gate.resolve();
  });

  test.each(sides)('that are slow make the peer wait, and lose no message ($name)', async (side) => {
    const gate = createDeferred();
    const { peer, handler } = await side.connect({ dataType: 'blob', onMessage: () => gate.promise });
    const count = 400;
    const messageBytes = 100_000;
    for (let i = 0; i < count; i++) peer.send(Buffer.alloc(messageBytes).fill(Buffer.of(i >> 8, i & 0xff), 0, 2));
    const held = await settledBufferedAmount(peer);
    // One callback runs and 16 events wait; the system buffers some megabytes; the peer still has all other messages.
    expect(held).toBeGreaterThan(20_000_000);
    expect(handler.messages).toHaveLength(1);
    gate.resolve();
    const messages = (await handler.nextMessages(count)) as Buffer[];
    expect(messages.map((message) => message.readUInt16BE(0))).toEqual(Array.from({ length: count }, (_, i) => i));
    expect(messages.every(({ length }) => length === messageBytes)).toBe(true);
    expect(await settledBufferedAmount(peer)).toBe(0);
  });

  test('that end let a paused socket go on reading', async () => {
    const server = await startPeerServer();
    let gate = createDeferred();
    const handler = recordingHandler({ onMessage: () => gate.promise });
    await WebSocket.new(server.url, handler, { maxWaitingMessages: 1 });
    const peer = await server.accept();
    for (let round = 1; round <= 3; round++) {
      for (let i = 0; i < 10; i++) peer.send(`${round}.${i}`);
      await handler.nextMessage();
      await turns();
      expect(handler.messages).toHaveLength(round * 10 - 9);
      const last = gate;
      last.resolve();
      await handler.nextMessages(9);
      await turns();
      gate = createDeferred();
    }
    expect(handler.messages[29]).toBe('3.9');
  });
});

describe('send()', () => {
  test('sends the bytes of every kind of view, and no others of its buffer', async () => {
    const server = await startPeerServer();
    const ws = await WebSocket.new(server.url);
    const peer = await server.accept();
    const memory = Uint8Array.from({ length: 64 }, (_, i) => i).buffer;
    const views = [
      new Int8Array(memory, 1, 5),
      new Uint8Array(memory, 2, 5),
      new Uint8ClampedArray(memory, 3, 5),
      new Int16Array(memory, 4, 3),
      new Uint16Array(memory, 6, 3),
      new Int32Array(memory, 8, 2),
      new Uint32Array(memory, 12, 2),
      new Float32Array(memory, 16, 2),
      new Float64Array(memory, 24, 2),
      new BigInt64Array(memory, 32, 1),
      new BigUint64Array(memory, 40, 1),
      new DataView(memory, 51, 7),
      Buffer.from(memory, 60, 3),
    ];
    for (const view of views) ws!.send(view);
    await peer.messages.atLeast(views.length);
    for (const [i, { byteOffset, byteLength }] of views.entries()) {
      const { bytes, isBinary } = peer.messages.all[i]!;
      expect(isBinary).toBe(true);
      expect(Array.from(bytes)).toEqual(Array.from(new Uint8Array(memory, byteOffset, byteLength)));
    }
    expect(Array.from(new Uint8Array(memory))).toEqual(Array.from({ length: 64 }, (_, i) => i));
  });

  test('sends shared memory', async () => {
    const server = await startPeerServer();
    const ws = await WebSocket.new(server.url);
    const peer = await server.accept();
    for (const length of [3, 100_000]) {
      const memory = new SharedArrayBuffer(length);
      new Uint8Array(memory).fill(7);
      ws!.send(memory);
      ws!.send(new Uint8Array(memory, 1));
      const sent = [await peer.messages.next(), await peer.messages.next()].map(({ bytes }) => bytes);
      expect(sent.map((bytes) => bytes.length)).toEqual([length, length - 1]);
      expect(sent.every((bytes) => bytes.every((byte) => byte === 7))).toBe(true);
      expect(new Uint8Array(memory).every((byte) => byte === 7)).toBe(true);
    }
  });

  test('of a client takes a copy: the bytes may be changed right after the call', async () => {
    const server = await startPeerServer();
    const ws = await WebSocket.new(server.url);
    const peer = await server.accept();
    for (const length of [10, 16_383, 16_384, 200_000]) {
      const bytes = Buffer.alloc(length, 1);
      ws!.send(bytes);
      bytes.fill(2);
      const sent = await peer.messages.next();
      expect(sent.bytes.equals(Buffer.alloc(length, 1))).toBe(true);
    }
  });

  test('refuses memory that was transferred away, and the socket stays open', async () => {
    const server = await startPeerServer();
    const ws = await WebSocket.new(server.url);
    const peer = await server.accept();
    const bytes = new Uint8Array(8);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    expect(() => ws!.send(bytes)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_MESSAGE' }));
    ws!.send('after');
    expect(await peer.nextText()).toBe('after');
  });

  test('of a promise fails with an error that says await', async () => {
    const server = await startPeerServer();
    const ws = await WebSocket.new(server.url);
    const calls = recordErrors();
    ws!.send(Promise.resolve('hello'));
    expect(calls[0]![0]!.message).toMatch(/await/);
    expect(ws!.status).toBe('Connected');
  });

  test('while Connecting generates an error, and the message is not sent later', async () => {
    const server = await startPeerServer();
    const ws = new WebSocket(server.url);
    expect(() => ws.send('too early')).toThrow(expect.objectContaining({ code: 'ERR_NOT_CONNECTED' }));
    const calls = recordErrors();
    ws.send('too early');
    expect(calls).toEqual([[{ errCode: -20_012, message: expect.any(String) as string, componentSignature: 'HTCL' }]]);
    await ws.ready;
    ws.send('in time');
    const peer = await server.accept();
    expect(await peer.nextText()).toBe('in time');
    expect(peer.messages.all).toHaveLength(1);
  });

  test('to a peer that does not read grows bufferedBytes, which falls to 0 when it reads', async () => {
    const server = await startPeerServer({ maxPayload: 0 });
    const ws = await WebSocket.new(server.url);
    const peer = await server.accept();
    expect(ws!.bufferedBytes).toBe(0);
    ws!.send('hello');
    expect(ws!.bufferedBytes).toBeGreaterThanOrEqual(5);
    await peer.nextText();
    peer.socket.pause();
    let count = 0;
    while (ws!.bufferedBytes < 8_000_000) {
      ws!.send(Buffer.alloc(500_000));
      count++;
      await turns(1);
    }
    expect(ws!.status).toBe('Connected');
    peer.socket.resume();
    await peer.messages.atLeast(1 + count);
    await turns();
    expect(ws!.bufferedBytes).toBe(0);
  });
});

describe('terminate()', () => {
  test.each([
    ['ASCII', 'x'.repeat(124), 'x'.repeat(123)],
    ['two bytes', 'é'.repeat(100), 'é'.repeat(61)],
    ['three bytes', '€'.repeat(100), '€'.repeat(41)],
    ['four bytes', '😀'.repeat(100), '😀'.repeat(30)],
    ['a cut within a character', `${'x'.repeat(122)}é`, 'x'.repeat(122)],
    ['exactly as much as fits', 'x'.repeat(123), 'x'.repeat(123)],
    ['a lone surrogate', '\uD800', '\uFFFD'],
    ['a million characters', 'x'.repeat(1_000_000), 'x'.repeat(123)],
  ])('cuts a reason to 123 bytes at a character boundary: %s', async (_what, reason, seen) => {
    const server = await startPeerServer();
    const ws = await WebSocket.new(server.url);
    const peer = await server.accept();
    ws!.terminate(4000, reason);
    expect(await peer.closed).toEqual({ code: 4000, reason: seen });
  });
});

describe('URLs', () => {
  test('user and password become an Authorization header', async () => {
    const server = await startPeerServer();
    const ws = await WebSocket.new(server.url.replace('127.0.0.1', 'us%40er:p%C3%A9@127.0.0.1'), {});
    const peer = await server.accept();
    expect(peer.headerLines('authorization')).toEqual([`Basic ${Buffer.from('us@er:pé', 'utf8').toString('base64')}`]);
    expect(ws!.status).toBe('Connected');
  });

  test.each(['Authorization', 'authorization'])(
    'an %s header of the handler replaces user and password',
    async (name) => {
      const server = await startPeerServer();
      const url = server.url.replace('127.0.0.1', 'user:password@127.0.0.1');
      await WebSocket.new(url, { headers: { [name]: 'Bearer token' } });
      const peer = await server.accept();
      expect(peer.headerLines('authorization')).toEqual(['Bearer token']);
    },
  );

  test.skipIf(!hasIPv6)('an IPv6 address in brackets is connected to (skipped on machines without ::1)', async () => {
    const server = await startPeerServer({ listenOn: '::1' });
    const ws = await WebSocket.new(`${server.url}/chat`, {});
    const peer = await server.accept();
    expect(peer.headerLines('host')).toEqual([`[::1]:${server.port}`]);
    ws!.send('hello');
    expect(await peer.nextText()).toBe('hello');
  });

  test('a Unix socket is connected to, with path and query', async () => {
    const socketPath = makeSocketPath();
    const server = await startPeerServer({ listenOn: socketPath });
    const handler = recordingHandler();
    const ws = await WebSocket.new(`ws+unix:${socketPath}:/chat?room=a:b`, handler);
    const peer = await server.accept();
    expect(peer.request.url).toBe('/chat?room=a:b');
    ws!.send('hello');
    expect(await peer.nextText()).toBe('hello');
    peer.send('and back');
    expect(await handler.nextMessage()).toBe('and back');
    ws!.terminate(4000, 'bye');
    expect(await peer.closed).toEqual({ code: 4000, reason: 'bye' });
  });

  test('TLS works over a Unix socket', async () => {
    const socketPath = makeSocketPath();
    const certificate = makeCertificate();
    const server = await startPeerServer({ listenOn: socketPath, tls: certificate });
    const ws = await WebSocket.new(`wss+unix:${socketPath}`, {}, { tls: { ca: certificate.cert } });
    const peer = await server.accept();
    ws!.send('hello');
    expect(await peer.nextText()).toBe('hello');
  });

  test('a Unix socket that does not exist, or has an impossible path, is an error', async () => {
    for (const path of [makeSocketPath(), '/does/not/exist%00', `/${'x'.repeat(500)}`]) {
      const handler = recordingHandler();
      const ws = new WebSocket(`ws+unix:${path}`, handler);
      expect(await ws.ready).toBeNull();
      expect(handler.callbacks).toEqual(['onError', 'onTerminate']);
    }
  });
});

describe('a client and a server of this library', () => {
  test('understand each other in all data types', async () => {
    const handler = recordingHandler({ onMessage: (ws, { data }) => ws.send(data) });
    const { url } = await startServerOf(handler, { dataType: 'blob' });
    const text = recordingHandler();
    const blob = recordingHandler({ dataType: 'blob' });
    const object = recordingHandler({ dataType: 'object' });
    (await WebSocket.new(url, text))!.send('é€😀');
    expect(await text.nextMessage()).toBe('é€😀');
    (await WebSocket.new(url, blob))!.send(Buffer.of(0, 255));
    expect(await blob.nextMessage()).toEqual(Buffer.of(0, 255));
    (await WebSocket.new(url, object))!.send({ deep: [1, { two: '3' }] });
    expect(await object.nextMessage()).toEqual({ deep: [1, { two: '3' }] });
  });

  test('deliver text by the dataType of each client, also when clients share their options', async () => {
    const { url } = await startServerOf(recordingHandler({ onOpen: (ws) => ws.send('"é"') }));
    const expected = { text: '"é"', blob: Buffer.from('"é"'), object: 'é' };
    for (const dataType of ['text', 'blob', 'object', 'text'] as const) {
      const handler = recordingHandler({ dataType });
      await WebSocket.new(url, handler);
      expect(await handler.nextMessage()).toEqual(expected[dataType]);
    }
  });

  test('close each other with every code that users may send', async () => {
    const accepted = recordingHandler();
    const { url } = await startServerOf(accepted);
    for (const code of [1000, 3000, 3001, 4000, 4999]) {
      const handler = recordingHandler();
      const ws = await WebSocket.new(url, handler);
      ws!.terminate(code, 'bye');
      expect(await handler.ended()).toMatchObject({ code, wasClean: true });
    }
    await expect.poll(() => accepted.callbacks).toHaveLength(10);
    expect(accepted.eventsOf('terminate')).toMatchObject(
      [1000, 3000, 3001, 4000, 4999].map((code) => ({ type: 'terminate', code, reason: 'bye', wasClean: true })),
    );
  });
});

test('a message in one packet with the 101 is delivered', async () => {
  const server = await startRawServer();
  const handler = recordingHandler();
  const ws = new WebSocket(server.url, handler);
  const peer = await server.accept();
  peer.socket.write(Buffer.concat([Buffer.from(peer.answer()), Buffer.from('810568656c6c6f', 'hex')]));
  await ws.ready;
  expect(await handler.nextMessage()).toBe('hello');
  expect(handler.callbacks).toEqual(['onOpen', 'onMessage']);
});
