import { describe, expect, onTestFinished, test } from 'vitest';
import { type ConnectionLoss, type ReconnectEvent, type ReconnectOptions, WebSocket } from '../../src/index.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { makeFolder } from '../helpers/folder.ts';
import { frame } from '../helpers/frames.ts';
import { type RawConnection, startRawServer } from '../helpers/raw-server.ts';
import { turns } from '../helpers/turns.ts';
import { recordingClientHandler } from '../../src/testing.ts';

const LONG = 'x'.repeat(400_000);

/** Connects a client to a server whose frames the test writes, over a Unix socket, and records its losses. */
async function connect(
  reconnect: ReconnectOptions = {},
  then?: (ws: WebSocket, server: Awaited<ReturnType<typeof startRawServer>>) => unknown,
) {
  const clock = useFakeClock();
  const server = await startRawServer(`${makeFolder()}/socket`);
  const losses: ConnectionLoss[] = [];
  const handler = recordingClientHandler(then && { onReconnect: (client) => then(client, server) });
  const ws = new WebSocket(server.url, handler, {
    reconnect: {
      minDelayMs: 1,
      maxDelayMs: 1,
      shouldReconnect: (loss) => {
        losses.push(loss);
        return true;
      },
      ...reconnect,
    },
  });
  const peer = await server.open();
  await ws.ready;
  onTestFinished(async () => {
    ws.terminate();
    for (const { socket } of server.connections.all) socket.destroy();
    await handler.ended();
  });
  const connectAgain = async (): Promise<RawConnection> => {
    while (ws.status !== 'Connecting') await turns(1);
    await clock.advance(60);
    const next = await server.open();
    await handler.nextEvent('reconnect');
    return next;
  };
  /** Stops reading, and makes the client wait for this server. */
  const block = async (): Promise<void> => {
    peer.socket.pause();
    expect(ws.send(LONG)).toBe('sent');
    await turns();
    expect(ws.bufferedBytes).toBeGreaterThan(0);
  };
  return { clock, ws, handler, losses, peer, connectAgain, block };
}

/** The texts of the messages that a connection got. */
function textsOf({ frames }: RawConnection): string[] {
  return frames.all
    .filter((each) => each.startsWith('81') || each.startsWith('82'))
    .map((each) => Buffer.from(each.slice(3), 'hex').toString());
}

async function textsUntil(connection: RawConnection, last: string): Promise<string[]> {
  while (textsOf(connection).at(-1) !== last) await turns(1);
  return textsOf(connection);
}

