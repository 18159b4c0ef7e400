import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ClientOptions, PerMessageDeflateOptions } from 'ws';
import { type CompressionOptions, WebSocket } from '../../src/index.ts';
import { recordingHandler, type RecordingHandler } from '../../src/testing.ts';
import { startServerOf } from '../helpers/library-server.ts';
import { connectPeer, type Peer, startPeerServer } from '../helpers/peer.ts';
import { UndiciPeer } from '../helpers/undici-peer.ts';

/** Short and long texts, similar and different ones, and bytes that do not compress. */
const MESSAGES: readonly (string | Buffer)[] = [
  'hello',
  'hello again, hello',
  '',
  JSON.stringify(Array.from({ length: 100 }, (_, id) => ({ id, name: `name ${id}`, isNew: id % 2 === 0 }))),
  randomBytes(3000),
  'é😀'.repeat(30_000),
  Buffer.alloc(0),
  JSON.stringify(Array.from({ length: 5000 }, (_, id) => ({ id, square: id * id }))),
  Buffer.alloc(300_000, 'bytes that compress well'),
  'hello again, hello',
];

function bytesOf(message: unknown): Buffer {
  return typeof message === 'string' ? Buffer.from(message) : Buffer.from(message as Uint8Array);
}

/** Sends all messages in both directions at once, and compares the received ones. */
async function exchange(
  library: { send(message: string | Buffer): void },
  handler: RecordingHandler<unknown>,
  peer: Peer,
): Promise<void> {
  for (const message of MESSAGES) {
    library.send(message);
    peer.socket.send(message);
  }
  const here = await handler.nextMessages(MESSAGES.length);
  const there = await peer.messages.atLeast(MESSAGES.length);
  for (const [i, message] of MESSAGES.entries()) {
    expect(bytesOf(message).equals(bytesOf(here[i]))).toBe(true);
    expect(bytesOf(message).equals(there[i]!.bytes)).toBe(true);
    expect(there[i]!.isBinary).toBe(typeof message !== 'string');
  }
}

interface Wishes {
  readonly serverNoContextTakeover: boolean;
  readonly clientNoContextTakeover: boolean;
  readonly serverMaxWindowBits: number;
  readonly clientMaxWindowBits: number;
}

const WINDOWS = [
  [15, 15],
  [9, 15],
  [15, 9],
  [10, 12],
] as const;
const WISHES: readonly Wishes[] = [false, true].flatMap((serverNoContextTakeover) =>
  [false, true].flatMap((clientNoContextTakeover) =>
    WINDOWS.map(([serverMaxWindowBits, clientMaxWindowBits]) => ({
      serverNoContextTakeover,
      clientNoContextTakeover,
      serverMaxWindowBits,
      clientMaxWindowBits,
    })),
  ),
);

function libraryOptions(wishes: Wishes): CompressionOptions {
  return { ...wishes, thresholdBytes: 0 };
}

/** The wishes as options of ws, without `false` and 15: ws would refuse offers that differ from these values. */
function wsOptions(wishes: Wishes): PerMessageDeflateOptions {
  return {
    threshold: 0,
    ...(wishes.serverNoContextTakeover && { serverNoContextTakeover: true }),
    ...(wishes.clientNoContextTakeover && { clientNoContextTakeover: true }),
    ...(wishes.serverMaxWindowBits < 15 && { serverMaxWindowBits: wishes.serverMaxWindowBits }),
    ...(wishes.clientMaxWindowBits < 15 && { clientMaxWindowBits: wishes.clientMaxWindowBits }),
  };
}

const NO_WISHES: Wishes = WISHES[0]!;

describe.each(WISHES)('%j', (wishes) => {
  test.each([
    ['wanted by both', wishes, wishes],
    ['wanted by the server', wishes, NO_WISHES],
    ['wanted by the client', NO_WISHES, wishes],
  ])('a client of ws, %s', async (_, server, client) => {
    const handler = recordingHandler();
    const { url } = await startServerOf(handler, { dataType: 'blob', compression: libraryOptions(server) });
    const options: ClientOptions = { perMessageDeflate: wsOptions(client) };
    const peer = await connectPeer(url, options);
    expect(peer.socket.extensions).toBe('permessage-deflate');
    await exchange(await handler.opened(), handler, peer);
  });

  test.each([
    ['wanted by both', wishes, wishes],
    ['wanted by the server', wishes, NO_WISHES],
    ['wanted by the client', NO_WISHES, wishes],
  ])('a server of ws, %s', async (_, server, client) => {
    const peers = await startPeerServer({ perMessageDeflate: wsOptions(server) });
    const handler = recordingHandler({ dataType: 'blob' });
    const ws = await WebSocket.new(peers.url, handler, { compression: libraryOptions(client) });
    const peer = await peers.accept();
    expect(peer.socket.extensions).toBe('permessage-deflate');
    await exchange(ws!, handler, peer);
  });
});

