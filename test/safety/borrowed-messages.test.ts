import { once } from 'node:events';
import { createServer } from 'node:https';
import { connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  callWorker,
  type CommonOptions,
  type ConnectionHandler,
  type MessageEvent,
  tryExpr,
  WebSocket,
  type WebSocketConnection,
  WebSocketServer,
  type WebSocketServerOptions,
} from '../../src/index.ts';
import { type RecordedCallbacks, recordingHandler } from '../../src/testing.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { frame, readFrames } from '../helpers/frames.ts';
import { handshakeRequest } from '../helpers/handshake-request.ts';
import { startServerOf, startUnixServer } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';

// With the option `borrowed`, the memory of a message holds the next one as soon as its callback has returned. Whatever
// a callback sends must leave as it was at the call, and no connection may see bytes of another.

type Connection = WebSocketConnection<Uint8Array>;
type Face = Connection | WebSocket<Uint8Array>;
type Event = MessageEvent<Uint8Array>;

const LENDING = ['true', 'poison'] as const;

/** Lengths around the ways that messages take: in one chunk or several, copied at the call or piece by piece. */
const LENGTHS = [0, 5, 600, 5000, 16_383, 16_384, 40_000, 65_536, 131_072, 400_000] as const;

function optionsOf(lending: (typeof LENDING)[number], options: CommonOptions = {}) {
  return { ...options, borrowed: lending === 'true' ? true : lending, dataType: 'blob' } as const;
}

/** Bytes that hardly compress. */
const POOL = Buffer.alloc(700_000);
let state = 1;
for (let i = 0; i < POOL.length; i++) {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  POOL[i] = state >>> 24;
}

/** A message that no other seed gives. */
function messageOf(seed: number, length: number): Buffer {
  const start = (seed * 7919) % 300_000;
  return POOL.subarray(start, start + length);
}

/** Sends differing messages in bursts and expects them back, in order. */
async function expectEchoes(url: string, seed: number, options: object = {}): Promise<void> {
  const handler = recordingHandler({ dataType: 'blob' });
  const ws = (await WebSocket.new(url, handler, options))!;
  onTestFinished(() => ws.terminate());
  const messages = LENGTHS.flatMap((length, i) => [0, 1, 2].map((n) => messageOf(seed * 1000 + i * 10 + n, length)));
  for (const message of messages) ws.send(message);
  const echoes = (await handler.nextMessages(messages.length)) as Uint8Array[];
  const wrong = messages.flatMap((message, i) => (message.equals(echoes[i]!) ? [] : [`${i}: ${message.length}`]));
  expect(wrong).toEqual([]);
}

/** Ways in which a callback sends what it was lent. */
const ECHOES: Readonly<Record<string, (ws: Connection, data: Uint8Array) => void>> = {
  'send()': (ws, data) => void ws.send(data),
  'send() of a typed array': (ws, data) => void ws.send(new Uint8Array(data.buffer, data.byteOffset, data.length)),
  'send() of a DataView': (ws, data) => void ws.send(new DataView(data.buffer, data.byteOffset, data.length)),
  'send() of a part': (ws, data) => void ws.send(data.subarray(0)),
  'send() within tryExpr()': (ws, data) => void tryExpr(() => ws.send(data)),
  'broadcast()': (ws, data) => {
    const others = ws.wss.connections.filter((connection) => connection !== ws);
    ws.wss.broadcast(data, { except: others as never });
  },
};

