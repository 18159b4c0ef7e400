import { describe, expect, test } from 'vitest';
import { type TerminateEvent, WebSocket } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { startServerOf } from '../helpers/library-server.ts';
import { connectPeer } from '../helpers/peer.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { turns } from '../helpers/turns.ts';

const MEGABYTE = 'x'.repeat(1_000_000);

/** A connection whose peer reads nothing until a test resumes its socket. */
async function connectSilent(options: object = {}) {
  const handler = recordingHandler();
  const { wss, web } = await startServerOf(handler, options);
  const client = await RawClient.request(web.HTTPPort);
  expect((await client.answered).status).toBe(101);
  client.socket.pause();
  await handler.opened();
  return { handler, client, wss, connection: wss.connections[0]! };
}

/** Sends until the socket buffers are full and a megabyte or more waits in this process. */
async function fill(connection: { send(text: string): string; readonly bufferedBytes: number }): Promise<void> {
  while (connection.bufferedBytes < MEGABYTE.length) {
    connection.send(MEGABYTE);
    await turns();
  }
}

describe('what send returns', () => {
  test('"sent" while the peer keeps up, "dropped" when the connection is closing', async () => {
    const { wss, url } = await startServerOf(recordingHandler());
    const peer = await connectPeer(url);
    const connection = wss.connections[0]!;
    expect([connection.send('a'), connection.send({ b: 1 }), connection.send(Buffer.from('c'))]).toEqual([
      'sent',
      'sent',
      'sent',
    ]);
    await peer.messages.atLeast(3);
    connection.terminate();
    expect(connection.send('d')).toBe('dropped');
    await peer.closed;
    expect(peer.messages.all).toHaveLength(3);
  });

  test('"queued" while the peer does not keep up; drained() resolves and onDrain runs when it has caught up', async () => {
    let drains = 0;
    const handler = { onMessage() {}, onDrain: () => void drains++ };
    const { wss, web } = await startServerOf(handler);
    const client = await RawClient.request(web.HTTPPort);
    expect((await client.answered).status).toBe(101);
    await turns();
    client.socket.pause();
    const connection = wss.connections[0]!;
    await fill(connection);
    expect(connection.send('and this')).toBe('queued');
    let isDrained = false;
    const drained = (async () => {
      await connection.drained();
      isDrained = true;
    })();
    await turns();
    expect([isDrained, drains]).toEqual([false, 0]);
    expect(connection.bufferedBytes).toBeGreaterThan(0);
    client.socket.resume();
    await drained;
    expect(connection.bufferedBytes).toBe(0);
    expect(drains).toBe(1);
    await connection.drained();
  });

  test('drained() resolves when the connection ends', async () => {
    const { connection, client, handler } = await connectSilent();
    await fill(connection);
    const drained = connection.drained();
    await turns();
    client.socket.resetAndDestroy();
    await drained;
    expect(await handler.ended()).toMatchObject({ code: 1006 });
  });
});

