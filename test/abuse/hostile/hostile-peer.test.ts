import { expect, test } from 'vitest';
import { frame } from '../../helpers/frames.ts';
import { findClosedPort, type RawConnection, startRawServer } from '../../helpers/raw-server.ts';
import { turns } from '../../helpers/turns.ts';
import { HostilePeer } from './hostile-peer.ts';

const localAddress = '127.0.0.1';

test.each([
  ['1008', (server: RawConnection) => server.socket.end(Buffer.concat([message, frame('server', '88', '03f0')]))],
  ['1005', (server: RawConnection) => server.socket.end(frame('server', '88'))],
  ['cut off', (server: RawConnection) => server.socket.end(message.subarray(0, 2))],
  ['reset', (server: RawConnection) => server.socket.resetAndDestroy()],
  ['violation: the peer sent opcode 5', (server: RawConnection) => server.socket.end(Buffer.from('8500', 'hex'))],
])('a peer reports its ending %s', async (ending, end) => {
  const raw = await startRawServer();
  const peer = new HostilePeer({ port: raw.port, localAddress });
  await peer.connected;
  peer.request();
  const server = await raw.open();
  expect(await peer.opened).toBe(true);
  end(server);
  expect(await peer.ended).toBe(ending);
});

const message = frame('server', '81', '616263');

test('a peer reports the HTTP status of a refusal, and a failed connect', async () => {
  const raw = await startRawServer();
  const peer = new HostilePeer({ port: raw.port, localAddress });
  peer.request();
  (await raw.accept()).socket.end('HTTP/1.1 429 Too Many Requests\r\n\r\n');
  expect(await peer.opened).toBe(false);
  expect(await peer.ended).toBe('HTTP 429');
  expect(await new HostilePeer({ port: await findClosedPort(), localAddress }).ended).toBe('connect ECONNREFUSED');
});

test.each([
  ['HTTP 200', 'abc'],
  ['HTTP 200 in part', 'ab'],
])('a peer reports whether the body of an answer was whole: %s', async (ending, body) => {
  const raw = await startRawServer();
  const peer = new HostilePeer({ port: raw.port, localAddress });
  peer.request();
  const { socket } = await raw.accept();
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na');
  socket.end(body.slice(1));
  expect(await peer.ended).toBe(ending);
});

test('a peer that resets its connection reports its own reset', async () => {
  const raw = await startRawServer();
  const peer = new HostilePeer({ port: raw.port, localAddress });
  peer.request();
  await raw.accept();
  peer.reset();
  expect(await peer.ended).toBe('own reset');
});

test('a peer with keepsOpen keeps its side open when the server has ended its own', async () => {
  const raw = await startRawServer();
  const peer = new HostilePeer({ port: raw.port, localAddress }, { keepsOpen: true });
  peer.request();
  const server = await raw.open();
  server.socket.end(frame('server', '88', '03e8'));
  expect(await peer.ended).toBe('1000');
  await peer.write('still here');
  for (let i = 0; i < 50 && server.unread.length < 10; i++) await turns();
  expect(server.unread.toString()).toBe('still here');
  peer.reset();
  await peer.closed;
});