describe.each(LENDING)('borrowed: %s', (lending) => {
  test.each<[way: string, name: string, options: CommonOptions]>([
    ...Object.keys(ECHOES).map((way): [string, string, CommonOptions] => [way, 'plain', {}]),
    ...['send()', 'broadcast()'].flatMap((way): [string, string, CommonOptions][] => [
      [way, 'compressed', { compression: true }],
      [
        way,
        'compressed with context takeover',
        { compression: { serverNoContextTakeover: false, clientNoContextTakeover: false } },
      ],
      [way, 'kept in a backlog', { bufferPolicy: 'drop-oldest' }],
    ]),
  ])('%s sends what the callback was lent, %s, to three clients at a time', async (way, _, options) => {
    const handler = { onMessage: (ws: Connection, event: Event) => ECHOES[way]!(ws, event.data) };
    const { url } = await startServerOf(handler, optionsOf(lending, options));
    await Promise.all([1, 2, 3].map((seed) => expectEchoes(url, seed, options)));
  });

  test('over TLS', async () => {
    const { key, cert } = makeCertificate();
    const https = createServer({ key, cert });
    const port = await listen(https);
    const wss = WebSocketServer.new(
      { onConnection: () => ({ onMessage: (ws, event) => void ws.send(event.data as Uint8Array) }) },
      { ...optionsOf(lending), dataType: 'blob' as 'object', webServer: https },
    )!;
    onTestFinished(() => wss.terminate(0));
    const tls = { tls: { rejectUnauthorized: false } };
    await Promise.all([1, 2].map((seed) => expectEchoes(`wss://127.0.0.1:${port}`, seed, tls)));
  });

  test('messages in fragments, whole and in small chunks', async () => {
    const handler = { onMessage: (ws: Connection, event: Event) => void ws.send(event.data) };
    const { web } = await startServerOf(handler, optionsOf(lending));
    const client = await RawClient.open(web.HTTPPort);
    const messages = [10, 3000, 40_000, 200_000].map((length, i) => messageOf(i, length));
    const stream = Buffer.concat(
      messages.flatMap((message) => {
        const third = Math.floor(message.length / 3);
        return [
          frame('client', '02', message.subarray(0, third)),
          frame('client', '00', message.subarray(third, 2 * third)),
          frame('client', '80', message.subarray(2 * third)),
        ];
      }),
    );
    for (let start = 0; start < stream.length; start += 1500) client.socket.write(stream.subarray(start, start + 1500));
    client.socket.write(stream);
    const seen = await client.frames.atLeast(messages.length * 2);
    const expected = messages.map((message) => `82 ${message.toString('hex')}`);
    expect(seen.map((text, i) => text === expected[i % expected.length])).toEqual(seen.map(() => true));
  });

  test.each(['close', 'drop-oldest'] as const)(
    'a client that does not read gets what was sent, when it reads at last (%s)',
    async (bufferPolicy) => {
      const count = 60;
      const handler = recordingHandler<'blob'>({
        onMessage: (face, { data }) => void face.send(data),
      });
      const { web } = await startServerOf(handler, optionsOf(lending, { bufferPolicy, maxBufferedBytes: 100_000_000 }));
      const socket = connect(web.HTTPPort, '127.0.0.1');
      onTestFinished(() => void socket.destroy());
      socket.write(handshakeRequest());
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString('latin1')).toMatch(/^HTTP\/1.1 101/);
      socket.pause();
      for (let n = 0; n < count; n++) socket.write(frame('client', '82', messageOf(n, 300_000)));
      await handler.nextMessages(count);
      const chunks: Buffer[] = [];
      let bytes = 0;
      const all = createDeferred();
      socket.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes === count * 300_010) all.resolve();
      });
      socket.resume();
      await all.promise;
      const echoes = readFrames(Buffer.concat(chunks), 'server');
      expect(echoes.map(({ payload }, n) => payload.equals(messageOf(n, 300_000)))).toEqual(Array(count).fill(true));
    },
  );

  test('messages that wait for an asynchronous callback keep their bytes until it is their turn', async () => {
    const seen: boolean[] = [];
    const lengths = [10, 5000, 40_000, 60_000, 200_000];
    const handler = {
      async onMessage(ws: Connection, { data }: Event): Promise<void> {
        seen.push(messageOf(seen.length, data.length).equals(data));
        const copy = Uint8Array.from(data);
        await turns(3);
        ws.send(copy);
      },
    };
    const { url } = await startServerOf(handler, optionsOf(lending, { maxWaitingMessages: 12 }));
    const receiver = recordingHandler({ dataType: 'blob' });
    const ws = (await WebSocket.new(url, receiver))!;
    onTestFinished(() => ws.terminate());
    const messages = Array.from({ length: 40 }, (_, n) => messageOf(n, lengths[n % lengths.length]!));
    for (const message of messages) ws.send(message);
    const echoes = (await receiver.nextMessages(messages.length)) as Uint8Array[];
    expect(seen).toEqual(messages.map(() => true));
    expect(echoes.map((echo, n) => messages[n]!.equals(echo))).toEqual(messages.map(() => true));
  });

  test('messages that wait for a busy worker keep their bytes until it is their turn', async () => {
    const seen: boolean[] = [];
    const done = createDeferred();
    const gate = createDeferred();
    const url = createDeferred<string>();
    callWorker('borrowing', async () => {
      const handler = {
        onMessage(_ws: Connection, { data }: Event): void {
          seen.push(messageOf(seen.length, data.length).equals(data));
          if (seen.length === 9) done.resolve();
        },
      };
      url.resolve(await startUnixServer<Uint8Array>(() => handler, optionsOf(lending)));
    });
    const ws = (await WebSocket.new(await url.promise))!;
    onTestFinished(() => ws.terminate());
    callWorker('borrowing', () => gate.promise);
    await turns();
    for (let n = 0; n < 9; n++) ws.send(messageOf(n, 7000 * (9 - n)));
    await turns();
    expect(seen).toEqual([]);
    gate.resolve();
    await done.promise;
    expect(seen).toEqual(Array(9).fill(true));
  });

  test('a callback may send to another connection, and on a client that waits for its next connection', async () => {
    const target = recordingHandler({ dataType: 'blob' });
    const { url: targetUrl, wss: targetServer } = await startServerOf(target, { dataType: 'blob' });
    const again = createDeferred();
    const relay = (await WebSocket.new(
      targetUrl,
      { onReconnect: () => again.resolve() },
      { reconnect: { minDelayMs: 1, maxDelayMs: 1, shouldReconnect: () => true } },
    ))!;
    onTestFinished(() => relay.terminate());
    const statuses: string[] = [];
    const handler = recordingHandler<'blob'>({
      onMessage: (_face, { data }) => void statuses.push(relay.send(data)),
    });
    const { url } = await startServerOf(handler, optionsOf(lending));
    const ws = (await WebSocket.new(url))!;
    onTestFinished(() => ws.terminate());
    await target.opened();
    const messages = [20, 20_000, 100_000].map((length, n) => messageOf(n, length));
    for (const message of messages) ws.send(message);
    await target.nextMessages(3);
    targetServer.connections[0]!.terminate(4000);
    while (relay.status !== 'Connecting') await turns(1);
    // The memory of the first ones holds the last ones before the relay connects.
    for (const message of [...messages, ...messages.toReversed()]) ws.send(message);
    await handler.nextMessages(9);
    await again.promise;
    await target.nextMessages(6);
    const received = target.messages;
    const expected = [...messages, ...messages, ...messages.toReversed()];
    expect(received.map((data, n) => expected[n]!.equals(data))).toEqual(Array(9).fill(true));
  });

  test('a client is lent bytes too, and sends them', async () => {
    const additions: RecordedCallbacks<unknown> = { dataType: 'blob' };
    const server = recordingHandler(additions);
    const { url } = await startServerOf(server, { dataType: 'blob' });
    const handler = {
      dataType: 'blob',
      onMessage: (client: Face, event: Event) => void client.send(event.data),
    } as const;
    const ws = (await WebSocket.new(url, handler as never, { borrowed: lending === 'true' ? true : lending }))!;
    onTestFinished(() => ws.terminate());
    const connection = (await server.opened()) as unknown as Connection;
    const messages = LENGTHS.flatMap((length, i) => [0, 1].map((n) => messageOf(i * 2 + n, length)));
    for (const message of messages) connection.send(Buffer.from(message));
    const echoes = (await server.nextMessages(messages.length)) as Uint8Array[];
    expect(echoes.map((echo, i) => messages[i]!.equals(echo))).toEqual(messages.map(() => true));
  });

  test('a callback that throws or transfers the memory away harms no other connection', async () => {
    const handler = {
      onMessage(ws: Connection, { data }: Event): void {
        if (data.length === 50_001) throw new Error('failed');
        if (data.length === 50_002) structuredClone(data.buffer, { transfer: [data.buffer as ArrayBuffer] });
        else ws.send(data);
      },
      onError() {},
    } satisfies ConnectionHandler<Uint8Array>;
    const { url } = await startServerOf(handler, optionsOf(lending));
    const honest = [1, 2].map((seed) => expectEchoes(url, seed));
    for (let n = 0; n < 8; n++) {
      const hostile = (await WebSocket.new(url))!;
      onTestFinished(() => hostile.terminate());
      hostile.send(Buffer.alloc(50_001 + (n % 2)));
    }
    await Promise.all(honest);
    await expectEchoes(url, 3);
  });
});

