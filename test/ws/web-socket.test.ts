import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type CloseEvent, type MessageEvent, type RawData, Sender, WebSocket, WebSocketServer } from '../../src/ws.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { closed, connectPeers, nextMessage, serve } from './peers.ts';

function text(data: RawData): string {
  return (data as Buffer).toString();
}

/** Collects the warnings of the process, which the test then does not print. */
function watchWarnings(): string[] {
  const warnings: string[] = [];
  const spy = vi.spyOn(process, 'emitWarning').mockImplementation((warning) => void warnings.push(String(warning)));
  onTestFinished(() => spy.mockRestore());
  return warnings;
}

test('messages arrive in order, as text or binary as they were sent', async () => {
  const { client, server } = await connectPeers({ perMessageDeflate: true });
  const seen: [string, boolean][] = [];
  server.on('message', (data, isBinary) => seen.push([text(data), isBinary]));
  const long = 'y'.repeat(70_000);
  client.send('text');
  client.send(Buffer.from('bytes'));
  client.send(new Blob(['blob']));
  client.send(7);
  client.send(Buffer.from('text as bytes'), { binary: false });
  client.send('bytes as text', { binary: true, compress: false });
  client.send('in ', { fin: false });
  client.send('two ', { fin: false });
  client.send('parts', { fin: true });
  client.send(new Uint16Array([0x6161]).buffer);
  client.send(long);
  client.close(1000, 'done');
  expect(await closed(server)).toEqual([1000, 'done']);
  expect(seen).toEqual([
    ['text', false],
    ['bytes', true],
    ['blob', true],
    ['7', false],
    ['text as bytes', false],
    ['bytes as text', true],
    ['in two parts', false],
    ['aa', true],
    [long, false],
  ]);
});

test.each([
  ['nodebuffer', (data: unknown) => Buffer.isBuffer(data)],
  ['arraybuffer', (data: unknown) => data instanceof ArrayBuffer && data.byteLength === 3],
  ['fragments', (data: unknown) => Array.isArray(data) && Buffer.isBuffer(data[0])],
  ['blob', (data: unknown) => data instanceof Blob && data.size === 3],
] as const)('binaryType %s', async (binaryType, isRight) => {
  const { client, server } = await connectPeers();
  server.binaryType = 'nonsense' as 'blob';
  expect(server.binaryType).toBe('nodebuffer');
  server.binaryType = binaryType;
  client.send(Buffer.from([1, 2, 3]));
  const [data] = await nextMessage(server);
  expect(isRight(data)).toBe(true);
});

test('the callbacks of send come in order, when the bytes have left, and with an error when they never will', async () => {
  const { client, server } = await connectPeers({ perMessageDeflate: { threshold: 0 } });
  const order: string[] = [];
  const note = (name: string) => (error?: Error) => order.push(error === undefined ? name : `${name} failed`);
  const waiting: number[] = [];
  client.send('a'.repeat(100_000), (error) => {
    waiting.push(client.bufferedAmount);
    note('deflated in the pool')(error);
  });
  client.send('b', { compress: false }, note('behind it'));
  client.ping('c', true, note('ping'));
  server.on('ping', () => client.close());
  await closed(client);
  client.send('late', note('late'));
  await new Promise(setImmediate);
  expect(order.toSorted()).toEqual(['behind it', 'deflated in the pool', 'late failed', 'ping']);
  expect(order.indexOf('deflated in the pool')).toBeLessThan(order.indexOf('behind it'));
  expect(client.bufferedAmount).toBe(4);
  // Nothing is being compressed any more when the callback comes.
  expect(waiting[0]).toBeLessThan(100_000);
});

test('what a peer does not read waits, and its callback fails when the connection ends', async () => {
  const { client, server } = await connectPeers({ maxBufferedBytes: Infinity });
  client.pause();
  const results: (Error | undefined)[] = [];
  for (let i = 0; i < 16; i++) server.send(Buffer.alloc(1_000_000), (error) => results.push(error));
  await new Promise(setImmediate);
  expect(server.bufferedAmount).toBeGreaterThan(0);
  server.terminate();
  expect(server.readyState).toBe(WebSocket.CLOSING);
  await closed(server);
  expect(results).toHaveLength(16);
  expect(results.at(-1)).toBeInstanceOf(Error);
});

test('pings are answered, unless autoPong is false; pings and pongs reach their listeners', async () => {
  const { client, server } = await connectPeers({ autoPong: false });
  const pinged = once(server, 'ping');
  client.ping('who');
  expect(String((await pinged)[0])).toBe('who');
  const ponged = once(client, 'pong');
  server.pong('me');
  expect(String((await ponged)[0])).toBe('me');
  const answered = once(server, 'pong');
  server.ping(12);
  expect(String((await answered)[0])).toBe('12');
});

