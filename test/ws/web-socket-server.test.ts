import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type ClientInfo, Server, type ServerOptions, WebSocket, WebSocketServer } from '../../src/ws.ts';
import { closed, connectPeers, serve } from './peers.ts';

/** Sends a request as it is, and returns the whole answer. */
async function ask(url: string, lines: readonly string[]): Promise<string> {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write([...lines, '', ''].join('\r\n'));
  let answer = '';
  socket.setEncoding('latin1').on('data', (part: string) => (answer += part));
  await once(socket, 'close');
  return answer;
}

function upgradeLines(url: string, ...more: string[]): string[] {
  return [
    'GET / HTTP/1.1',
    `Host: ${new URL(url).host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    'Sec-WebSocket-Version: 13',
    ...more,
  ];
}

test('listens on one thing', () => {
  const server = createServer();
  for (const options of [{}, { port: 0, noServer: true }, { server, noServer: true }, { port: 0, server }]) {
    expect(() => new WebSocketServer(options)).toThrow('One and only one of the "port", "server", or "noServer"');
  }
  expect(() => new WebSocketServer({ noServer: true }).address()).toThrow('"noServer" mode');
});

test.each([
  [{ verifyClient: true }, 'verifyClient must be a function'],
  [{ origins: () => true }, 'a function is called verifyClient here'],
  [{ origins: ['no origin'] }, 'origins must hold origins'],
  [{ maxFragments: 1.5 }, 'maxFragments must be a whole number'],
  [{ perMessageDeflate: { serverMaxWindowBits: 7 } }, 'perMessageDeflate.serverMaxWindowBits must be a whole number'],
])('refuses the options %o', (options, message) => {
  expect(() => new WebSocketServer({ noServer: true, ...(options as ServerOptions) })).toThrow(message);
});

test('takes the requests of a server of Node, for its path; close() leaves that server to others', async () => {
  const http = createServer((_, response) => response.end('plain'));
  onTestFinished(() => void http.close());
  const wss = new Server({ server: http, path: '/chat' });
  const listening = once(wss, 'listening');
  http.listen(0, '127.0.0.1');
  await listening;
  const url = `ws://127.0.0.1:${(wss.address() as AddressInfo).port}`;
  const elsewhere = new WebSocket(`${url}/other`);
  expect(((await once(elsewhere, 'error')) as [Error])[0].message).toBe('Unexpected server response: 400');
  const client = new WebSocket(`${url}/chat?x=1`);
  await once(client, 'open');
  expect(wss.clients.size).toBe(1);
  let isClosed = false;
  wss.close(() => (isClosed = true));
  expect(http.listenerCount('upgrade')).toBe(0);
  await new Promise(setImmediate);
  expect(isClosed).toBe(false);
  client.close();
  await once(wss, 'close');
  expect(isClosed).toBe(true);
  const again = new Promise<Error | undefined>((resolve) => wss.close(resolve));
  expect(await again).toEqual(new Error('The server is not running'));
  expect(await (await fetch(url.replace('ws:', 'http:'))).text()).toBe('plain');
});

test('a server with a port answers plain requests with 426', async () => {
  const { url } = await serve();
  expect((await fetch(url.replace('ws:', 'http:'))).status).toBe(426);
});