describe('bufferPolicy', () => {
  test('"close" ends the connection with 1013 when a send finds too many bytes waiting', async () => {
    const { connection, handler, client } = await connectSilent({ maxBufferedBytes: 4_000_000, closeTimeoutMs: 100 });
    await fill(connection);
    const statuses = Array.from({ length: 6 }, () => connection.send(MEGABYTE));
    expect([statuses[0], statuses.at(-1)]).toEqual(['queued', 'dropped']);
    client.socket.resume();
    expect(await handler.ended()).toMatchObject({ code: 1013, cause: 'limit' });
  });

  test('"drop-newest" drops the new message and keeps the connection', async () => {
    const { connection, client } = await connectSilent({ maxBufferedBytes: 4_000_000, bufferPolicy: 'drop-newest' });
    await fill(connection);
    const statuses = Array.from({ length: 6 }, () => connection.send(MEGABYTE));
    expect([statuses[0], statuses.at(-1)]).toEqual(['queued', 'dropped']);
    client.socket.resume();
    await connection.drained();
    expect(connection.status).toBe('Connected');
    expect(connection.send('again')).toBe('sent');
  });

  test('"drop-oldest" drops the oldest droppable messages and sends the others in order', async () => {
    const { connection, client } = await connectSilent({ maxBufferedBytes: 6_000_000, bufferPolicy: 'drop-oldest' });
    await fill(connection);
    expect(connection.send('kept 1')).toBe('queued');
    for (let i = 0; i < 10; i++) {
      expect(connection.send(`${i}${MEGABYTE}`, { droppable: true })).toBe('queued');
    }
    expect(connection.send('kept 2')).toBe('queued');
    let received = '';
    client.socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1').replaceAll(/x{100,}/g, 'X');
    });
    client.socket.resume();
    await connection.drained();
    while (!received.includes('kept 2')) await turns();
    expect(received.indexOf('kept 1')).toBeLessThan(received.indexOf('kept 2'));
    const kept = Array.from({ length: 10 }, (_, i) => i).filter((i) => received.includes(`${i}X`));
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThan(10);
    expect(kept).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].slice(-kept.length));
  });

  test('"drop-oldest" with nothing to drop drops a droppable message, and ends with 1013 for any other message', async () => {
    const { connection, handler, client } = await connectSilent({
      maxBufferedBytes: 1_000_000,
      bufferPolicy: 'drop-oldest',
      closeTimeoutMs: 100,
    });
    await fill(connection);
    connection.send(MEGABYTE);
    expect(connection.send(MEGABYTE, { droppable: true })).toBe('dropped');
    expect(connection.send(MEGABYTE)).toBe('dropped');
    client.socket.resume();
    expect(await handler.ended()).toMatchObject({ code: 1013 });
  });
});

async function endingOf(end: (parts: Awaited<ReturnType<typeof connectSilent>>) => void): Promise<TerminateEvent> {
  const parts = await connectSilent({ closeTimeoutMs: 100, maxMessageBytes: 10 });
  end(parts);
  parts.client.socket.resume();
  return parts.handler.ended();
}

describe('why a connection ended', () => {
  test.each<[string, string, (parts: Awaited<ReturnType<typeof connectSilent>>) => void]>([
    ['peer-closed', 'the peer closed the connection with code 4001', ({ client }) => client.send('8882 00000000 0fa1')],
    ['peer-ended', 'connection lost: the peer ended TCP without a close frame', ({ client }) => client.socket.end()],
    ['peer-reset', 'connection lost', ({ client }) => client.socket.resetAndDestroy()],
    ['protocol', 'invalid frame: a client must mask its frames', ({ client }) => client.send('8100')],
    ['limit', 'message too big: 11 bytes (maxMessageBytes 10)', ({ client }) => client.send('818b 00000000')],
    ['timeout', 'connection lost: the peer did not answer', ({ connection }) => connection.terminate()],
    ['shutdown', 'this program dropped the connection', ({ wss }) => wss.terminate(0)],
  ])('%s', async (cause, message, end) => {
    const ending = await endingOf(end);
    expect(ending.cause).toBe(cause);
    expect(ending.message).toContain(message);
    expect(ending.openMs).toBeGreaterThanOrEqual(0);
  });

  test('callback, with the bytes that were received and sent', async () => {
    const handler = recordingHandler({
      onMessage() {
        throw new Error('broken');
      },
    });
    const { url } = await startServerOf(handler);
    const peer = await connectPeer(url);
    peer.send('hello');
    expect(await handler.ended()).toMatchObject({
      cause: 'callback',
      code: 1011,
      message: 'onMessage failed: broken',
    });
    expect((await handler.ended()).bytesReceived).toBeGreaterThanOrEqual(6 + 'hello'.length);
    expect((await handler.ended()).bytesSent).toBeGreaterThan(0);
  });

  test('connect', async () => {
    const handler = recordingHandler();
    const ws = new WebSocket('ws://127.0.0.1:1/', handler);
    expect(await ws.ready).toBeNull();
    expect(await handler.ended()).toMatchObject({ cause: 'connect', code: 1006 });
  });
});
