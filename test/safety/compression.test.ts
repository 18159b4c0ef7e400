import { describe, expect, test } from 'vitest';
import { WebSocket } from '../../src/index.ts';
import { recordingHandler, type RecordingHandler } from '../../src/testing.ts';
import { heldBytes } from '../helpers/memory.ts';
import { deflateMessage } from '../helpers/deflate.ts';
import { frame } from '../helpers/frames.ts';
import { startServerOf } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { startRawServer } from '../helpers/raw-server.ts';
import { turns } from '../helpers/turns.ts';

const PMD = 'Sec-WebSocket-Extensions: permessage-deflate';

/** A message of 50 KB that inflates to 50 MB. */
const BOMB = deflateMessage(Buffer.alloc(50_000_000));

/** Opens a connection with compression, with a peer under control of the test. */
async function open(role: 'client' | 'server', handler: RecordingHandler<unknown>) {
  if (role === 'server') {
    const { web } = await startServerOf(handler, { compression: true });
    const { socket, frames } = await RawClient.open(web.HTTPPort, { headers: [PMD] });
    return {
      frames,
      end: () => void socket.end(),
      write: (first: string, payload: Uint8Array) => void socket.write(frame('client', first, payload)),
    };
  }
  const server = await startRawServer();
  void new WebSocket(server.url, handler, { compression: true });
  const peer = await server.accept();
  peer.socket.write(peer.answer([`${PMD}; server_no_context_takeover; client_no_context_takeover`]));
  return {
    frames: peer.frames,
    end: () => void peer.socket.end(),
    write: (first: string, payload: Uint8Array) => void peer.socket.write(frame('server', first, payload)),
  };
}

describe.each(['client', 'server'] as const)(
  'zip bomb (python-websockets CVE-2018-1000518, undici CVE-2026-1526) at a %s',
  (role) => {
    test.each([
      ['in one frame', (bomb: Buffer) => [['c1', bomb]] as const],
      [
        'in fragments',
        (bomb: Buffer) => [['41', bomb.subarray(0, 1000)] as const, ['80', bomb.subarray(1000)] as const],
      ],
    ])('%s: inflating 50 MB stops at maxMessageBytes', async (_, cut) => {
      const handler = recordingHandler();
      const peer = await open(role, handler);
      await handler.opened();
      // The first message in several chunks allocates a block from which the C library learns, once in a process.
      peer.write('82', Buffer.alloc(100_000));
      await handler.nextMessages(1);
      const before = heldBytes();
      let mostHeld = 0;
      for (const [first, payload] of cut(BOMB)) peer.write(first, payload);
      while (handler.errors.length === 0) {
        await turns(1);
        mostHeld = Math.max(mostHeld, process.memoryUsage().arrayBuffers - before);
      }
      expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_MESSAGE_TOO_BIG', limit: 1_048_576 });
      expect(await peer.frames.next()).toBe('88 03f1');
      expect(handler.messages).toHaveLength(1);
      // The bound covers the limit, its doubling, and the bomb itself.
      expect(mostHeld).toBeLessThan(8_000_000);
      peer.end();
    });

    test('twenty messages of 1 MB in a row leave no memory behind', async () => {
      const handler = recordingHandler();
      const peer = await open(role, handler);
      await handler.opened();
      const message = deflateMessage(Buffer.alloc(1_000_000, 'a'));
      const before = heldBytes();
      for (let i = 0; i < 20; i++) peer.write('c1', message);
      expect(await handler.nextMessages(20)).toHaveLength(20);
      expect(heldBytes() - before).toBeLessThan(4_000_000);
      peer.end();
    });
  },
);

const BAD_PARAMETERS = [
  'server_max_window_bits=7',
  'server_max_window_bits=16',
  'server_max_window_bits=0',
  'server_max_window_bits=-1',
  'server_max_window_bits=8.5',
  'server_max_window_bits=1e1',
  'server_max_window_bits=010',
  'server_max_window_bits=99999999999999999999',
  'server_max_window_bits=NaN',
  'server_max_window_bits',
  'client_max_window_bits=7',
  'client_max_window_bits=16',
  'client_max_window_bits=constructor',
  'server_max_window_bits=10; server_max_window_bits=10',
  'server_no_context_takeover=true',
  'unknown_parameter',
];

describe('bad window bits (undici CVE-2026-2229: threw out of the event loop)', () => {
  test.each(BAD_PARAMETERS)('%s in an answer fails the handshake of a client, and nothing else', async (parameters) => {
    const server = await startRawServer();
    const handler = recordingHandler();
    const ws = new WebSocket(server.url, handler, { compression: true });
    const peer = await server.accept();
    peer.socket.write(peer.answer([`${PMD}; server_no_context_takeover; ${parameters}`]));
    expect(await ws.ready).toBeNull();
    expect(handler.errors.map(({ error }) => error.code)).toEqual(['ERR_HANDSHAKE_INVALID']);
  });

  test.each(BAD_PARAMETERS)(
    '%s in an offer is declined by a server, and the connection opens without compression',
    async (parameters) => {
      const handler = recordingHandler();
      const { web } = await startServerOf(handler, { compression: true });
      const client = await RawClient.open(web.HTTPPort, { headers: [`${PMD}; ${parameters}`] });
      expect((await client.answered).headers.get('sec-websocket-extensions')).toBeUndefined();
      client.sendText('fine');
      expect(await handler.nextMessage()).toBe('fine');
    },
  );

  test.each([8, 9, 10, 11, 12, 13, 14, 15])('%i bits work in both directions', async (bits) => {
    const text = 'abcdefgh'.repeat(400);
    const message = deflateMessage(text, { windowBits: Math.max(9, bits) === bits ? bits : 9 });
    const server = await startRawServer();
    const ofClient = recordingHandler();
    const ws = new WebSocket(server.url, ofClient, { compression: true });
    const peer = await server.accept();
    peer.socket.write(
      peer.answer([
        `${PMD}; server_no_context_takeover; server_max_window_bits=${bits}; client_max_window_bits=${bits}`,
      ]),
    );
    expect(await ws.ready).toBe(ws);
    // zlib cannot write a stream for a window of 256 bytes, so 8 bits use a message without references.
    peer.socket.write(frame('server', 'c1', bits === 8 ? deflateMessage(text, { level: 0 }) : message));
    expect(await ofClient.nextMessage()).toBe(text);
    expect(ws.send(text)).not.toBe('dropped');
    expect((await peer.frames.next()).slice(0, 2)).toBe(bits === 8 ? '81' : 'c1');
    peer.socket.end();
    const ofServer = recordingHandler({ onMessage: (socket, { data }) => socket.send(data as never) });
    const { web } = await startServerOf(ofServer, { compression: true });
    const client = await RawClient.open(web.HTTPPort, {
      headers: [`${PMD}; server_max_window_bits=${bits}; client_max_window_bits=${bits}`],
    });
    const isAgreed = (await client.answered).headers.get('sec-websocket-extensions') !== undefined;
    if (isAgreed) client.send('c1', message);
    else client.sendText(text);
    expect(await ofServer.nextMessage()).toBe(text);
    expect((await client.nextFrame()).slice(0, 2)).toBe(isAgreed ? 'c1' : '81');
  });
});