test('handleUpgrade opens a WebSocket of the given class, once for a socket', async () => {
  class Named extends WebSocket {
    readonly isNamed = true;
  }
  const wss = new WebSocketServer({ noServer: true, WebSocket: Named, clientTracking: false });
  expect(wss.clients).toBeUndefined();
  const http = createServer();
  onTestFinished(() => void http.close());
  const opened = new Promise<WebSocket>((resolve, reject) => {
    http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      wss.handleUpgrade(request, socket, head, (webSocket) => {
        try {
          expect(() => wss.handleUpgrade(request, socket, head, () => undefined)).toThrow('more than once');
          resolve(webSocket);
        } catch (error) {
          reject(error);
        }
      });
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
  const server = await opened;
  expect(server).toBeInstanceOf(Named);
  expect(server.url).toBe('');
  server.close();
  expect(await closed(client)).toEqual([1005, '']);
});

test('listeners of headers change the answer; handleProtocols chooses', async () => {
  const { wss, url } = await serve({ handleProtocols: (offered) => (offered.has('b') ? 'b' : false) });
  wss.on('headers', (headers, request) => headers.push(`X-Path: ${request.url}`));
  const client = new WebSocket(`${url}/here`, ['a', 'b']);
  const opened = once(client, 'open');
  const [response] = (await once(client, 'upgrade')) as [IncomingMessage];
  expect(response.headers).toMatchObject({ 'x-path': '/here', 'sec-websocket-protocol': 'b' });
  await opened;
  const none = new WebSocket(url, 'a');
  expect(((await once(none, 'error')) as [Error])[0].message).toContain('Server sent no subprotocol');
});

describe('who gets in', () => {
  test('verifyClient decides at once, or later with a code and headers', async () => {
    const at = await serve({
      verifyClient: ({ origin, secure, req }: ClientInfo) => origin === 'x' && !secure && req.url === '/',
    });
    const { port } = new URL(at.url);
    const welcome = new WebSocket(`ws://127.0.0.1:${port}`, { origin: 'x' });
    await once(welcome, 'open');
    expect(await ask(at.url, upgradeLines(at.url))).toMatch(/^HTTP\/1.1 401 Unauthorized\r\n/);
    const later = await serve({
      verifyClient: (_, callback) => setImmediate(() => callback(false, 403, 'not you', { 'X-Why': 'because' })),
    });
    const answer = await ask(later.url, upgradeLines(later.url));
    expect(answer).toMatch(/^HTTP\/1.1 403 Forbidden\r\n/);
    expect(answer).toContain('X-Why: because\r\n');
    expect(answer).toContain('\r\n\r\nnot you');
    const { client } = await connectPeers({ verifyClient: (_, callback) => setImmediate(() => callback(true)) });
    expect(client.readyState).toBe(WebSocket.OPEN);
  });

  test.each([
    ['pages of another host stay out', {}, 403],
    ['a list lets them in', { origins: ['https://page.example'] }, 101],
    ['"*" does, as in ws', { origins: '*' as const }, 101],
    ['verifyClient decides then', { verifyClient: () => true }, 101],
  ])('%s', async (_, options, status) => {
    const { wss, url } = await serve(options);
    wss.on('connection', (webSocket) => webSocket.terminate());
    const answer = await ask(url, upgradeLines(url, 'Origin: https://page.example'));
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    if (status === 403) expect(answer).toContain('option "origins"');
  });

  test('a request that is no handshake is refused, or told to wsClientError', async () => {
    const { wss, url } = await serve();
    const wrong = upgradeLines(url).filter((line) => !line.startsWith('Sec-WebSocket-Key'));
    expect(await ask(url, wrong)).toMatch(/^HTTP\/1.1 400 /);
    wss.on('wsClientError', (error, socket) => socket.end(`HTTP/1.1 418 teapot\r\n\r\n${error.message}`));
    expect(await ask(url, wrong)).toMatch(/^HTTP\/1.1 418 teapot\r\n\r\nSec-WebSocket-Key must be/);
  });

  test('a server that closes refuses with 503', async () => {
    const wss = new WebSocketServer({ noServer: true });
    const http = createServer();
    onTestFinished(() => void http.close());
    http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      wss.close();
      wss.handleUpgrade(request, socket, head, () => undefined);
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}`;
    expect(await ask(url, upgradeLines(url))).toMatch(/^HTTP\/1.1 503 /);
  });
});

test("a listener of 'connection' that throws ends that connection with 1011, and no other", async () => {
  const { wss, url } = await serve();
  wss.on('connection', (webSocket, request) => {
    webSocket.on('error', () => undefined);
    if (request.url === '/bad') throw new Error('broken');
  });
  expect(await closed(new WebSocket(`${url}/bad`))).toEqual([1011, '']);
  const good = new WebSocket(url);
  await once(good, 'open');
});
