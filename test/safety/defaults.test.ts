import { describe, expect, test } from 'vitest';
import { WebSocket } from '../../src/index.ts';
import { unsentBudget } from '../../src/connection/unsent-budget.ts';
import { partialMessageBudget } from '../../src/protocol/partial-message-budget.ts';
import { recordingHandler } from '../../src/testing.ts';
import { startAnsweringServer } from '../helpers/answering-server.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { startLibraryServer, startServerOf } from '../helpers/library-server.ts';
import { connectPeer } from '../helpers/peer.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { startRawServer } from '../helpers/raw-server.ts';
import { sides } from '../helpers/sides.ts';
import { turns } from '../helpers/turns.ts';

/** Builds a text message in `count` fragments. */
function fragments(count: number): (readonly [first: string, payload: string])[] {
  return Array.from({ length: count }, (_, i) => [i === 0 ? '01' : i === count - 1 ? '80' : '00', '61']);
}

/** Each figure is repeated here, so that a default which is changed by mistake fails. */
describe.each(sides)('without any option ($name)', (side) => {
  test('maxMessageBytes is 1 048 576: one byte more is refused', async () => {
    const { send, handler, frames, end } = await side.connectRaw({ dataType: 'blob' });
    send(['82', Buffer.alloc(1_048_576)]);
    expect(await handler.nextMessage()).toHaveLength(1_048_576);
    send(['82', Buffer.alloc(1_048_577)]);
    expect(await frames.next()).toBe('88 03f1');
    end();
    await handler.ended();
    expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_MESSAGE_TOO_BIG', limit: 1_048_576 });
  });

  test('maxFragments is 1 024: one fragment more is refused', async () => {
    const { send, handler, frames, end } = await side.connectRaw();
    send(...fragments(1024));
    expect(await handler.nextMessage()).toHaveLength(1024);
    send(...fragments(1025));
    expect(await frames.next()).toBe('88 03f0');
    end();
    await handler.ended();
    expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_TOO_MANY_FRAGMENTS', limit: 1024 });
  });

  test('maxControlFramesPerSecond is 60: one ping more ends the connection', async () => {
    useFakeClock();
    const { send, handler, frames, end } = await side.connectRaw();
    send(...Array.from({ length: 60 }, () => ['89'] as const));
    await frames.atLeast(60);
    await turns();
    expect(handler.errors).toEqual([]);
    send(['89']);
    await frames.atLeast(62);
    expect(frames.all.at(-1)).toBe('88 03f0');
    end();
    await handler.ended();
    expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_TOO_MANY_CONTROL_FRAMES', limit: 60, observed: 61 });
  });

  test('incompleteMessageTimeoutMs is 30 000', async () => {
    const clock = useFakeClock();
    const { send, handler } = await side.connectRaw();
    send(['01', '61']);
    await turns(50);
    await clock.advance(29_900);
    expect(handler.errors).toEqual([]);
    await clock.advance(200);
    expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_INCOMPLETE_MESSAGE', limit: 30_000 });
  });

  test('pingIntervalMs is 25 000, pongTimeoutMs 20 000', async () => {
    const clock = useFakeClock();
    const { frames, handler } = await side.connectRaw();
    await clock.advance(24_900);
    expect(frames.all).toEqual([]);
    await clock.advance(200);
    expect(await frames.next()).toBe('89');
    await clock.advance(19_800);
    expect(handler.errors).toEqual([]);
    await clock.advance(300);
    expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_HEARTBEAT', limit: 20_000 });
  });

  test('closeTimeoutMs is 10 000', async () => {
    const clock = useFakeClock();
    const { ws, handler, frames } = await side.connectRaw();
    ws.terminate();
    expect(await frames.next()).toBe('88 03e8');
    await clock.advance(9900);
    expect(handler.errors).toEqual([]);
    await clock.advance(200);
    expect(handler.errors[0]!.error.code).toBe('ERR_CLOSE_TIMEOUT');
  });

  test('maxBufferedBytes is 16 777 216 and bufferPolicy is close: a slow reader does not fill memory', async () => {
    const { ws, handler, socket } = await side.connectRaw();
    socket.pause();
    const message = Buffer.alloc(1_000_000);
    let mostWaiting = 0;
    for (let i = 0; i < 200 && ws.send(message) !== 'dropped'; i++) {
      mostWaiting = Math.max(mostWaiting, ws.bufferedBytes);
      await turns(1);
    }
    // A message is refused when more than the limit waits, so at most one message waits beyond the limit.
    expect(mostWaiting).toBeGreaterThan(16_777_216);
    expect(mostWaiting).toBeLessThan(16_777_216 + 1_100_000);
    expect(handler.errors[0]!.error).toMatchObject({ code: 'ERR_BUFFER_FULL', limit: 16_777_216, closeCode: 1013 });
    socket.resetAndDestroy();
    await handler.ended();
  });

  test('maxWaitingMessages is 16: reading pauses when 16 messages wait behind a running callback', async () => {
    const gate = createDeferred();
    const { send, handler, frames, end } = await side.connectRaw({ onMessage: () => gate.promise });
    // The pong to each ping shows that the message before it was read.
    send(...Array.from({ length: 40 }, () => [['81', '61'] as const, ['89'] as const]).flat());
    await frames.atLeast(16);
    await turns(50);
    expect(frames.all).toHaveLength(16);
    gate.resolve();
    await handler.nextMessages(40);
    await frames.atLeast(40);
    end();
    await handler.ended();
  });

  test('messages and bytes per second have no limit', async () => {
    useFakeClock();
    const { send, handler, end } = await side.connectRaw();
    send(...Array.from({ length: 10_000 }, () => ['81', '61'.repeat(100)] as const));
    expect(await handler.nextMessages(10_000)).toHaveLength(10_000);
    end();
    await handler.ended();
    expect(handler.errors.map(({ error }) => error.code)).toEqual(['ERR_CONNECTION_LOST']);
  });
});

