import { expect, test } from 'vitest';
import { WebSocket, type WebSocketConnection } from '../../src/index.ts';
import {
  type RecordedCallbacks,
  recordingHandler,
  type RecordingHandler,
  recordingServerHandler,
  type RecordingServerHandler,
} from '../../src/testing.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { startLibraryServer, startServerOf } from '../helpers/library-server.ts';
import { connectPeer, type Peer } from '../helpers/peer.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { startRawServer } from '../helpers/raw-server.ts';
import { turns } from '../helpers/turns.ts';
import { UndiciPeer } from '../helpers/undici-peer.ts';
import { type Call, watchCalls } from '../helpers/calls.ts';

type Connection = WebSocketConnection<unknown>;

/** One connection between the library and a client of the `ws` package. */
interface Joined {
  readonly peer: Peer;
  readonly handler: RecordingHandler<unknown>;
  readonly conn: Connection;
  readonly serverHandler: RecordingServerHandler<unknown>;
  readonly url: string;
}

async function join(additions: RecordedCallbacks<unknown> = {}): Promise<Joined> {
  const handler = recordingHandler(additions);
  const serverHandler = recordingServerHandler({ onConnection: () => handler });
  const { url } = await startLibraryServer(serverHandler);
  const peer = await connectPeer(url);
  return { peer, handler, conn: (await handler.opened()) as unknown as Connection, serverHandler, url };
}

/** As {@link join}, with a raw client. */
async function joinRaw(
  additions: RecordedCallbacks<unknown> = {},
): Promise<Omit<Joined, 'peer'> & { readonly client: RawClient }> {
  const handler = recordingHandler(additions);
  const serverHandler = recordingServerHandler({ onConnection: () => handler });
  const { url, web } = await startLibraryServer(serverHandler);
  const client = await RawClient.open(web.HTTPPort);
  return { client, handler, conn: (await handler.opened()) as unknown as Connection, serverHandler, url };
}

test('4D-084 conn.handler is the object that onConnection returned', async () => {
  const server = recordingServerHandler();
  const { url } = await startLibraryServer(server);
  await connectPeer(url);
  await connectPeer(url);
  const [first, second] = [await server.nextHandler(), await server.nextHandler()];
  expect((await first.opened()).handler).toBe(first);
  expect((await second.opened()).handler).toBe(second);
});

test('4D-085 conn.wss is the parent server, inside onTerminate too', async () => {
  const seen: unknown[] = [];
  const note = (ws: unknown): void => void seen.push((ws as Connection).wss);
  const handler = recordingHandler({ onOpen: note, onMessage: note, onError: note, onTerminate: note });
  const { wss, url } = await startServerOf(handler);
  const peer = await connectPeer(url);
  peer.send('hello');
  await handler.nextMessage();
  peer.cut();
  await handler.ended();
  expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onError', 'onTerminate']);
  expect(seen).toEqual([wss, wss, wss, wss]);
});

test('4D-086 conn.id is an integer, unique among the open connections, and stays the same', async () => {
  const seen: [connection: unknown, id: number][] = [];
  const note = (ws: { readonly id: number }): void => void seen.push([ws, ws.id]);
  const handler = recordingHandler({ onOpen: note, onMessage: note, onTerminate: note });
  const { wss, url } = await startServerOf(handler);
  const peers = await Promise.all(Array.from({ length: 20 }, () => connectPeer(url)));
  for (const peer of peers) peer.send('hello');
  await handler.nextMessages(20);
  const connections = wss.connections;
  for (const peer of peers) peer.socket.close();
  await expect.poll(() => handler.callbacks).toHaveLength(60);
  expect(connections).toHaveLength(20);
  expect(new Set(connections.map(({ id }) => id)).size).toBe(20);
  for (const connection of connections) {
    expect(Number.isInteger(connection.id)).toBe(true);
    expect(seen.filter(([owner]) => owner === connection).map(([, id]) => id)).toEqual([
      connection.id,
      connection.id,
      connection.id,
    ]);
  }
});

test('4D-087 conn.status is "Connected" in onOpen and onMessage', async () => {
  const statuses: string[] = [];
  const note = (ws: { readonly status: string }): void => void statuses.push(ws.status);
  const { peer, handler, conn } = await join({ onOpen: note, onMessage: note });
  expect(conn.status).toBe('Connected');
  peer.send('hello');
  await handler.nextMessage();
  expect(handler.callbacks).toEqual(['onOpen', 'onMessage']);
  expect(statuses).toEqual(['Connected', 'Connected']);
});

