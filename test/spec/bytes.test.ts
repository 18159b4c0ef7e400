import type Zlib from 'node:zlib';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  type CommonOptions,
  type SendableMessage,
  WebSocket,
  type WebSocketConnection,
  WebSocketServer,
} from '../../src/index.ts';
import { type RecordedCallbacks, recordingHandler, type RecordingHandler } from '../../src/testing.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { handshakeRequest } from '../helpers/handshake-request.ts';
import { startServerOf, startUnixServer } from '../helpers/library-server.ts';
import { connectPeer } from '../helpers/peer.ts';
import { startExample } from '../helpers/program.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';

/** Makes zlib fail, as it does when there is no memory. */
const zlibFault = vi.hoisted(() => ({ kind: 'none' as 'none' | 'throw' | 'error' }));

vi.mock('node:zlib', async (importOriginal) => {
  const zlib = await importOriginal<typeof Zlib>();
  const deflateRaw: typeof zlib.deflateRaw = ((...parameters: Parameters<typeof zlib.deflateRaw>) => {
    const fault = zlibFault.kind;
    if (fault === 'throw') throw new RangeError('Array buffer allocation failed');
    if (fault === 'none') return zlib.deflateRaw(...parameters);
    const done = parameters.at(-1) as (error: Error) => void;
    setImmediate(() => done(Object.assign(new Error('insufficient memory'), { code: 'Z_MEM_ERROR' })));
    return undefined;
  }) as never;
  return { ...zlib, deflateRaw };
});

beforeEach(() => {
  zlibFault.kind = 'none';
});

/** ES2024, which the types of the oldest version of Node do not know. */
interface ResizableArrayBuffer extends ArrayBuffer {
  resize(byteLength: number): void;
}

function resizable(byteLength: number): ResizableArrayBuffer {
  const Resizable = ArrayBuffer as unknown as new (
    byteLength: number,
    options: { maxByteLength: number },
  ) => ResizableArrayBuffer;
  return new Resizable(byteLength, { maxByteLength: byteLength });
}

/** What a program may do with the memory of a message right after send(). */
const MISHAPS: readonly [name: string, make: (length: number) => Uint8Array, harm: (bytes: Uint8Array) => void][] = [
  ['filled anew', (length) => new Uint8Array(length), (bytes) => void bytes.fill(0)],
  [
    'transferred',
    (length) => new Uint8Array(length),
    (bytes) => void structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] }),
  ],
  [
    'shrunk',
    (length) => new Uint8Array(resizable(length)),
    (bytes) => (bytes.buffer as ResizableArrayBuffer).resize(10),
  ],
  ['the memory of WebAssembly that grows', wasmBytes, growWasm],
];

const wasmMemories = new WeakMap<Uint8Array, { grow(pages: number): number }>();

function wasmBytes(length: number): Uint8Array {
  const { WebAssembly } = globalThis as unknown as {
    WebAssembly: { Memory: new (limits: { initial: number }) => { buffer: ArrayBuffer; grow(pages: number): number } };
  };
  const memory = new WebAssembly.Memory({ initial: Math.ceil((length + 1024) / 65_536) });
  const bytes = new Uint8Array(memory.buffer, 1024, length);
  wasmMemories.set(bytes, memory);
  return bytes;
}

function growWasm(bytes: Uint8Array): void {
  wasmMemories.get(bytes)!.grow(1);
}