describe('without any option', () => {
  test('handshakeTimeoutMs of a client is 10 000', async () => {
    const clock = useFakeClock();
    const requested = createDeferred();
    const port = await startAnsweringServer(() => requested.resolve());
    const handler = recordingHandler();
    const ws = new WebSocket(`ws://127.0.0.1:${port}/`, handler);
    await requested.promise;
    await clock.advance(9900);
    expect(ws.status).toBe('Connecting');
    await clock.advance(200);
    expect((await handler.ended()).cause).toBe('timeout');
  });

  test('handshakeTimeoutMs of a server is 10 000, and covers onConnection', async () => {
    const clock = useFakeClock();
    const { web } = await startLibraryServer(() => new Promise(() => {}));
    const client = await RawClient.request(web.HTTPPort);
    await turns(50);
    await clock.advance(9900);
    expect(client.hasAnswer).toBe(false);
    await clock.advance(200);
    expect((await client.answered).status).toBe(503);
  });

  test('headersTimeout of a web server is 10 000', async () => {
    const { web } = await startServerOf(recordingHandler());
    expect(web.httpServers.map(({ headersTimeout }) => headersTimeout)).toEqual([10_000]);
  });

  test('compression is off: a client offers none, a server accepts none', async () => {
    const raw = await startRawServer();
    const ws = new WebSocket(raw.url, recordingHandler());
    expect((await raw.accept()).header('Sec-WebSocket-Extensions')).toBeUndefined();
    ws.terminate();
    const { web } = await startServerOf(recordingHandler());
    const client = await RawClient.open(web.HTTPPort, {
      headers: ['Sec-WebSocket-Extensions: permessage-deflate'],
    });
    expect((await client.answered).headers.get('sec-websocket-extensions')).toBeUndefined();
  });

  test('a server has no limit of connections, in all or per address', async () => {
    const { url, wss } = await startLibraryServer(() => recordingHandler());
    await Promise.all(Array.from({ length: 100 }, () => connectPeer(url)));
    expect(wss.connections).toHaveLength(100);
  });

  test('maxIncompleteBytes is 268 435 456, and maxBufferedBytes 536 870 912, for all connections together', () => {
    expect(partialMessageBudget.limitBytes).toBe(268_435_456);
    expect(unsentBudget.limitBytes).toBe(536_870_912);
  });
});