test('pause holds messages back; reading begins in a later turn than open', async () => {
  const { wss, url } = await serve();
  wss.on('connection', (ws) => ws.send('at once'));
  const client = new WebSocket(url);
  const seen: string[] = [];
  await once(client, 'open');
  // A listener that is added behind an await of the same turn misses nothing.
  client.on('message', (data) => seen.push(text(data)));
  client.pause();
  expect(client.isPaused).toBe(true);
  await new Promise((resolve) => wss.clients.values().next().value?.ping('', false, resolve));
  await new Promise(setImmediate);
  expect(seen).toEqual([]);
  const arrived = once(client, 'message');
  client.resume();
  await arrived;
  expect(seen).toEqual(['at once']);
});

test('messages arrive behind close(), until the peer has answered', async () => {
  const { client, server } = await connectPeers();
  const seen: string[] = [];
  client.on('message', (data) => seen.push(text(data)));
  server.send('before the answer');
  client.close(4001, 'bye');
  expect(client.readyState).toBe(WebSocket.CLOSING);
  expect(await closed(client)).toEqual([4001, 'bye']);
  expect(seen).toEqual(['before the answer']);
});

test('allowSynchronousEvents: false emits one event in a turn', async () => {
  const { client, server } = await connectPeers({}, { allowSynchronousEvents: false });
  const turns: number[] = [];
  let turn = 0;
  const count = (): void => {
    turn++;
    if (turns.length < 3) setImmediate(count);
  };
  client.on('message', () => turns.push(turn));
  for (const message of ['1', '2', '3']) server.send(message);
  setImmediate(count);
  await vi.waitFor(() => expect(turns).toHaveLength(3));
  expect(new Set(turns).size).toBe(3);
});

test('event listeners: the events, once, handleEvent, attributes', async () => {
  const { client, server } = await connectPeers();
  const seen: unknown[] = [];
  const object = { handleEvent: (event: { type: string }) => seen.push(event.type) };
  client.addEventListener('message', object, { once: true });
  client.addEventListener('message', object);
  const removed = (): void => void seen.push('removed');
  client.addEventListener('message', removed);
  client.removeEventListener('message', removed);
  Object.assign(client, {
    onmessage(event: MessageEvent) {
      seen.push(event.data, event.target === client);
      client.close(1000, 'enough');
    },
    onclose: ({ code, reason, wasClean }: CloseEvent) => seen.push(code, reason, wasClean),
    onerror: () => undefined,
  });
  expect(client.onmessage).toBeTypeOf('function');
  expect(client.onerror).toBeTypeOf('function');
  Object.assign(client, { onerror: null });
  expect(client.onerror).toBeNull();
  server.send('hi');
  await closed(client);
  expect(seen).toEqual(['message', 'hi', true, 1000, 'enough', true]);
});

test('a listener that throws ends its connection with 1011, and the error is told', async () => {
  const { client, server } = await connectPeers();
  const errors: Error[] = [];
  server.on('error', (error) => errors.push(error));
  server.on('message', () => {
    throw new Error('broken');
  });
  client.send('x');
  expect(await closed(client)).toEqual([1011, '']);
  expect(errors.map((error) => error.message)).toEqual(['broken']);
});

test("an 'error' without a listener is a warning, once for a connection", async () => {
  const warnings = watchWarnings();
  const { client, server } = await connectPeers({ maxPayload: 10 });
  client.send('x'.repeat(11));
  expect(await closed(client)).toEqual([1009, '']);
  expect(server.readyState).toBeGreaterThan(WebSocket.OPEN);
  expect(warnings).toEqual([expect.stringContaining('maxPayload 10')]);
});

test('Blobs that cannot be read end the connection, with one error', async () => {
  class Broken extends Blob {
    override arrayBuffer(): Promise<ArrayBuffer> {
      return Promise.reject(new Error('unreadable'));
    }
  }
  const { client, server } = await connectPeers();
  const errors: string[] = [];
  const results: (string | undefined)[] = [];
  client.on('error', (error) => errors.push(error.message));
  for (let i = 0; i < 2; i++) client.send(new Broken(['x']), (error) => results.push(error?.message));
  expect(client.bufferedAmount).toBe(2);
  expect(await closed(server)).toEqual([1006, '']);
  expect(errors).toEqual(['unreadable']);
  expect(results).toEqual(['unreadable', 'unreadable']);
});