test('4D-088 onMessage gets (conn, {type: "message", data})', async () => {
  const { peer, handler, conn } = await join();
  const calls = watchCalls(handler);
  peer.send('hello');
  await handler.nextMessage();
  const [{ name, self, parameters }] = calls as [Call];
  expect(name).toBe('onMessage');
  expect(parameters[0]).toBe(conn);
  expect(self).toBe(handler);
  expect(parameters.slice(1)).toEqual([{ type: 'message', data: 'hello', isBinary: false }]);
});

test('4D-089 conn.terminate() closes: the peer sees a close, and onTerminate follows', async () => {
  const { peer, handler, conn } = await join();
  conn.terminate();
  expect(conn.status).toBe('Closing');
  expect(handler.callbacks).toEqual(['onOpen']);
  expect(await peer.closed).toEqual({ code: 1000, reason: '' });
  const event = await handler.ended();
  expect(event).toMatchObject({ type: 'terminate', code: 1000, reason: undefined, wasClean: true });
  expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
  expect(conn.status).toBe('Closed');
});

test('4D-089 in a browser-like peer the close is clean', async () => {
  const opened: Connection[] = [];
  const { url } = await join({ onOpen: (ws) => void opened.push(ws as Connection) });
  const peer = new UndiciPeer(url);
  await expect.poll(() => opened).toHaveLength(2);
  opened[1]!.terminate();
  expect(await peer.closed).toEqual({ code: 1000, reason: '', wasClean: true });
});

test.each([
  ['4D-090 conn.terminate(4000, "no"): the peer sees 4000 and "no"', [4000, 'no'], { code: 4000, reason: 'no' }],
  ['4D-090 the codes from 3001 to 4999 go out: 3001', [3001, 'a'], { code: 3001, reason: 'a' }],
  ['4D-090 the codes from 3001 to 4999 go out: 4999', [4999, 'ü'], { code: 4999, reason: 'ü' }],
  ['4D-091 conn.terminate(3000, "no") closes without sending "no"', [3000, 'no'], { code: 1000, reason: '' }],
  ['4D-092 conn.terminate(1008, "no") closes with 1000 without "no"', [1008, 'no'], { code: 1000, reason: '' }],
  ['4D-092 conn.terminate(1000, "no") closes with 1000 without "no"', [1000, 'no'], { code: 1000, reason: '' }],
  ['4D-092 conn.terminate(5000, "no") closes with 1000 without "no"', [5000, 'no'], { code: 1000, reason: '' }],
  ['4D-092 conn.terminate(4000.5, "no") closes with 1000 without "no"', [4000.5, 'no'], { code: 1000, reason: '' }],
  ['4D-092 conn.terminate(NaN, "no") closes with 1000 without "no"', [NaN, 'no'], { code: 1000, reason: '' }],
  ['4D-093 conn.terminate(4000): the peer sees 4000 and an empty reason', [4000], { code: 4000, reason: '' }],
] as const)('%s', async (_, [code, message], expected) => {
  const errors = recordErrors();
  const { peer, handler, conn } = await join();
  if (message === undefined) conn.terminate(code);
  else conn.terminate(code, message);
  expect(conn.status).toBe('Closing');
  expect(await peer.closed).toEqual(expected);
  await handler.ended();
  expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
  expect(errors).toEqual([]);
});

test('4D-093 4000 without a message is a close frame of two bytes', async () => {
  const { client, conn } = await joinRaw();
  conn.terminate(4000);
  expect(await client.nextFrame()).toBe('88 0fa0');
});

test('4D-094 the peer closes with (4002, "done"): onTerminate gets type, code and reason', async () => {
  const { peer, handler, conn } = await join();
  const calls = watchCalls(handler);
  peer.socket.close(4002, 'done');
  expect(await handler.ended()).toMatchObject({ type: 'terminate', code: 4002, reason: 'done', wasClean: true });
  const [{ self, parameters }] = calls as [Call];
  expect(parameters[0]).toBe(conn);
  expect(self).toBe(handler);
  expect(parameters).toHaveLength(2);
  expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
});

test('4D-095 the peer closes without a code: 1005, no reason, no onError', async () => {
  const { peer, handler } = await join();
  peer.socket.close();
  expect(await handler.ended()).toMatchObject({ type: 'terminate', code: 1005, reason: undefined, wasClean: true });
  expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
});