describe('messages of a client that reconnects', () => {
  test('4D-226 messages that wait for the peer go to the next connection in order, the one that has left in part too', async () => {
    const { ws, losses, peer, connectAgain, block } = await connect();
    ws.send('first');
    await turns();
    await block();
    const bytes = Buffer.from('b');
    expect([ws.send('a'), ws.send(bytes)]).toEqual(['queued', 'queued']);
    bytes.fill(0);
    peer.socket.destroy();
    while (ws.status !== 'Connecting') await turns(1);
    expect(ws.send('c')).toBe('queued');
    const next = await connectAgain();
    expect(await textsUntil(next, 'c')).toEqual([LONG, 'a', 'b', 'c']);
    expect(losses.map(({ uncertainMessages }) => uncertainMessages)).toEqual([1]);
  });

  test('4D-226 a message that is sent while others still wait for the next connection goes behind them', async () => {
    const { ws, peer, connectAgain } = await connect({}, (_ws, server) =>
      server.connections.all.at(-1)!.socket.pause(),
    );
    peer.socket.destroy();
    while (ws.status !== 'Connecting') await turns(1);
    for (const text of [LONG, LONG, 'a']) expect(ws.send(text)).toBe('queued');
    const next = await connectAgain();
    await turns();
    expect(ws.bufferedBytes).toBeGreaterThan(LONG.length);
    expect(ws.send('b')).toBe('queued');
    next.socket.resume();
    expect(await textsUntil(next, 'b')).toEqual([LONG, LONG, 'a', 'b']);
  });

  test('4D-226 messages of the turn in which the connection is lost go to the next one', async () => {
    const { ws, handler, peer, connectAgain } = await connect();
    peer.socket.destroy();
    // Until the client hears of it, it sends a message in each turn.
    const statuses: string[] = [];
    while (ws.status === 'Connected') {
      statuses.push(ws.send(String(statuses.length)));
      await turns(1);
    }
    expect(statuses).not.toContain('dropped');
    ws.send('last');
    const next = await connectAgain();
    const texts = await textsUntil(next, 'last');
    // Whatever was handed to a socket that was still alive is uncertain, and nothing else is missing.
    const [{ uncertainMessages }] = handler.eventsOf('reconnect') as [ReconnectEvent];
    const all = [...statuses.keys()].map(String);
    expect(texts).toEqual([...all.slice(uncertainMessages), 'last']);
  });

  test('4D-226 messages that were handed to the system are not repeated, but counted', async () => {
    const { ws, handler, losses, peer, connectAgain } = await connect();
    for (const text of ['a', 'b', 'c']) expect(ws.send(text)).toBe('sent');
    await turns();
    peer.socket.destroy();
    const next = await connectAgain();
    ws.send('d');
    expect(await textsUntil(next, 'd')).toEqual(['d']);
    expect(losses.map(({ uncertainMessages }) => uncertainMessages)).toEqual([3]);
    expect(handler.eventsOf('reconnect')).toMatchObject([{ uncertainMessages: 3 }]);
    next.socket.destroy();
    const last = await connectAgain();
    expect(losses.map(({ uncertainMessages }) => uncertainMessages)).toEqual([3, 1]);
    ws.terminate();
    last.socket.write(frame('server', '88', '03e8'));
    last.socket.end();
    expect(await handler.ended()).toMatchObject({ wasClean: true, unsentMessages: [], uncertainMessages: 4 });
  });

  test('4D-226 messages that the server has read before it agreed to close are not uncertain', async () => {
    const { ws, handler, peer } = await connect();
    for (const text of ['a', 'b']) ws.send(text);
    ws.terminate();
    await peer.frames.atLeast(3);
    peer.socket.write(frame('server', '88', '03e8'));
    peer.socket.end();
    expect(await handler.ended()).toMatchObject({ wasClean: true, unsentMessages: [], uncertainMessages: 0 });
  });

  test('4D-226 messages in front of a ping that the server has answered are not uncertain', async () => {
    const { clock, ws, losses, peer, connectAgain } = await connect();
    for (const text of ['a', 'b']) ws.send(text);
    await peer.frames.atLeast(2);
    for (let i = 0; i < 26; i++) await clock.advance(1000);
    const [, , ping] = await peer.frames.atLeast(3);
    expect(ping!.slice(0, 2)).toBe('89');
    peer.socket.write(frame('server', '8a', ping!.slice(3)));
    await turns();
    ws.send('c');
    await peer.frames.atLeast(4);
    peer.socket.destroy();
    await connectAgain();
    expect(losses.map(({ uncertainMessages }) => uncertainMessages)).toEqual([1]);
  });

  test('4D-226 messages in front of a ping() that the server has answered are not uncertain', async () => {
    const { ws, losses, peer, connectAgain } = await connect();
    for (const text of ['a', 'b']) ws.send(text);
    const answered = ws.ping();
    ws.send('c');
    const [, , ping] = await peer.frames.atLeast(4);
    peer.socket.write(frame('server', '8a', ping!.slice(3)));
    expect(await answered).toBeDefined();
    peer.socket.destroy();
    await connectAgain();
    expect(losses.map(({ uncertainMessages }) => uncertainMessages)).toEqual([1]);
  });

  test('4D-226 what waits for the server when it closes goes to the next connection', async () => {
    const { ws, peer, connectAgain, block } = await connect();
    await block();
    ws.send('a');
    peer.socket.write(frame('server', '88', '03f4'));
    await turns();
    peer.socket.end();
    peer.socket.destroy();
    const next = await connectAgain();
    expect(await textsUntil(next, 'a')).toEqual([LONG, 'a']);
  });

  test('4D-226 what waits goes on waiting beyond the limits of the queue, and counts for them', async () => {
    const { ws, peer, connectAgain, block } = await connect({ maxQueuedMessages: 3, maxQueuedBytes: 1000 });
    await block();
    for (const text of ['a', 'b', 'c', 'd']) expect(ws.send(text)).toBe('queued');
    peer.socket.destroy();
    while (ws.status !== 'Connecting') await turns(1);
    expect(ws.bufferedBytes).toBe(LONG.length + 4);
    expect(ws.send('e')).toBe('dropped');
    const next = await connectAgain();
    expect(await textsUntil(next, 'd')).toEqual([LONG, 'a', 'b', 'c', 'd']);
    await ws.drained();
    expect([ws.bufferedBytes, ws.send('f')]).toEqual([0, 'sent']);
  });

  test('4D-226 the messages of onReconnect leave in front of those that wait', async () => {
    const { ws, peer, connectAgain, block } = await connect({}, (socket) => void socket.send('login'));
    await block();
    ws.send('a');
    peer.socket.destroy();
    const next = await connectAgain();
    expect(await textsUntil(next, 'a')).toEqual(['login', LONG, 'a']);
  });

  test('4D-226 what waits is in unsentMessages when no connection follows', async () => {
    const { ws, handler, peer, block } = await connect({ shouldReconnect: () => false });
    await block();
    ws.send('a');
    ws.send({ b: 1 });
    peer.socket.destroy();
    expect(await handler.ended()).toMatchObject({
      unsentMessages: [LONG, 'a', '{"b":1}'],
      uncertainMessages: 0,
      cause: 'peer-reset',
    });
  });

  test('4D-226 what waits is in unsentMessages when the program gives up while there is no connection', async () => {
    const { ws, handler, peer, block } = await connect({ minDelayMs: 10_000, maxDelayMs: 10_000 });
    await block();
    ws.send('a');
    peer.socket.destroy();
    while (ws.status !== 'Connecting') await turns(1);
    ws.send('b');
    ws.terminate();
    expect(await handler.ended()).toMatchObject({ unsentMessages: [LONG, 'a', 'b'], uncertainMessages: 0 });
  });
});

test('4D-226 a client that does not reconnect reports neither unsent nor uncertain messages', async () => {
  const server = await startRawServer();
  const handler = recordingClientHandler();
  const ws = new WebSocket(server.url, handler);
  const peer = await server.open();
  await ws.ready;
  ws.send('a');
  await peer.frames.next();
  peer.socket.destroy();
  const event = await handler.ended();
  expect([event.unsentMessages, event.uncertainMessages]).toEqual([undefined, undefined]);
});