test('throwAsWs: an exception of a listener is one of the process', async () => {
  const { client, server } = await connectPeers({ throwAsWs: true });
  const before = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  onTestFinished(() => before.forEach((listener) => process.on('uncaughtException', listener)));
  const thrown = new Promise((resolve) => process.once('uncaughtException', resolve));
  server.on('message', (data) => {
    if (text(data) === 'x') throw new Error('broken');
    server.send('still here');
  });
  client.send('x');
  expect(await thrown).toEqual(new Error('broken'));
  client.send('y');
  expect(text((await nextMessage(client))[0] as RawData)).toBe('still here');
  const thrownLater = new Promise((resolve) => process.once('uncaughtException', resolve));
  server.send('z', () => {
    throw new Error('broken callback');
  });
  expect(await thrownLater).toEqual(new Error('broken callback'));
  expect(server.readyState).toBe(WebSocket.OPEN);
});

test('errors of the peer have the codes of ws', async () => {
  const { client, server } = await connectPeers();
  const failed = once(server, 'error');
  client._socket?.write(Buffer.from([0x83, 0x80, 0, 0, 0, 0]));
  expect((await failed)[0]).toMatchObject({ code: 'WS_ERR_INVALID_OPCODE' });
  expect(await closed(server)).toEqual([1006, '']);
});

test('frames that were made in advance are sent as they are', async () => {
  const { client, server } = await connectPeers();
  const frame = Sender.frame('made before', { fin: true, opcode: 1, mask: false, readOnly: true, rsv1: false });
  const sent = new Promise((resolve) => server._sender.sendFrame(frame, resolve));
  expect(text((await nextMessage(client))[0] as RawData)).toBe('made before');
  expect(await sent).toBeUndefined();
  server._sender.sendFrame(frame);
  expect(text((await nextMessage(client))[0] as RawData)).toBe('made before');
  expect(() => client._sender.sendFrame(frame)).toThrow('only a server');
  expect(() => Sender.frame('x', { opcode: 1, mask: true })).toThrow('masked');
});

function throwBroken(): never {
  throw new Error('broken');
}

test('wrong calls fail at the call', async () => {
  const { client, url } = await connectPeers();
  expect(() => client.close(999)).toThrow(TypeError);
  expect(() => client.close(1000, 'x'.repeat(124))).toThrow(RangeError);
  expect(() => client.ping('x'.repeat(126))).toThrow(RangeError);
  expect(() => new WebSocket(url, 'no token')).toThrow(SyntaxError);
  expect(() => new WebSocket('ftp://x')).toThrow(SyntaxError);
  expect(() => new WebSocket('ws://x/#y')).toThrow(SyntaxError);
  expect(() => new WebSocket(url, { finishRequest: throwBroken })).toThrow('broken');
  expect([client.CONNECTING, client.OPEN, client.CLOSING, client.CLOSED]).toEqual([0, 1, 2, 3]);
});

test.each([
  [{ generateMask: () => undefined }, 'generateMask is not supported by 4d-websocket/ws: masking keys'],
  [{ protocolVersion: 8 }, 'protocolVersion 8 is not supported by 4d-websocket/ws: leave it out'],
  [{ perMessageDeflate: { zlibDeflateOptions: { strategy: 2 } } }, 'the zlib option strategy is not supported'],
  [{ maxPayload: -1 }, 'maxPayload must be a whole number'],
  [{ handshakeTimeout: 'x' as unknown as number }, 'handshakeTimeout must be a whole number'],
])('an option that is not supported is refused: %o', (options, message) => {
  expect(() => new WebSocket('ws://127.0.0.1:1', options as object)).toThrow(message);
});