/** Bytes that are not easily compressed, other ones for each seed. */
function fill(bytes: Uint8Array, seed: number): Uint8Array {
  let state = seed;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

const COMPRESSIONS: readonly [name: string, options: CommonOptions][] = [
  ['plain', {}],
  ['compressed', { compression: true }],
  [
    'compressed with context takeover',
    { compression: { serverNoContextTakeover: false, clientNoContextTakeover: false } },
  ],
];

const SIZES = [2000, 20_000, 65_536, 200_000] as const;

describe.each(COMPRESSIONS)('%s', (_, options) => {
  test.each(MISHAPS)('4D-180 a client may have bytes %s right after send()', async (_name, make, harm) => {
    const handler = recordingHandler({ dataType: 'blob' });
    const { url } = await startServerOf(handler, { ...options, dataType: 'blob' });
    const ws = (await WebSocket.new(url, {}, options))!;
    onTestFinished(() => ws.terminate());
    for (const [seed, size] of SIZES.entries()) {
      const bytes = fill(make(size), seed);
      ws.send(bytes);
      harm(bytes);
      ws.send(Buffer.from(`behind ${size}`));
    }
    const received = (await handler.nextMessages(SIZES.length * 2)) as Uint8Array[];
    for (const [seed, size] of SIZES.entries()) {
      expect(Buffer.from(received[seed * 2]!).equals(fill(new Uint8Array(size), seed))).toBe(true);
      expect(String(received[seed * 2 + 1])).toBe(`behind ${size}`);
    }
  });
});

test.each(MISHAPS)('4D-180 a client may have bytes %s that wait for a reconnection', async (_name, make, harm) => {
  const handler = recordingHandler({ dataType: 'blob' });
  const { url, wss } = await startServerOf(handler, { dataType: 'blob' });
  const again = createDeferred();
  const ws = (await WebSocket.new(
    url,
    { onReconnect: () => again.resolve() },
    { reconnect: { minDelayMs: 1, maxDelayMs: 1, shouldReconnect: () => true } },
  ))!;
  onTestFinished(() => ws.terminate());
  await handler.opened();
  wss.connections[0]!.terminate(4000);
  while (ws.status !== 'Connecting') await turns(1);
  const bytes = fill(make(100_000), 1);
  expect(ws.send(bytes)).toBe('queued');
  harm(bytes);
  await again.promise;
  const [received] = (await handler.nextMessages(1)) as Uint8Array[];
  expect(Buffer.from(received!).equals(fill(new Uint8Array(100_000), 1))).toBe(true);
});

test.each(MISHAPS)(
  '4D-180 a client may have bytes %s that wait for a slow server and may be dropped',
  async (_name, make, harm) => {
    const gate = createDeferred();
    const handler = recordingHandler({ dataType: 'blob', onMessage: () => gate.promise });
    const url = await startUnixServer<never>(() => handler, { dataType: 'blob', maxWaitingMessages: 1 });
    const ws = (await WebSocket.new(url, {}, { bufferPolicy: 'drop-oldest' }))!;
    onTestFinished(() => ws.terminate());
    let count = 1;
    while (ws.send(new Uint8Array(65_536)) === 'sent') {
      count++;
      await turns(1);
    }
    const bytes = fill(make(65_536), 1);
    expect(ws.send(bytes)).toBe('queued');
    harm(bytes);
    gate.resolve();
    const received = (await handler.nextMessages(count + 1)) as Uint8Array[];
    expect(Buffer.from(received[count]!).equals(fill(new Uint8Array(65_536), 1))).toBe(true);
  },
);

test.each(MISHAPS)(
  '4D-181 bytes of a server %s that wait for a slow client and may be dropped',
  async (name, make, harm) => {
    const handler = recordingHandler();
    const url = await startUnixServer<never>(() => handler, { bufferPolicy: 'drop-oldest' });
    const gate = createDeferred();
    const client = recordingHandler({ dataType: 'blob', onMessage: () => gate.promise });
    const ws = (await WebSocket.new(url, client, { maxWaitingMessages: 1 }))!;
    onTestFinished(() => ws.terminate());
    const connection = (await handler.opened()) as WebSocketConnection<never>;
    let count = 1;
    while (connection.send(new Uint8Array(65_536)) === 'sent') {
      count++;
      await turns(1);
    }
    const bytes = fill(make(65_536), 1);
    expect(connection.send(bytes)).toBe('queued');
    harm(bytes);
    gate.resolve();
    if (name === 'filled anew') {
      const received = (await client.nextMessages(count + 1)) as Uint8Array[];
      expect(Buffer.from(received[count]!).equals(Buffer.alloc(65_536))).toBe(true);
    } else {
      expect((await client.ended()).code).toBe(1011);
      expect(client.messages).toHaveLength(count);
      expect(handler.errors.map(({ error }) => error.code)).toEqual(['ERR_MESSAGE_DETACHED']);
    }
  },
);

/** Connects to a server that, on a message, sends bytes that it then harms. */
async function harmOnServer(
  make: (length: number) => Uint8Array,
  harm: (bytes: Uint8Array) => void,
  size: number,
  options: CommonOptions = {},
  broadcasts = false,
): Promise<{ handler: RecordingHandler<unknown>; peer: Awaited<ReturnType<typeof connectPeer>> }> {
  const additions: RecordedCallbacks<unknown> = {
    onMessage(face) {
      const ws = face as WebSocketConnection<never>;
      const bytes = fill(make(size), 1);
      if (broadcasts) ws.wss.broadcast(bytes);
      else ws.send(bytes);
      harm(bytes);
      ws.send('behind');
    },
  };
  const handler = recordingHandler(additions);
  const { url } = await startServerOf(handler, options);
  const peer = await connectPeer(url);
  peer.send('go');
  return { handler, peer };
}

describe.each(MISHAPS)('bytes of a server that are %s right after the call', (name, make, harm) => {
  test.each<[what: string, size: number, options: CommonOptions, broadcasts: boolean]>([
    ['under 16 KiB', 16_383, {}, false],
    ['compressed', 200_000, { compression: true }, false],
    ['broadcast', 200_000, {}, true],
    ['broadcast and compressed', 200_000, { compression: true }, true],
  ])('4D-181 arrive as they were when they are %s', async (_, size, options, broadcasts) => {
    const { peer } = await harmOnServer(make, harm, size, options, broadcasts);
    const [first, second] = await peer.messages.atLeast(2);
    expect(first!.bytes.equals(fill(new Uint8Array(size), 1))).toBe(true);
    expect(String(second!.bytes)).toBe('behind');
  });

  test.each([16_384, 20_000, 60_000])(
    '4D-181 change that message, or end the connection, when %i wait',
    async (size) => {
      const { handler, peer } = await harmOnServer(make, harm, size);
      if (name === 'filled anew') {
        const [first, second] = await peer.messages.atLeast(2);
        expect(first!.bytes.equals(Buffer.alloc(size))).toBe(true);
        expect(String(second!.bytes)).toBe('behind');
      } else {
        expect(await peer.closed).toMatchObject({ code: 1011 });
        expect(peer.messages.all).toEqual([]);
        expect(handler.errors.map(({ error }) => error.code)).toEqual(['ERR_MESSAGE_DETACHED']);
        expect((await handler.ended()).code).toBe(1011);
      }
    },
  );

  test('4D-181 change that message, or cut the connection, when a part of a long one has left', async () => {
    const size = 64 * 1_048_576;
    const handler = recordingHandler();
    const { web } = await startServerOf(handler, { maxBufferedBytes: 2 * size });
    // A peer that does not end its side must not keep a connection that was cut.
    const socket = connect({ port: web.HTTPPort, host: '127.0.0.1', allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    const closed = Promise.race([once(socket, 'end'), once(socket, 'close')]);
    socket.on('error', () => {}).write(handshakeRequest());
    const ws = (await handler.opened()) as WebSocketConnection<never>;
    const bytes = make(size).fill(1);
    ws.send(bytes);
    await turns(3);
    expect(ws.bufferedBytes).toBeGreaterThan(0);
    harm(bytes);
    const seen = { bytes: 0, others: 0 };
    let head = '';
    socket.on('data', (chunk: Buffer) => {
      const start = head.endsWith('\r\n\r\n') ? 0 : chunk.indexOf('\r\n\r\n') + 4;
      head += chunk.toString('latin1', 0, start);
      seen.bytes += chunk.length - start;
      // Only what the memory of the user held may come.
      for (const byte of chunk.subarray(start)) if (byte > 1) seen.others++;
    });
    if (name === 'filled anew') {
      await vi.waitUntil(() => seen.bytes >= size, { timeout: 9000, interval: 5 });
      expect(ws.status).toBe('Connected');
    } else {
      await Promise.all([closed, handler.ended()]);
      expect(seen.bytes).toBeLessThan(size);
      expect(handler.errors.map(({ error }) => error.code)).toEqual(['ERR_MESSAGE_DETACHED']);
    }
    // A frame's header has at most ten bytes.
    expect(seen.others).toBeLessThanOrEqual(10);
  });
});

describe('messages that cannot be sent', () => {
  const detached = new Uint8Array(8);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const shrunk = resizable(16);
  const outside = [new Uint8Array(shrunk, 8, 8), new DataView(shrunk, 8, 8), Buffer.from(shrunk, 8, 8)];
  shrunk.resize(4);

  test.each<[name: string, message: unknown, advice: RegExp]>([
    ['a detached view', detached, /detached/],
    ['a detached buffer', detached.buffer, /detached/],
    ['a view out of bounds', outside[0], /detached|bounds/],
    ['a DataView out of bounds', outside[1], /detached|bounds/],
    ['a Buffer out of bounds', outside[2], /detached|bounds/],
    ['a stream of Node', Readable.from(['a']), /send each of its chunks, and await drained\(\)/],
    ['a file stream', createReadStream(fileURLToPath(import.meta.url)), /send each of its chunks/],
    ['a stream of the web', new Blob(['a']).stream(), /send each of its chunks/],
    ['an async generator', (async function* () {})(), /send each of its chunks/],
    ['a generator', (function* () {})(), /pass an array/],
    ['the iterator of a Map', new Map().entries(), /pass an array/],
    ['a Response', new Response('a'), /arrayBuffer\(\)/],
  ])('4D-182 %s is ERR_INVALID_MESSAGE, and the connection goes on', async (_, message, advice) => {
    const handler = recordingHandler();
    const { url } = await startServerOf(handler);
    const ws = (await WebSocket.new(url))!;
    onTestFinished(() => ws.terminate());
    const connection = (await handler.opened()) as WebSocketConnection;
    for (const face of [ws, connection]) {
      expect(() => face.send(message as SendableMessage)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_MESSAGE', message: expect.stringMatching(advice) as string }),
      );
    }
    expect(() => connection.wss.broadcast(message as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_MESSAGE' }),
    );
    ws.send('still here');
    expect(await handler.nextMessage()).toBe('still here');
  });

  test('4D-182 empty views, iterables that are no iterators, and objects that say what to send go out', async () => {
    const handler = recordingHandler();
    const { url } = await startServerOf(handler);
    const ws = (await WebSocket.new(url))!;
    onTestFinished(() => ws.terminate());
    ws.send(new Uint8Array(0));
    ws.send(new Uint8Array(new ArrayBuffer(8), 8));
    ws.send(
      new (class {
        items = [1];
        *[Symbol.iterator]() {
          yield* this.items;
        }
      })(),
    );
    ws.send({ pipe: 'an own property', next: 1 });
    ws.send(Object.assign(Readable.from([]), { toJSON: () => 'mine' }));
    expect(await handler.nextMessages(5)).toEqual([
      '',
      '',
      '{"items":[1]}',
      '{"pipe":"an own property","next":1}',
      '"mine"',
    ]);
  });
});

test.each(['ws', 'wss'])(
  '4D-183 what a client of %s has sent in the turn of process.exit() arrives',
  async (scheme) => {
    const handler = recordingHandler({ dataType: 'blob' });
    const http = scheme === 'ws' ? createServer() : createSecureServer(makeCertificate());
    const port = await listen(http);
    WebSocketServer.new({ onConnection: () => handler as never }, { webServer: http, dataType: 'blob' });
    const program = await startExample('test/processes/last-words.ts', { args: [`${scheme}://127.0.0.1:${port}`] });
    expect(await program.ended).toMatchObject({ code: 0 });
    expect(program.lines).toEqual(['sent sent sent']);
    const received = (await handler.nextMessages(3)) as Uint8Array[];
    expect(received.map(({ length }) => length)).toEqual([10, 30_000, 20_000]);
    expect((await handler.ended()).code).toBe(1006);
  },
);

describe('a compression that fails', () => {
  test.each(['throw', 'error'] as const)('4D-184 by %s ends its connection, and no other', async (kind) => {
    const handler = recordingHandler();
    const { url } = await startServerOf(handler, { compression: true });
    // More than the pool has places, one after the other: a place that was not given back would be missing.
    for (let i = 0; i < 6; i++) {
      zlibFault.kind = kind;
      const broken = recordingHandler();
      const ws = (await WebSocket.new(url, broken, { compression: true }))!;
      ws.send('x'.repeat(100_000));
      expect((await broken.ended()).cause).toBe('limit');
      expect(broken.errors.map(({ error }) => [error.code, error.closeCode])).toEqual([
        ['ERR_COMPRESSION_FAILED', 1011],
      ]);
    }
    zlibFault.kind = 'none';
    const whole = (await WebSocket.new(url, {}, { compression: true }))!;
    onTestFinished(() => whole.terminate());
    whole.send('y'.repeat(100_000));
    expect(await handler.nextMessage()).toBe('y'.repeat(100_000));
  });

  test.each(['throw', 'error'] as const)('4D-184 by %s lets a broadcast go out as it is', async (kind) => {
    const handler = recordingHandler();
    const { url, wss } = await startServerOf(handler, { compression: true });
    const received = recordingHandler();
    const ws = (await WebSocket.new(url, received, { compression: true }))!;
    onTestFinished(() => ws.terminate());
    zlibFault.kind = kind;
    wss.broadcast('x'.repeat(100_000));
    expect(await received.nextMessage()).toBe('x'.repeat(100_000));
    expect(ws.status).toBe('Connected');
  });
});
