import { describe, expect, test } from 'vitest';
import { WebSocket } from '../../src/index.ts';
import { timers } from '../../src/base/timers.ts';
import { recordingHandler, recordingServerHandler } from '../../src/testing.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { startLibraryServer } from '../helpers/library-server.ts';
import { connectPeer, startPeerServer } from '../helpers/peer.ts';
import { startRawServer } from '../helpers/raw-server.ts';
import { sides } from '../helpers/sides.ts';
import { turns } from '../helpers/turns.ts';

describe.each(sides)('destroy() ($name)', (side) => {
  test('4D-217 ends the connection at once, without a close frame and onError', async () => {
    const { ws, handler, socket, frames } = await side.connectRaw();
    const reset = new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve));
    ws.destroy();
    expect([ws.status, handler.callbacks]).toEqual(['Closing', ['onOpen']]);
    expect(ws.send('late')).toBe('dropped');
    ws.destroy();
    ws.terminate();
    expect(await handler.ended()).toMatchObject({
      code: 1006,
      reason: undefined,
      wasClean: false,
      cause: 'local',
      phase: 'open',
      message: 'this program dropped the connection without a close frame: destroy() was called',
    });
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
    expect((await reset).code).toBe('ECONNRESET');
    expect(frames.all).toEqual([]);
    ws.destroy();
    await turns();
    expect([ws.status, handler.callbacks]).toEqual(['Closed', ['onOpen', 'onTerminate']]);
  });

  test('4D-217 hastens an end that waits for the peer', async () => {
    const { ws, handler, frames } = await side.connectRaw();
    ws.terminate(4000);
    expect(await frames.next()).toBe('88 0fa0');
    ws.destroy();
    expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'local', phase: 'closing' });
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
    expect(timers.pendingTicks).toBe(0);
  });

  test('4D-217 within onMessage runs no further callback but onTerminate', async () => {
    const { handler, send } = await side.connectRaw({ onMessage: (ws) => ws.destroy() });
    send(['81', '61'], ['81', '62'], ['88', '03e8']);
    await handler.ended();
    await turns();
    expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onTerminate']);
  });

  test('4D-217 does not wait for a peer that does not read', async () => {
    const { ws, handler, socket } = await side.connectRaw();
    socket.pause();
    for (let i = 0; i < 100 && ws.send('x'.repeat(200_000)) !== 'queued'; i++) await turns(1);
    ws.destroy();
    expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'local' });
    expect(ws.bufferedBytes).toBe(0);
  });
});

describe('destroy() of a client', () => {
  test('4D-217 gives up connecting', async () => {
    const server = await startRawServer();
    const handler = recordingHandler();
    const ws = new WebSocket(server.url, handler);
    await server.accept();
    ws.destroy();
    expect(await ws.ready).toBeNull();
    expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'local', phase: 'handshake' });
    expect(handler.callbacks).toEqual(['onTerminate']);
  });

  test.each(['connected', 'waiting for its next attempt'])(
    '4D-217 ends a client with reconnect that is %s',
    async (state) => {
      const clock = useFakeClock();
      const peers = await startPeerServer();
      const handler = recordingHandler();
      const ws = new WebSocket(peers.url, handler, { reconnect: true });
      const peer = await peers.accept();
      await handler.opened();
      if (state !== 'connected') {
        peer.cut();
        for (let i = 0; i < 50 && ws.status !== 'Connecting'; i++) await turns();
        expect(ws.status).toBe('Connecting');
      }
      ws.destroy();
      expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'local' });
      await clock.advance(60_000);
      expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
      expect(peers.peers.all).toHaveLength(1);
    },
  );
});

test.each(['client', 'server'])('4D-217 destroy() within onOpen (%s)', async (name) => {
  const [handler, other] = [recordingHandler({ onOpen: (ws) => ws.destroy() }), recordingHandler()];
  const { url } = await startLibraryServer(() => (name === 'client' ? other : handler));
  const ws = new WebSocket(url, name === 'client' ? handler : other);
  expect(await handler.ended()).toMatchObject({ code: 1006, cause: 'local' });
  expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
  // A server that ends the connection in onOpen has not sent its answer to the handshake.
  expect((await ws.ready) === null).toBe(name === 'server');
});

test('4D-217 destroy() of a connection leaves the others and the server alone', async () => {
  const server = recordingServerHandler();
  const { url, wss } = await startLibraryServer(server);
  const peers = [await connectPeer(url), await connectPeer(url)];
  wss.connections[0]!.destroy();
  expect((await peers[0]!.closed).code).toBe(1006);
  expect(wss.broadcast('still here')).toBe(1);
  expect(await peers[1]!.nextText()).toBe('still here');
});