describe('the opening handshake of a client', () => {
  test('sends headers, origin, user info and subprotocols, and may be changed before it is sent', async () => {
    const { wss, url } = await serve({ origins: '*', handleProtocols: (offered) => [...offered][1] as string });
    const asked = once(wss, 'connection');
    const client = new WebSocket(url.replace('//', '//me:secret@'), ['a', 'b'], {
      headers: { 'X-Mine': '1' },
      origin: 'https://page.example',
      finishRequest(request) {
        request.setHeader('X-Late', '2');
        request.end();
      },
    });
    expect(client.readyState).toBe(WebSocket.CONNECTING);
    expect(() => client.send('too early')).toThrow('readyState 0 (CONNECTING)');
    const upgraded = once(client, 'upgrade');
    const opened = once(client, 'open');
    const [, request] = (await asked) as [unknown, { headers: Record<string, string> }];
    expect(request.headers).toMatchObject({
      'x-mine': '1',
      'x-late': '2',
      origin: 'https://page.example',
      authorization: `Basic ${btoa('me:secret')}`,
    });
    expect((await upgraded)[0]).toMatchObject({ statusCode: 101 });
    await opened;
    expect(client.protocol).toBe('b');
  });

  test("a refusal is an error, or 'unexpected-response' where somebody listens", async () => {
    const { url } = await serve({ verifyClient: () => false });
    const refused = new WebSocket(url);
    expect(((await once(refused, 'error')) as [Error])[0].message).toBe('Unexpected server response: 401');
    const client = new WebSocket(url);
    const [request, response] = (await once(client, 'unexpected-response')) as [
      { destroy(): void },
      { statusCode: number },
    ];
    expect(response.statusCode).toBe(401);
    const gone = closed(client);
    client.on('error', () => undefined);
    request.destroy();
    client.terminate();
    expect(await gone).toEqual([1006, '']);
  });

  test('close() before it is over ends it with an error', async () => {
    const { url } = await serve();
    const client = new WebSocket(url);
    const failed = once(client, 'error');
    const gone = closed(client);
    client.close();
    expect(((await failed) as [Error])[0].message).toContain('closed before the connection was established');
    expect(await gone).toEqual([1006, '']);
  });

  test('redirects are followed when asked for; secrets stay with the first host', async () => {
    const { wss, url } = await serve();
    const redirecting = createServer((_, response) => response.writeHead(302, { Location: `${url}/new` }).end());
    redirecting.listen(0, '127.0.0.1');
    onTestFinished(() => void redirecting.close());
    await once(redirecting, 'listening');
    const first = `ws://127.0.0.1:${(redirecting.address() as AddressInfo).port}/old`;
    const asked = once(wss, 'connection');
    const headers = { Cookie: 'secret', 'X-Public': '1' };
    const client = new WebSocket(first, { followRedirects: true, headers });
    const opened = once(client, 'open');
    const [, request] = (await asked) as [unknown, { url: string; headers: Record<string, string> }];
    await opened;
    expect(client.url).toBe(`${url}/new`);
    expect(request.headers).toMatchObject({ 'x-public': '1' });
    expect(request.headers).not.toHaveProperty('cookie');
    const stubborn = new WebSocket(first, { followRedirects: true, maxRedirects: 0 });
    expect(((await once(stubborn, 'error')) as [Error])[0].message).toBe('Maximum redirects exceeded');
    const still = new WebSocket(first);
    expect(((await once(still, 'error')) as [Error])[0].message).toBe('Unexpected server response: 302');
  });

  test('goes over TLS, with the options of Node, and over Unix sockets', async () => {
    const { key, cert } = makeCertificate();
    const path = join(mkdtempSync(join(tmpdir(), 'ws-')), 'socket');
    const secure = createTlsServer({ key, cert }).listen(0, '127.0.0.1');
    const servers = [secure, createServer().listen(path)];
    onTestFinished(() => {
      for (const server of servers) server.close();
    });
    for (const server of servers) {
      if (!server.listening) await once(server, 'listening');
      new WebSocketServer({ server }).on('connection', (webSocket, request) => webSocket.send(request.url ?? ''));
    }
    const { port } = secure.address() as AddressInfo;
    const clients = [
      new WebSocket(`wss://127.0.0.1:${port}/tls`, { ca: cert }),
      new WebSocket(`ws+unix:${path}:/unix?x=1`),
    ];
    const seen = await Promise.all(clients.map(nextMessage));
    expect(seen.map(([data]) => (data as Buffer).toString())).toEqual(['/tls', '/unix?x=1']);
    const stranger = new WebSocket(`wss://127.0.0.1:${port}`);
    expect(((await once(stranger, 'error')) as [NodeJS.ErrnoException])[0].code).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
    await Promise.all(
      clients.map((client) => {
        client.close();
        return closed(client);
      }),
    );
  });

  test('takes no longer than handshakeTimeout', async () => {
    const silent = createServer();
    const sockets: { destroy(): void }[] = [];
    silent.on('upgrade', (_, socket) => sockets.push(socket));
    silent.listen(0, '127.0.0.1');
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    await once(silent, 'listening');
    const client = new WebSocket(`ws://127.0.0.1:${(silent.address() as AddressInfo).port}`, { handshakeTimeout: 30 });
    expect(((await once(client, 'error')) as [Error])[0].message).toBe('Opening handshake has timed out');
  });
});