describe('default settings', () => {
  test.each([true, {}])('compression: %j with a client of ws', async (compression) => {
    const handler = recordingHandler();
    const { url } = await startServerOf(handler, { dataType: 'blob', compression });
    const peer = await connectPeer(url);
    expect(peer.socket.extensions).toBe('permessage-deflate');
    await exchange(await handler.opened(), handler, peer);
  });

  test('compression: true with a server of ws', async () => {
    const peers = await startPeerServer({ perMessageDeflate: true });
    const handler = recordingHandler({ dataType: 'blob' });
    const ws = await WebSocket.new(peers.url, handler, { compression: true });
    const peer = await peers.accept();
    expect(peer.socket.extensions).toBe('permessage-deflate');
    await exchange(ws!, handler, peer);
  });

  test('without the option neither side negotiates compression', async () => {
    const handler = recordingHandler();
    const { url } = await startServerOf(handler, { dataType: 'blob' });
    const client = await connectPeer(url);
    expect(client.socket.extensions).toBe('');
    await exchange(await handler.opened(), handler, client);

    const peers = await startPeerServer({ perMessageDeflate: true });
    const ourHandler = recordingHandler({ dataType: 'blob' });
    const ws = await WebSocket.new(peers.url, ourHandler);
    const peer = await peers.accept();
    expect(peer.socket.extensions).toBe('');
    await exchange(ws!, ourHandler, peer);
  });

  test('a peer without compression connects uncompressed', async () => {
    const handler = recordingHandler();
    const { url } = await startServerOf(handler, { dataType: 'blob', compression: true });
    const peer = await connectPeer(url, { perMessageDeflate: false });
    expect(peer.socket.extensions).toBe('');
    await exchange(await handler.opened(), handler, peer);
  });
});

describe('the WebSocket of Node', () => {
  test.each<[string, boolean | CompressionOptions]>([
    ['with default settings', true],
    ['with context takeover', { serverNoContextTakeover: false, clientNoContextTakeover: false, thresholdBytes: 0 }],
    ['with small windows', { serverMaxWindowBits: 9, clientMaxWindowBits: 9, thresholdBytes: 0 }],
  ])('%s receives and sends compressed messages', async (_, compression) => {
    const handler = recordingHandler();
    const { url } = await startServerOf(handler, { dataType: 'blob', compression });
    const peer = new UndiciPeer(url);
    await peer.opened;
    expect(peer.socket.extensions).toContain('permessage-deflate');
    const ws = await handler.opened();
    for (const message of MESSAGES) {
      ws.send(message);
      peer.socket.send(message);
    }
    const here = await handler.nextMessages(MESSAGES.length);
    const there = await peer.messages.atLeast(MESSAGES.length);
    for (const [i, message] of MESSAGES.entries()) {
      expect(bytesOf(message).equals(bytesOf(here[i]))).toBe(true);
      expect(bytesOf(message).equals(bytesOf(there[i]))).toBe(true);
    }
  });
});

describe('hostile bytes', () => {
  test('a connection that is cut while zlib works on messages of both directions ends with 1006', async () => {
    const handler = recordingHandler();
    const { url, wss } = await startServerOf(handler, {
      compression: { thresholdBytes: 0, serverNoContextTakeover: false },
    });
    const peer = await connectPeer(url, { perMessageDeflate: { threshold: 0 } });
    const text = JSON.stringify(Array.from({ length: 30_000 }, (_, id) => ({ id, square: id * id })));
    peer.send(text);
    const ws = await handler.opened();
    for (let i = 0; i < 5; i++) ws.send(text);
    peer.cut();
    expect((await handler.ended()).code).toBe(1006);
    expect(wss.connections).toEqual([]);
    expect(ws.send(text)).toBe('dropped');
    const other = await connectPeer(url);
    other.send('still here');
    while ((await handler.nextMessage()) !== 'still here');
  });

  test('a zip bomb ends its own connection with 1009, and no other connection', async () => {
    const handler = recordingHandler();
    const { url } = await startServerOf(handler, { compression: true, maxMessageBytes: 1_000_000 });
    const bomber = await connectPeer(url);
    const bystander = await connectPeer(url);
    bomber.socket.send('a'.repeat(100_000_000), { compress: true });
    expect((await bomber.closed).code).toBe(1009);
    bystander.send('still here');
    expect(await handler.nextMessage()).toBe('still here');
  });
});
