import { createServer, type Server } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import express from 'express';
import { describe, expect, test } from 'vitest';
import { WebSocketServer as OtherServer } from 'ws';
import { FourDError, lastErrors, tryExpr, WebSocketServer, type WebSocketServerOptions } from '../../src/index.ts';
import { recordingServerHandler } from '../../src/testing.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { requestPath } from '../helpers/http.ts';
import { startLibraryServer, startWebServer } from '../helpers/library-server.ts';
import { connectPeer } from '../helpers/peer.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { listen, makeSocketPath } from '../helpers/transport-pairs.ts';

/** A handler that echoes. */
const echo = {
  onConnection: () => ({
    onMessage(ws: { send(text: string): void }, event: { readonly data: string }) {
      ws.send(`echo ${event.data}`);
    },
  }),
};

/** Creates an echoing WebSocket server on an HTTP server of the test. */
function createEchoServer(
  webServer: Server | HttpsServer,
  options: Omit<WebSocketServerOptions, 'webServer'> = {},
): WebSocketServer {
  return WebSocketServer.new(echo, { ...options, dataType: 'text', webServer })!;
}

async function expectEcho(url: string, options: Parameters<typeof connectPeer>[1] = {}): Promise<void> {
  const peer = await connectPeer(url, options);
  peer.send('hello');
  expect(await peer.nextText()).toBe('echo hello');
}

/** Returns what the server chooses: the subprotocol, undefined for none, or the status of the refusal. */
async function choose(supported: readonly string[] | undefined, offered: readonly string[]): Promise<unknown> {
  const handler = recordingServerHandler();
  const { web, wss } = await startLibraryServer(handler, { protocols: supported });
  const headers = offered.map((line) => `Sec-WebSocket-Protocol: ${line}`);
  const client = await RawClient.request(web.HTTPPort, { headers });
  const { status, headers: answer } = await client.answered;
  if (status !== 101) {
    expect(handler.callbacks).not.toContain('onConnection');
    return status;
  }
  const chosen = answer.get('sec-websocket-protocol');
  expect(wss.connections[0]!.protocol).toBe(chosen ?? '');
  return chosen;
}

describe('wrong arguments', () => {
  test.each([
    ['an unknown option', { nonsense: 1 }, 'ERR_INVALID_OPTION'],
    ['a path that is no string', { path: 5 }, 'ERR_INVALID_OPTION'],
    ['a number out of range', { maxFragments: 0 }, 'ERR_INVALID_OPTION'],
    ['a webServer that is none', { webServer: express() }, 'ERR_INVALID_OPTION'],
    ['an unknown data type', { dataType: 'json' }, 'ERR_INVALID_DATA_TYPE'],
  ])('of new(): %s throws and leaves no trace', async (_, options, code) => {
    const web = await startWebServer();
    const handler = recordingServerHandler();
    const wrong = { webServer: web, ...options } as never;
    expect(() => WebSocketServer.new(handler, wrong)).toThrow(
      expect.objectContaining({ name: 'FourDError', code, componentSignature: 'HTTP' }),
    );
    const errors = recordErrors();
    expect(WebSocketServer.new(handler, wrong)).toBeNull();
    expect(errors).toHaveLength(1);
    expect(tryExpr(() => WebSocketServer.new(handler, wrong))).toBeNull();
    expect(lastErrors()).toEqual(errors[0]);
    expect(errors).toHaveLength(1);
    for (const server of web.httpServers) expect(server.listenerCount('upgrade')).toBe(0);
    expect(handler.callbacks).toEqual([]);
  });

  test('of new(): an exception while reading the options is the cause of the error that is generated', () => {
    const options = {
      get path(): string {
        throw new RangeError('my own');
      },
    };
    expect(() => WebSocketServer.new(echo, options)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', cause: new RangeError('my own') }) as Error,
    );
    const errors = recordErrors();
    expect(WebSocketServer.new(echo, options)).toBeNull();
    expect(errors).toEqual([
      [{ errCode: -20_008, message: 'invalid option: path cannot be read: my own', componentSignature: 'HTTP' }],
    ]);
  });

  test.each([-1, NaN, -Infinity, '1', null, {}, true])(
    'terminate(%j) generates an error and does nothing',
    async (timeout) => {
      const { wss, url } = await startLibraryServer(recordingServerHandler());
      const peer = await connectPeer(url);
      expect(() => wss.terminate(timeout as number)).toThrow(FourDError);
      const errors = recordErrors();
      wss.terminate(timeout as number);
      expect(errors).toEqual([
        [{ errCode: -20_011, message: expect.stringContaining('seconds') as string, componentSignature: 'HTTP' }],
      ]);
      expect(wss.connections[0]!.status).toBe('Connected');
      expect(peer.hasClosed).toBe(false);
    },
  );

  test('terminate(Infinity) waits as terminate() does', async () => {
    const handler = recordingServerHandler();
    const { wss, web } = await startLibraryServer(handler);
    const client = await RawClient.open(web.HTTPPort);
    wss.terminate(Infinity);
    await client.endInOrder();
    await handler.ended();
    expect(wss.terminated).toBe(true);
  });
});