/** Returns what a callback has kept of one message of each length, after a second one has come. */
async function keep(borrowed: WebSocketServerOptions['borrowed']): Promise<Buffer[]> {
  const kept: Buffer[] = [];
  const handler = recordingHandler<'blob'>({ onMessage: (_face, { data }) => void kept.push(data as Buffer) });
  const { url } = await startServerOf(handler, { borrowed, dataType: 'blob' });
  const ws = (await WebSocket.new(url))!;
  onTestFinished(() => ws.terminate());
  for (const length of [100, 5000, 40_000]) {
    for (const value of [1, 2]) ws.send(Buffer.alloc(length, value));
  }
  await handler.nextMessages(6);
  return kept;
}

describe('bytes that a callback keeps', () => {
  test('belong to it by default', async () => {
    const kept = await keep(undefined);
    expect(kept.map((bytes, i) => bytes.every((byte) => byte === 1 + (i % 2)))).toEqual(Array(6).fill(true));
  });

  test('hold a later message with borrowed', async () => {
    const kept = await keep(true);
    expect(kept[0]!.every((byte) => byte !== 1)).toBe(true);
    expect(new Set(kept.map(({ buffer }) => buffer)).size).toBeLessThan(kept.length);
  });

  test('are 0xDB with borrowed: "poison", also those of messages that had to wait', async () => {
    const kept = await keep('poison');
    expect(kept.map((bytes) => bytes.every((byte) => byte === 0xdb))).toEqual(Array(6).fill(true));
  });

  test('leave as they are when they are sent later, and never change while they are being sent', async () => {
    const kept: Uint8Array[] = [];
    const handler = {
      onMessage(ws: Connection, { data }: Event): void {
        kept.push(data);
        // A mistake of the user: the bytes of an earlier callback.
        ws.send(kept[0]!);
      },
    };
    const { url } = await startServerOf(handler, optionsOf('poison'));
    const receiver = recordingHandler({ dataType: 'blob' });
    const ws = (await WebSocket.new(url, receiver))!;
    onTestFinished(() => ws.terminate());
    for (const value of [1, 2]) ws.send(Buffer.alloc(100_000, value));
    const [first, second] = (await receiver.nextMessages(2)) as Buffer[];
    expect([first!.equals(Buffer.alloc(100_000, 1)), second!.equals(Buffer.alloc(100_000, 0xdb))]).toEqual([
      true,
      true,
    ]);
  });
});

test('a client without dataType "blob" cannot borrow', async () => {
  const { url } = await startServerOf(recordingHandler());
  const handler = recordingHandler();
  void new WebSocket(url, handler, { borrowed: true });
  await handler.ended();
  expect(handler.errors.map(({ error }) => [error.code, error.message])).toEqual([
    [
      'ERR_INVALID_OPTION',
      'invalid option: borrowed needs dataType "blob" or "auto": with "text" a message is a string, which has no bytes to lend',
    ],
  ]);
});
