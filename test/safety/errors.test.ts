import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { refuse, WebSocket, WebSocketServer } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { startLibraryServer } from '../helpers/library-server.ts';
import { connectPeer } from '../helpers/peer.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { startRawServer } from '../helpers/raw-server.ts';
import { sides } from '../helpers/sides.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';

/** Emits a reset, and tells whether a listener got it: without one, 'error' is thrown, and ends the process. */
function emitReset(socket: Duplex): boolean {
  if (socket.listenerCount('error') === 0) return false;
  return socket.emit('error', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
}

const CRASHES = 'socket.io CVE-2024-38355, fastify-websocket CVE-2022-39386, vite, t3code';

describe(`an unhandled 'error' ends the process (${CRASHES}): every socket has an error listener`, () => {
  const ANSWERS: readonly (readonly [name: string, path: string, onConnection: () => unknown, without: string[]])[] = [
    ['an accepted socket', '/', () => recordingHandler(), []],
    ['a socket that waits for onConnection', '/', () => new Promise(() => {}), []],
    ['a socket refused with 403', '/', () => null, []],
    ['a socket refused by refuse()', '/', () => refuse(429, 'later'), []],
    ['a socket refused with 400', '/', () => null, ['Sec-WebSocket-Key']],
    ['a socket refused with 404', '/other', () => null, []],
  ];

  test.each(ANSWERS)('%s', async (_, path, onConnection, without) => {
    const server = createServer();
    const port = await listen(server);
    const wss = WebSocketServer.new(
      { onConnection: onConnection as () => null },
      { webServer: server, path: '/', handshakeTimeoutMs: 1000 },
    )!;
    const isHeard = new Promise<boolean>((resolve) => {
      // The microtask runs right behind the library's listener, and no error can come earlier.
      server.prependListener('upgrade', (_request, socket: Duplex) => {
        queueMicrotask(() => resolve(emitReset(socket)));
      });
    });
    const client = await RawClient.request(port, { path, without });
    expect(await isHeard).toBe(true);
    client.socket.resetAndDestroy();
    await client.closed;
    wss.terminate(0);
    await RawClient.connect(port);
  });

  test('a socket of a path that another listener serves', async () => {
    const server = createServer();
    const port = await listen(server);
    WebSocketServer.new({ onConnection: () => null }, { webServer: server, path: '/mine' });
    const foreign = new Promise<Duplex>((resolve) => {
      server.on('upgrade', (_request, socket: Duplex) => resolve(socket));
    });
    const client = await RawClient.request(port, { path: '/theirs' });
    const socket = await foreign;
    expect(emitReset(socket)).toBe(true);
    socket.destroy();
    client.socket.destroy();
  });

  test.each([0, 1, 2, 5, 20])('a reset %d turns after the request ends that client only', async (count) => {
    const { web } = await startLibraryServer(() => new Promise(() => {}), { handshakeTimeoutMs: 100 });
    const client = await RawClient.request(web.HTTPPort);
    await turns(count);
    client.socket.resetAndDestroy();
    await client.closed;
    const { status } = await (await RawClient.request(web.HTTPPort, { without: ['Upgrade'] })).answered;
    expect(status).toBeGreaterThan(0);
  });

  test.each([0, 1, 5])('a reset by the server %d turns after its answer ends that client only', async (count) => {
    const server = await startRawServer();
    const handler = recordingHandler();
    const ws = new WebSocket(server.url, handler);
    const peer = await server.open();
    await turns(count);
    peer.socket.resetAndDestroy();
    await ws.ready;
    expect((await handler.ended()).code).toBe(1006);
  });
});

describe.each(sides)('a failing callback ends one connection, never the process ($name)', (side) => {
  const failures = {
    throws: () => {
      throw new Error('secret detail');
    },
    rejects: async () => {
      await nextTurn();
      throw new Error('secret detail');
    },
  };

  test.each(['throws', 'rejects'] as const)(
    'onOpen or onMessage that %s ends with 1011, and the close frame has no reason',
    async (how) => {
      for (const name of ['onOpen', 'onMessage'] as const) {
        const { send, frames, handler, end } = await side.connectRaw({ [name]: failures[how] });
        send(['81', '61']);
        expect(await frames.next()).toBe('88 03f3');
        end();
        expect(await handler.ended()).toMatchObject({ cause: 'callback', code: 1011 });
      }
    },
  );

  test.each(['throws', 'rejects'] as const)(
    'onError or onTerminate that %s is reported to the error handler',
    async (how) => {
      const globalErrors = recordErrors('global');
      for (const name of ['onError', 'onTerminate'] as const) {
        const { handler, socket } = await side.connectRaw({ [name]: failures[how] });
        socket.resetAndDestroy();
        expect((await handler.ended()).code).toBe(1006);
        await vi.waitFor(() => expect(globalErrors.at(-1)?.[0]?.message).toBe(`${name} failed: secret detail`));
      }
    },
  );

  test('a connection that is over accepts any call', async () => {
    const { ws, handler, send, end } = await side.connectRaw();
    send(['88', '03e8']);
    end();
    await handler.ended();
    expect(ws.send('late')).toBe('dropped');
    ws.terminate();
    await ws.drained();
    expect(ws.status).toBe('Closed');
  });
});

test('failing callbacks of one connection leave the others open', async () => {
  const good = recordingHandler();
  const { url } = await startLibraryServer((_, { request }) =>
    request.url === '/bad'
      ? recordingHandler({
          onMessage() {
            throw new Error('broken');
          },
        })
      : good,
  );
  const [bad, other] = [await connectPeer(`${url}/bad`), await connectPeer(`${url}/`)];
  bad.send('x');
  expect((await bad.closed).code).toBe(1011);
  other.send('still here');
  expect(await good.nextMessage()).toBe('still here');
});