describe('on a server of the user', () => {
  test('works with a node:http server, whose other requests are answered as before', async () => {
    const server = createServer((request, response) => response.end(`page ${request.url}`));
    const port = await listen(server);
    const wss = createEchoServer(server, { path: '/chat' });
    await expectEcho(`ws://127.0.0.1:${port}/chat`);
    expect(await requestPath(port, '/chat')).toMatchObject({ status: 200, body: 'page /chat' });
    expect(wss.connections).toHaveLength(1);
  });

  test('works with a server that does not listen yet', async () => {
    const server = createServer();
    const wss = createEchoServer(server);
    expect(wss.terminated).toBe(false);
    const port = await listen(server);
    await expectEcho(`ws://127.0.0.1:${port}/`);
  });

  test('works with a node:https server', async () => {
    const { key, cert } = makeCertificate();
    const server = createHttpsServer({ key, cert }, (_, response) => response.end('page'));
    const port = await listen(server);
    const wss = createEchoServer(server);
    await expectEcho(`wss://127.0.0.1:${port}/`, { ca: cert });
    expect(await requestPath(port, '/', { tls: { ca: cert } })).toMatchObject({ status: 200, body: 'page' });
    expect(wss.connections).toHaveLength(1);
  });

  test('destroys TLS connections too on terminate(0)', async () => {
    const { key, cert } = makeCertificate();
    const server = createHttpsServer({ key, cert });
    const port = await listen(server);
    const handler = recordingServerHandler();
    const wss = WebSocketServer.new(handler, { webServer: server })!;
    const peer = await connectPeer(`wss://127.0.0.1:${port}/`, { ca: cert });
    wss.terminate(0);
    expect((await peer.closed).code).toBe(1006);
    await handler.ended();
    expect(handler.handlers[0]!.callbacks).toEqual(['onOpen', 'onTerminate']);
  });

  test('works with a Unix socket', async () => {
    const path = makeSocketPath();
    const server = createServer();
    const handler = recordingServerHandler();
    const wss = WebSocketServer.new(handler, { webServer: server })!;
    await listen(server, { path });
    const peer = await connectPeer(`ws+unix:${path}:/chat?room=1`);
    peer.send('hello');
    expect(await (await handler.nextHandler()).nextMessage()).toBe('hello');
    expect(handler.eventsOf('connection')[0]!.request).toMatchObject({ url: '/chat?room=1', remoteAddress: '' });
    wss.terminate(0);
    expect((await peer.closed).code).toBe(1006);
    await handler.ended();
  });

  test('works with an Express application, its routes and other upgrade listeners', async () => {
    const app = express();
    app.get('/api', (_, response) => void response.json({ ok: true }));
    app.get('/chat', (_, response) => void response.send('a page'));
    const server = createServer(app);
    const upgraded: string[] = [];
    server.on('upgrade', (request, socket) => {
      if (request.url !== '/other') return;
      upgraded.push(request.url);
      socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: mine\r\nConnection: Upgrade\r\n\r\n');
    });
    const port = await listen(server);
    createEchoServer(server, { path: '/chat' });
    await expectEcho(`ws://127.0.0.1:${port}/chat`);
    expect(await requestPath(port, '/api')).toMatchObject({ status: 200, body: '{"ok":true}' });
    expect(await requestPath(port, '/chat')).toMatchObject({ status: 200, body: 'a page' });
    expect((await requestPath(port, '/none')).status).toBe(404);
    const other = await RawClient.request(port, { path: '/other', headers: ['X-Mine: 1'] });
    expect((await other.answered).lines).toContain('Upgrade: mine');
    expect(upgraded).toEqual(['/other']);
  });

  test('works with the ws package on another path of the same server', async () => {
    const server = createServer();
    const others = new OtherServer({ noServer: true });
    others.on('connection', (socket) => socket.on('message', (data: Buffer) => socket.send(`ws ${data.toString()}`)));
    server.on('upgrade', (request, socket, head) => {
      if (request.url === '/ws') others.handleUpgrade(request, socket, head, (ws) => others.emit('connection', ws));
    });
    const port = await listen(server);
    const wss = createEchoServer(server, { path: '/4d' });
    const peers = [
      await connectPeer(`ws://127.0.0.1:${port}/ws`),
      await connectPeer(`ws://127.0.0.1:${port}/4d`),
      await connectPeer(`ws://127.0.0.1:${port}/ws`),
    ];
    for (const peer of peers) peer.send('hello');
    expect(await Promise.all(peers.map((peer) => peer.nextText()))).toEqual(['ws hello', 'echo hello', 'ws hello']);
    wss.terminate();
    expect((await peers[1]!.closed).code).toBe(1000);
    // The end of our server does not affect the server of the ws package.
    peers[0]!.send('still there');
    expect(await peers[0]!.nextText()).toBe('ws still there');
    await connectPeer(`ws://127.0.0.1:${port}/ws`);
    // The library does not refuse an unknown path while another listener may take it.
    const nobody = await RawClient.request(port, { path: '/nobody' });
    peers[2]!.send('again');
    expect(await peers[2]!.nextText()).toBe('ws again');
    expect(nobody.hasAnswer).toBe(false);
  });

  test('shares an HTTP server, and the last one to end removes the listener', async () => {
    const server = createServer();
    const port = await listen(server);
    const [a, b] = [recordingServerHandler(), recordingServerHandler()];
    const wssA = WebSocketServer.new(a, { webServer: server, path: '/a' })!;
    const wssB = WebSocketServer.new(b, { webServer: server, path: '/b' })!;
    expect(server.listenerCount('upgrade')).toBe(1);
    wssA.terminate();
    await a.ended();
    expect(server.listenerCount('upgrade')).toBe(1);
    await connectPeer(`ws://127.0.0.1:${port}/b`);
    wssB.terminate();
    await b.ended();
    expect(server.listenerCount('upgrade')).toBe(0);
  });

  test('allows the same path on different HTTP servers', async () => {
    const [one, two] = [createServer(), createServer()];
    createEchoServer(one, { path: '/chat' });
    createEchoServer(two, { path: '/chat' });
    await expectEcho(`ws://127.0.0.1:${await listen(one)}/chat`);
    await expectEcho(`ws://127.0.0.1:${await listen(two)}/chat`);
  });
});