test.each([
  ['ends TCP without a close frame', (client: RawClient) => client.socket.end()],
  ['is reset', (client: RawClient) => client.socket.resetAndDestroy()],
  ['ends TCP in the middle of a message', (client: RawClient) => client.socket.end(Buffer.from('8185', 'hex'))],
])('4D-096 the peer %s: onError, then onTerminate with code 1006', async (_, vanish) => {
  const { client, handler, conn } = await joinRaw();
  client.sendText('hello');
  await handler.nextMessage();
  vanish(client);
  expect(await handler.ended()).toMatchObject({ type: 'terminate', code: 1006, reason: undefined, wasClean: false });
  expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onError', 'onTerminate']);
  expect(handler.errors[0]!.type).toBe('error');
  expect(handler.errors[0]!.errors).toHaveLength(1);
  expect(conn.status).toBe('Closed');
  await client.closed;
});

test('4D-097 the error item of a vanished peer has errCode 1006 and componentSignature "HTTP"', async () => {
  for (const vanish of ['end', 'resetAndDestroy'] as const) {
    const { client, handler } = await joinRaw();
    client.socket[vanish]();
    await handler.ended();
    expect(handler.errors[0]!.errors).toEqual([
      { errCode: 1006, message: expect.stringContaining('connection lost') as string, componentSignature: 'HTTP' },
    ]);
  }
});

test('4D-097 on the client side the signature is "HTCL"', async () => {
  for (const vanish of ['end', 'resetAndDestroy'] as const) {
    const server = await startRawServer();
    const handler = recordingHandler();
    const pending = WebSocket.new(server.url, handler);
    const connection = await server.open();
    await pending;
    connection.socket[vanish]();
    expect((await handler.ended()).code).toBe(1006);
    expect(handler.errors[0]!.errors).toEqual([
      { errCode: 1006, message: expect.stringContaining('connection lost') as string, componentSignature: 'HTCL' },
    ]);
  }
});

test('4D-098 the peer closes with 1001, as a closing tab does: code 1001, clean, no onError', async () => {
  const { client, handler } = await joinRaw();
  client.sendClose(1001);
  expect(await client.nextFrame()).toBe('88 03e9');
  await client.ended;
  client.socket.end();
  expect(await handler.ended()).toMatchObject({ type: 'terminate', code: 1001, reason: undefined, wasClean: true });
  expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
});

test.each([1000, 1008, 1011, 3000, 4999])(
  '4D-099 the peer closes with %i: onTerminate gets code and reason, no onError',
  async (code) => {
    const { peer, handler } = await join();
    peer.socket.close(code, 'because');
    expect(await handler.ended()).toMatchObject({ type: 'terminate', code, reason: 'because', wasClean: true });
    expect(handler.callbacks).toEqual(['onOpen', 'onTerminate']);
    expect((await peer.closed).code).toBe(code);
  },
);

test('4D-100 on termination the status becomes "Closed" and the connection leaves wss.connections', async () => {
  const inOnTerminate: unknown[] = [];
  const handler = recordingHandler({
    onTerminate: (ws) => {
      const { status, wss } = ws as unknown as Connection;
      inOnTerminate.push(status, wss.connections.includes(ws as never), wss.connections.length);
    },
  });
  const { wss, url } = await startServerOf(handler);
  const peers = [await connectPeer(url), await connectPeer(url)];
  await handler.nextEvent('open');
  await handler.nextEvent('open');
  const [going, staying] = wss.connections;
  peers[0]!.socket.close(1000);
  await handler.ended();
  expect(inOnTerminate).toEqual(['Closed', false, 1]);
  expect(going!.status).toBe('Closed');
  expect(staying!.status).toBe('Connected');
  expect(wss.connections).toEqual([staying]);
});

const ends: readonly (readonly [what: string, end: (client: RawClient, conn: Connection) => unknown])[] = [
  ['the peer closes', (client) => client.sendClose(1000)],
  [
    'the peer closes twice',
    (client) => {
      client.sendClose(1000);
      client.sendClose(1001);
    },
  ],
  ['the peer is reset', (client) => client.socket.resetAndDestroy()],
  ['the peer ends TCP', (client) => client.socket.end()],
  ['the peer breaks the protocol', (client) => client.send('83')],
  [
    'the peer breaks the protocol and is reset',
    (client) => {
      client.send('83');
      client.socket.resetAndDestroy();
    },
  ],
  ['the connection is terminated', (_, conn) => conn.terminate()],
  [
    'the connection is terminated twice',
    (_, conn) => {
      conn.terminate(4000, 'one');
      conn.terminate(4001, 'two');
    },
  ],
  [
    'both sides close at the same time',
    (client, conn) => {
      client.sendClose(4002);
      conn.terminate(4000);
    },
  ],
  ['the server is terminated', (_, conn) => conn.wss.terminate()],
  ['the server is terminated without a close frame', (_, conn) => conn.wss.terminate(0)],
  [
    'the server is terminated after the connection',
    (_, conn) => {
      conn.terminate();
      conn.wss.terminate();
      conn.wss.terminate(0);
    },
  ],
];

test.each(ends)('4D-101 onTerminate runs exactly once for each connection: %s', async (_, end) => {
  const { client, handler, conn } = await joinRaw();
  client.sendText('hello');
  await handler.nextMessage();
  end(client, conn);
  // The peer answers the close frame and ends TCP.
  void client.nextFrame().then(() => client.send('88', '03e8'));
  void client.ended.then(() => client.socket.end());
  await handler.ended();
  client.socket.destroy();
  await turns();
  expect(handler.callbacks.filter((name) => name === 'onTerminate')).toHaveLength(1);
  expect(handler.callbacks.at(-1)).toBe('onTerminate');
  expect(handler.callbacks.filter((name) => name === 'onError').length).toBeLessThanOrEqual(1);
  expect(conn.status).toBe('Closed');
});

test('4D-101 onTerminate runs once when a callback fails', async () => {
  const { client, handler } = await joinRaw({
    onMessage: () => {
      throw new Error('mistake');
    },
  });
  client.sendText('one');
  client.sendText('two');
  await client.endInOrder();
  await handler.ended();
  await turns();
  expect(handler.callbacks).toEqual(['onOpen', 'onMessage', 'onError', 'onTerminate']);
});

test('4D-102 a connection handler with onMessage alone works from open to close', async () => {
  const errors = recordErrors();
  const data: unknown[] = [];
  const { wss, url, web } = await startServerOf({
    onMessage(ws: Connection, event: { readonly data: unknown }) {
      data.push(event.data);
      ws.send(`echo ${event.data as string}`);
    },
  });
  const peer = await connectPeer(url);
  peer.send('hello');
  expect(await peer.nextText()).toBe('echo hello');
  peer.socket.close(4000, 'bye');
  expect((await peer.closed).code).toBe(4000);
  const lost = await RawClient.open(web.HTTPPort);
  lost.sendText('and gone');
  await lost.nextFrame();
  lost.socket.resetAndDestroy();
  const wrong = await RawClient.open(web.HTTPPort);
  wrong.send('83');
  expect(await wrong.nextFrame()).toBe('88 03ea');
  wrong.socket.end();
  await expect.poll(() => wss.connections.length).toBe(0);
  expect(data).toEqual(['hello', 'and gone']);
  expect(errors).toEqual([]);
});

test('4D-103 sending to other connections from onTerminate raises nothing, even while they close', async () => {
  const errors = recordErrors();
  const statuses = new Set<string>();
  const handler = recordingHandler({
    onTerminate: (ws) => {
      for (const other of (ws as unknown as Connection).wss.connections) {
        statuses.add(other.status);
        other.send('Client disconnected');
      }
    },
  });
  const server = recordingServerHandler({ onConnection: () => handler });
  const { wss, url } = await startLibraryServer(server);
  const peers = await Promise.all(Array.from({ length: 5 }, () => connectPeer(url)));
  peers[0]!.socket.close(1000);
  await handler.ended();
  // The peers that stay connected get the message.
  for (const peer of peers.slice(1)) expect(await peer.nextText()).toBe('Client disconnected');
  expect(statuses).toEqual(new Set(['Connected']));
  statuses.clear();
  wss.terminate();
  await server.ended();
  expect(handler.callbacks.filter((name) => name === 'onTerminate')).toHaveLength(5);
  expect(statuses).toEqual(new Set(['Closing']));
  expect(handler.callbacks).not.toContain('onError');
  expect(server.errors).toEqual([]);
  expect(errors).toEqual([]);
  for (const peer of peers.slice(1)) {
    expect((await peer.closed).code).toBe(1000);
    expect(peer.messages.all).toHaveLength(1);
  }
});

test('4D-103 sending on the ended connection from onTerminate raises nothing', async () => {
  const sent = createDeferred<unknown>();
  const { peer } = await join({
    onTerminate: (ws) => {
      try {
        ws.send('too late');
        sent.resolve('nothing was raised');
      } catch (error) {
        sent.resolve(error);
      }
    },
  });
  peer.socket.close(1000);
  expect(await sent.promise).toBe('nothing was raised');
});