describe('refused upgrades', () => {
  const answers: Record<string, () => unknown> = {
    '/none': () => null,
    '/bad': () => ({}),
    '/throws': () => {
      throw new Error('secret detail');
    },
    '/slow': () => new Promise(() => {}),
  };
  const handler = {
    onConnection: (_: unknown, { request }: { readonly request: { readonly url: string } }) =>
      answers[request.url]!() as null,
    onError() {},
  };

  test.each([
    [403, { path: '/none' }, 'the server refused the connection'],
    [500, { path: '/bad' }, 'the server failed while deciding about this connection'],
    [500, { path: '/throws' }, 'the server failed while deciding about this connection'],
    [503, { path: '/slow' }, 'the server took too long to decide about this connection: try again later'],
    [404, { path: '/elsewhere' }, 'no WebSocket server has this path'],
    [400, { path: '/none', without: ['Sec-WebSocket-Key'] }, 'Sec-WebSocket-Key'],
    [400, { path: '/none', headers: ['Sec-WebSocket-Protocol: other'] }, 'subprotocols'],
    [426, { path: '/none', without: ['Sec-WebSocket-Version'] }, '13'],
  ])('get a complete HTTP answer: %i to %j', async (status, request, text) => {
    const web = await startWebServer();
    for (const path of Object.keys(answers)) {
      WebSocketServer.new(handler, { webServer: web, path, handshakeTimeoutMs: 50, protocols: ['chat'] });
    }
    const client = await RawClient.request(web.HTTPPort, request);
    const { lines, headers, body } = await client.answered;
    expect(lines[0]).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [A-Z][A-Za-z ]+$`));
    expect(headers.get('connection')).toBe('close');
    expect(headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(headers.get('content-length')).toBe(String(Buffer.byteLength(body)));
    expect(headers.has('upgrade')).toBe(status === 426);
    expect(headers.has('sec-websocket-accept')).toBe(false);
    expect(body).toContain(text);
    expect(body).toMatch(/^[^\n]+\n$/);
    expect(body).not.toContain('secret');
    await client.ended;
    expect(client.unread).toHaveLength(0);
  });

  test('reach a client that is still sending', async () => {
    const { web } = await startLibraryServer(() => null);
    const client = await RawClient.request(web.HTTPPort, { behind: Buffer.alloc(2_000_000) });
    expect((await client.answered).status).toBe(403);
    await client.ended;
    client.socket.end();
    expect(await client.closed).toBeUndefined();
  });

  test('reach a client that has ended its side', async () => {
    const { web } = await startLibraryServer(() => null);
    const client = await RawClient.request(web.HTTPPort);
    client.socket.end();
    expect((await client.answered).status).toBe(403);
    expect(await client.closed).toBeUndefined();
  });
});

describe('subprotocols', () => {
  test.each([
    ['the first of the server that the client offers', ['v2', 'v1'], ['v1, v2'], 'v2'],
    ['another one when the first is not offered', ['v3', 'v1'], ['v1, v2'], 'v1'],
    ['offered on several lines', ['v2', 'v1'], ['v1', 'v2'], 'v2'],
    ['compared with case', ['V1', 'v1'], ['v1'], 'v1'],
    ['none when the client offers none', ['v1'], [], undefined],
    ['none when the server has no list', undefined, ['v1'], undefined],
    ['none with an empty list', [], ['v1'], undefined],
    ['400 when the client offers only others', ['v1'], ['v2, v3'], 400],
    ['400 for a malformed offer', ['v1'], ['v1, v 2'], 400],
    ['400 for the same offer twice', ['v1'], ['v1, v1'], 400],
    ['400 for a malformed offer, also when the server has no list', undefined, ['v1; x'], 400],
  ])('%s', async (_, supported, offered, expected) => {
    expect(await choose(supported, offered)).toBe(expected);
  });

  test('the ws package accepts the choice', async () => {
    const { url, wss } = await startLibraryServer(recordingServerHandler(), { protocols: ['v2', 'v1'] });
    const peer = await connectPeer(url, { protocols: ['v1', 'v2'] });
    expect(peer.socket.protocol).toBe('v2');
    expect(wss.connections[0]!.protocol).toBe('v2');
    await expect(connectPeer(url, { protocols: ['v9'] })).rejects.toThrow('400');
  });
});
