import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket as PeerSocket } from 'ws';
import { ek, FourDError, lastErrors, tryExpr, WebSocket } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { type AcceptedPeer, startPeerServer } from '../helpers/peer.ts';
import { findClosedPort, startRawServer } from '../helpers/raw-server.ts';
import { turns } from '../helpers/turns.ts';
import { watchCalls } from '../helpers/calls.ts';

const errorItem = {
  errCode: expect.any(Number) as number,
  message: expect.any(String) as string,
  componentSignature: 'HTCL',
};

/** The error that a connection attempt rejects with. */
async function errorOf(attempt: Promise<unknown>): Promise<FourDError> {
  const outcome: unknown = await attempt.catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(FourDError);
  return outcome as FourDError;
}

async function refusedUrl(): Promise<string> {
  return `ws://127.0.0.1:${await findClosedPort()}/`;
}

/** Starts an HTTP server that does not support upgrades. Returns its ws: URL. */
async function startHttpServer(listener: RequestListener): Promise<string> {
  const server = createHttpServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Connects with these headers. Returns the peer that received them. */
async function connectWithHeaders(headers: Record<string, string | readonly string[]>): Promise<AcceptedPeer> {
  const server = await startPeerServer();
  const ws = await WebSocket.new(server.url, { headers });
  expect(ws?.status).toBe('Connected');
  return server.accept();
}

test('4D-001 new() against a running server gives a WebSocket whose status is "Connected"', async () => {
  const server = await startPeerServer();
  const ws = await WebSocket.new(server.url, {});
  expect(ws).toBeInstanceOf(WebSocket);
  expect(ws!.status).toBe('Connected');
  const peer = await server.accept();
  expect(peer.socket.readyState).toBe(PeerSocket.OPEN);
});

test('4D-002 onOpen has run when new() hands the object over', async () => {
  const server = await startPeerServer();
  const log: string[] = [];
  await WebSocket.new(server.url, { onOpen: () => void log.push('onOpen') });
  log.push('handed over');
  expect(log).toEqual(['onOpen', 'handed over']);
});

test('4D-002 an asynchronous onOpen is over when new() hands the object over', async () => {
  const server = await startPeerServer();
  const log: string[] = [];
  const begun = createDeferred();
  const gate = createDeferred();
  const attempt = WebSocket.new(server.url, {
    async onOpen() {
      begun.resolve();
      await gate.promise;
      log.push('onOpen is over');
    },
  }).then(() => log.push('handed over'));
  await begun.promise;
  await turns();
  log.push('gate opens');
  gate.resolve();
  await attempt;
  expect(log).toEqual(['gate opens', 'onOpen is over', 'handed over']);
});

test('4D-003 onOpen receives the object that new() returns, and an event of type "open"', async () => {
  const server = await startPeerServer();
  const handler = recordingHandler();
  const calls = watchCalls(handler);
  const ws = await WebSocket.new(server.url, handler);
  expect(calls).toEqual([{ name: 'onOpen', self: handler, parameters: [ws, { type: 'open' }], status: 'Connected' }]);
  expect(calls[0]!.parameters[0]).toBe(ws);
});

test('4D-003 onOpen of new WebSocket() receives the same object and an event of type "open"', async () => {
  const server = await startPeerServer();
  const handler = recordingHandler();
  const ws = new WebSocket(server.url, handler);
  expect(handler.callbacks).toEqual([]);
  await ws.ready;
  expect(await handler.opened()).toBe(ws);
  expect(handler.events).toEqual([{ type: 'open' }]);
});

test('4D-004 send() works inside onOpen', async () => {
  const server = await startPeerServer();
  await WebSocket.new(server.url, { onOpen: (ws) => ws.send('from onOpen') });
  const peer = await server.accept();
  expect(await peer.nextText()).toBe('from onOpen');
});

test('4D-004 messages that are sent inside onOpen arrive before messages that are sent after it', async () => {
  const server = await startPeerServer();
  const ws = await WebSocket.new(server.url, { onOpen: (socket) => socket.send('from onOpen') });
  ws!.send('after');
  const peer = await server.accept();
  await peer.messages.atLeast(2);
  expect(peer.messages.all.map(({ bytes }) => bytes.toString())).toEqual(['from onOpen', 'after']);
});

test('4D-005 without a handler the connection opens, receives messages and closes', async () => {
  const server = await startPeerServer();
  const ws = await WebSocket.new(server.url);
  expect(ws!.status).toBe('Connected');
  const peer = await server.accept();
  peer.send('nobody listens');
  ws!.send('hello');
  expect(await peer.nextText()).toBe('hello');
  ws!.terminate();
  expect(await peer.closed).toEqual({ code: 1000, reason: '' });
});

test('4D-005 new WebSocket() without a handler opens too', async () => {
  const server = await startPeerServer();
  const ws = new WebSocket(server.url);
  expect(await ws.ready).toBe(ws);
  expect(ws.status).toBe('Connected');
});

test('4D-006 a handler with onMessage and onTerminate alone lives from open to an error', async () => {
  const server = await startPeerServer();
  const errors = recordErrors(ek.global);
  const got = createDeferred<string>();
  const ended = createDeferred<number>();
  await WebSocket.new(server.url, {
    onMessage: (_ws, event) => got.resolve(event.data),
    onTerminate: (_ws, event) => ended.resolve(event.code),
  });
  const peer = await server.accept();
  peer.send('hello');
  expect(await got.promise).toBe('hello');
  peer.cut();
  expect(await ended.promise).toBe(1006);
  expect(errors).toEqual([]);
});

test('4D-006 a handler with onMessage and onTerminate alone outlives a failing connection attempt', async () => {
  const ended = createDeferred<number>();
  const ws = new WebSocket(await refusedUrl(), {
    onMessage: () => {},
    onTerminate: (_ws, event) => ended.resolve(event.code),
  });
  expect(await ended.promise).toBe(1006);
  expect(await ws.ready).toBeNull();
});

test('4D-007 a plain object with function-valued properties works as handler', async () => {
  const server = await startPeerServer();
  const log: string[] = [];
  const ended = createDeferred();
  const handler = {
    onOpen: () => void log.push('open'),
    onMessage: (_ws: WebSocket, event: { readonly data: string }) => void log.push(event.data),
    onError: () => void log.push('error'),
    onTerminate: () => {
      log.push('terminate');
      ended.resolve();
    },
  };
  await WebSocket.new(server.url, handler);
  const peer = await server.accept();
  peer.send('hello');
  peer.cut();
  await ended.promise;
  expect(log).toEqual(['open', 'hello', 'error', 'terminate']);
});

// Rule 200 narrows 008 and 011 to clients without the option reconnect: the others try again.
test('4D-008 without reconnect a refused port gives null and generates an error', async () => {
  const url = await refusedUrl();
  const calls = recordErrors();
  expect(await WebSocket.new(url, {})).toBeNull();
  expect(calls).toEqual([[{ ...errorItem, errCode: 1006 }]]);
});

test('4D-008 within tryExpr a refused port gives null, and the error is in lastErrors()', async () => {
  const url = await refusedUrl();
  const calls = recordErrors();
  expect(await tryExpr(() => WebSocket.new(url, {}))).toBeNull();
  expect(lastErrors()).toEqual([{ ...errorItem, errCode: 1006 }]);
  expect(calls).toEqual([]);
});

test('4D-009 with an error handler installed a refused port calls it once and raises nothing', async () => {
  const url = await refusedUrl();
  const globalCalls = recordErrors(ek.global);
  const calls = recordErrors();
  await expect(WebSocket.new(url, {})).resolves.toBeNull();
  await turns();
  expect(calls).toHaveLength(1);
  expect(globalCalls).toEqual([]);
});

test('4D-010 without any error handler a refused port rejects with a FourDError', async () => {
  const error = await errorOf(WebSocket.new(await refusedUrl(), {}));
  expect(error.errCode).toBe(1006);
  expect(error.message).toContain('ECONNREFUSED');
  expect(error.componentSignature).toBe('HTCL');
  expect(error.code).toBe('ERR_CONNECT_FAILED');
});

test('4D-011 without reconnect a refused port through WebSocket.new() runs no callback', async () => {
  const handler = recordingHandler();
  recordErrors();
  expect(await WebSocket.new(await refusedUrl(), handler)).toBeNull();
  await turns();
  expect(handler.callbacks).toEqual([]);
});

test('4D-011 without reconnect a refused port through new WebSocket() runs onError, then onTerminate with 1006, and ready gives null', async () => {
  const errors = recordErrors();
  const handler = recordingHandler();
  const calls = watchCalls(handler);
  const ws = new WebSocket(await refusedUrl(), handler);
  expect(ws.status).toBe('Connecting');
  expect(await ws.ready).toBeNull();
  await handler.ended();
  expect(handler.callbacks).toEqual(['onError', 'onTerminate']);
  for (const { parameters } of calls) expect(parameters[0]).toBe(ws);
  expect(handler.errors[0]!.errors).toEqual([{ ...errorItem, errCode: 1006 }]);
  expect(await handler.ended()).toMatchObject({ type: 'terminate', code: 1006, reason: undefined, wasClean: false });
  expect(ws.status).toBe('Closed');
  expect(errors).toEqual([]);
});

test('4D-011 a bad argument of new WebSocket() throws nothing and runs onError, then onTerminate', async () => {
  const handler = recordingHandler();
  const ws = new WebSocket('http://127.0.0.1/', handler);
  expect(handler.callbacks).toEqual([]);
  expect(await ws.ready).toBeNull();
  expect(await handler.ended()).toMatchObject({ code: 1006, wasClean: false });
  expect(handler.callbacks).toEqual(['onError', 'onTerminate']);
});

describe('a server that does not upgrade', () => {
  test('4D-012 a server that answers 404 gives null, and an error with status, headers and body', async () => {
    const url = await startHttpServer((_request, response) => {
      response.writeHead(404, { 'x-hint': 'try /chat' }).end('no such page');
    });
    const error = await errorOf(WebSocket.new(url, {}));
    expect(error.code).toBe('ERR_HANDSHAKE_REFUSED');
    expect(error.httpStatus).toBe(404);
    expect(error.httpHeaders!['x-hint']).toBe('try /chat');
    expect(Buffer.from(error.httpBody!).toString()).toBe('no such page');

    const calls = recordErrors();
    expect(await WebSocket.new(url, {})).toBeNull();
    expect(calls).toEqual([[error.item]]);
  });

  test('4D-012 a server that answers 200 gives null, and an error with status, headers and body', async () => {
    const url = await startHttpServer((_request, response) => {
      response.setHeader('x-page', 'home');
      response.end('welcome');
    });
    const error = await errorOf(WebSocket.new(url, {}));
    expect(error.httpStatus).toBe(200);
    expect(error.httpHeaders!['x-page']).toBe('home');
    expect(Buffer.from(error.httpBody!).toString()).toBe('welcome');
  });

  test('4D-012 the error keeps the first 64 KiB of a longer body', async () => {
    const body = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251));
    const url = await startHttpServer((_request, response) => {
      response.writeHead(503).end(body);
    });
    const error = await errorOf(WebSocket.new(url, {}));
    expect(error.httpStatus).toBe(503);
    expect(Buffer.compare(error.httpBody!, body.subarray(0, 65_536))).toBe(0);
  });

  test('4D-012 an endless body does not delay the error', async () => {
    const url = await startHttpServer((_request, response) => {
      response.writeHead(404);
      const more = (): void => {
        while (response.write(Buffer.alloc(16_384)));
      };
      response.on('drain', more);
      more();
    });
    const error = await errorOf(WebSocket.new(url, {}));
    expect(error.httpStatus).toBe(404);
    expect(error.httpBody).toHaveLength(65_536);
  });

  test('4D-012 new WebSocket() shows the same error in onError', async () => {
    const url = await startHttpServer((_request, response) => void response.writeHead(401).end('who are you?'));
    const handler = recordingHandler();
    await new WebSocket(url, handler).ready;
    await handler.ended();
    expect(handler.callbacks).toEqual(['onError', 'onTerminate']);
    expect(handler.errors[0]!.error.httpStatus).toBe(401);
  });
});

test('4D-013 a wrong Sec-WebSocket-Accept gives null and an error', async () => {
  const server = await startRawServer();
  const calls = recordErrors();
  const handler = recordingHandler();
  const attempt = WebSocket.new(server.url, handler);
  const peer = await server.accept();
  const wrong = Buffer.alloc(20).toString('base64');
  peer.socket.write(peer.answer().replace(/^(Sec-WebSocket-Accept: ).*$/m, `$1${wrong}`));
  expect(await attempt).toBeNull();
  expect(calls).toEqual([[{ ...errorItem, errCode: 1006 }]]);
  await peer.ended;
  expect(peer.frames.all).toEqual([]);
  expect(peer.unread).toHaveLength(0);
  expect(handler.callbacks).toEqual([]);
});

test('4D-013 without a Sec-WebSocket-Accept it rejects when there is no error handler', async () => {
  const server = await startRawServer();
  const attempt = WebSocket.new(server.url, {});
  const peer = await server.accept();
  peer.socket.write(peer.answer().replace(/^Sec-WebSocket-Accept: .*\r\n/m, ''));
  expect((await errorOf(attempt)).code).toBe('ERR_HANDSHAKE_INVALID');
});

test.each([
  ['an http: URL', 'http://127.0.0.1:PORT/'],
  ['an https: URL', 'https://127.0.0.1:PORT/'],
  ['an empty text', ''],
  ['a URL without a scheme', '127.0.0.1:PORT/'],
  ['a URL that begins with its host', '//127.0.0.1:PORT/'],
  ['a URL without a host', 'ws://'],
  ['a port that is out of range', 'ws://127.0.0.1:99999/'],
  ['a URL with a fragment', 'ws://127.0.0.1:PORT/#here'],
  ['a URL with an empty fragment', 'ws://127.0.0.1:PORT/#'],
  ['a word', 'hello'],
  ['a number', 5 as unknown as string],
  ['nothing', undefined as unknown as string],
])('4D-014 %s gives null and an error, without network traffic', async (_what, pattern) => {
  const server = await startRawServer();
  const url = typeof pattern === 'string' ? pattern.replace('PORT', String(server.port)) : pattern;
  expect((await errorOf(WebSocket.new(url, {}))).code).toBe('ERR_INVALID_URL');

  const calls = recordErrors();
  expect(await WebSocket.new(url, {})).toBeNull();
  expect(calls).toEqual([[{ ...errorItem, errCode: -20006 }]]);

  // Connections are accepted in order, so an earlier connection would be accepted before this one.
  const attempt = WebSocket.new(server.url, {});
  await server.open();
  await attempt;
  expect(server.connections.all).toHaveLength(1);
});

test('4D-015 wss: connects to a TLS server whose certificate is trusted', async () => {
  const certificate = makeCertificate();
  const server = await startPeerServer({ tls: certificate });
  expect(server.url).toMatch(/^wss:/);
  const handler = recordingHandler();
  const ws = await WebSocket.new(server.url, handler, { tls: { ca: certificate.cert } });
  expect(ws!.status).toBe('Connected');
  const peer = await server.accept();
  ws!.send('over TLS');
  expect(await peer.nextText()).toBe('over TLS');
  peer.send('and back');
  expect(await handler.nextMessage()).toBe('and back');
});

test('4D-015 wss: checks the name in the certificate', async () => {
  const certificate = makeCertificate();
  const server = await startPeerServer({ tls: certificate });
  const byName = server.url.replace('127.0.0.1', 'localhost');
  expect(await WebSocket.new(byName, {}, { tls: { ca: certificate.cert } })).toBeInstanceOf(WebSocket);
  const otherName = server.url.replace('127.0.0.1', '127.0.0.2');
  expect((await errorOf(WebSocket.new(otherName, {}, { tls: { ca: certificate.cert } }))).code).toBe(
    'ERR_CONNECT_FAILED',
  );
});

test('4D-015 wss: with a certificate that is not trusted gives null and an error', async () => {
  const server = await startPeerServer({ tls: makeCertificate() });
  const error = await errorOf(WebSocket.new(server.url, {}));
  expect(error.code).toBe('ERR_CONNECT_FAILED');
  expect(error.cause).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  expect(server.peers.all).toEqual([]);
});

test.each([
  '/',
  '/chat',
  '/a/b//c/',
  '/a%20b/%C3%A9?x=1&y=a%20b+c&z=%2F',
  '/chat?room=1&room=2&name=ryan',
  '/a;v=1/b:2/c,d/~e?q=[1]/2?3',
])('4D-016 the path and query %s are requested unchanged, on the port of the URL', async (target) => {
  const server = await startRawServer();
  const attempt = WebSocket.new(server.url + target, {});
  const peer = await server.open();
  expect(await attempt).toBeInstanceOf(WebSocket);
  expect(peer.request.split('\r\n')[0]).toBe(`GET ${target} HTTP/1.1`);
  expect(peer.header('Host')).toBe(`127.0.0.1:${server.port}`);
});

test('4D-016 a URL without path requests /', async () => {
  const server = await startRawServer();
  const attempt = WebSocket.new(`${server.url}?x=1`, {});
  const peer = await server.open();
  expect(await attempt).toBeInstanceOf(WebSocket);
  expect(peer.request).toMatch(/^GET \/\?x=1 HTTP\/1\.1\r\n/);
});

test.each(['', '/', '/a/../b', '/a b?q=é', '?'])(
  '4D-017 url equals the text passed to new(), here with "%s"',
  async (end) => {
    const server = await startPeerServer();
    const text = server.url.replace('ws:', 'WS:') + end;
    expect((await WebSocket.new(text, {}))!.url).toBe(text);
    const ws = new WebSocket(text, {});
    expect(ws.url).toBe(text);
    await ws.ready;
    expect(ws.url).toBe(text);
  },
);

test('4D-018 handler is the very object passed to new()', async () => {
  const server = await startPeerServer();
  const handler = Object.freeze({ onMessage: () => {} });
  const ws = await WebSocket.new(server.url, handler);
  expect(ws!.handler).toBe(handler);
  expect(new WebSocket('', handler).handler).toBe(handler);
});

test('4D-019 id is an integer that differs between two sockets open at the same time', async () => {
  const server = await startPeerServer();
  const one = await WebSocket.new(server.url, {});
  const two = await WebSocket.new(server.url, {});
  const ids = [one!.id, two!.id];
  expect(ids.every(Number.isInteger)).toBe(true);
  expect(ids[0]).not.toBe(ids[1]);
  expect([one!.id, two!.id]).toEqual(ids);
});

test('4D-020 assigning to dataType, handler, id, status or url does not change them', async () => {
  const server = await startPeerServer();
  const handler = { dataType: 'blob' } as const;
  const ws = await WebSocket.new(server.url, handler);
  const read = (): unknown[] => [ws!.dataType, ws!.handler, ws!.id, ws!.status, ws!.url];
  const before = read();
  const { id } = ws!;
  for (const name of ['dataType', 'handler', 'id', 'status', 'url']) {
    expect(Reflect.set(ws!, name, 'text'), name).toBe(false);
    expect(() => Object.assign(ws!, { [name]: 'text' }), name).toThrow(TypeError);
  }
  expect(read()).toEqual(before);
  expect(before).toEqual(['blob', handler, id, 'Connected', server.url]);
});

test('4D-021 dataType is "text" when the handler has none', async () => {
  const server = await startPeerServer();
  expect((await WebSocket.new(server.url))!.dataType).toBe('text');
  expect((await WebSocket.new(server.url, {}))!.dataType).toBe('text');
  expect((await WebSocket.new(server.url, { dataType: undefined }))!.dataType).toBe('text');
  expect((await WebSocket.new(server.url, { dataType: 'text' }))!.dataType).toBe('text');
  expect(new WebSocket('').dataType).toBe('text');
});

test('4D-022 dataType mirrors "blob" or "object" of the handler', async () => {
  const server = await startPeerServer();
  expect((await WebSocket.new(server.url, { dataType: 'blob' }))!.dataType).toBe('blob');
  expect((await WebSocket.new(server.url, { dataType: 'object' }))!.dataType).toBe('object');
  class Handler {
    get dataType(): 'object' {
      return 'object';
    }
  }
  expect((await WebSocket.new(server.url, new Handler()))!.dataType).toBe('object');
});

test.each(['json', 'Text', '', null, 5, ['text']])(
  '4D-023 the unknown dataType %j gives null and an error',
  async (dataType) => {
    const server = await startRawServer();
    const handler = { dataType: dataType as 'text' };
    expect((await errorOf(WebSocket.new(server.url, handler))).code).toBe('ERR_INVALID_DATA_TYPE');
    const calls = recordErrors();
    expect(await WebSocket.new(server.url, handler)).toBeNull();
    expect(calls).toEqual([[{ ...errorItem, errCode: -20007 }]]);
    expect(server.connections.all).toEqual([]);
  },
);

test('4D-024 a header of the handler arrives', async () => {
  const peer = await connectWithHeaders({ 'x-authorization': 't' });
  expect(peer.headerLines('x-authorization')).toEqual(['t']);
});

test('4D-024 the headers of new WebSocket() arrive too', async () => {
  const server = await startPeerServer();
  const ws = new WebSocket(server.url, { headers: { 'x-authorization': 't', 'X-Other': 'u' } });
  await ws.ready;
  const peer = await server.accept();
  expect(peer.headerLines('x-authorization')).toEqual(['t']);
  expect(peer.headerLines('x-other')).toEqual(['u']);
});

test('4D-025 a header given as array of two values arrives twice', async () => {
  const peer = await connectWithHeaders({ 'x-tag': ['one', 'two'], 'x-single': ['three'] });
  expect(peer.headerLines('x-tag')).toEqual(['one', 'two']);
  expect(peer.headerLines('x-single')).toEqual(['three']);
});

test('4D-026 two cookies of a Cookie text arrive as one header', async () => {
  const peer = await connectWithHeaders({ Cookie: 'yummy_cookie=choco; tasty_cookie=strawberry' });
  expect(peer.headerLines('cookie')).toEqual(['yummy_cookie=choco; tasty_cookie=strawberry']);
});

test('4D-026 two cookies of a Cookie array arrive as one header too', async () => {
  const peer = await connectWithHeaders({ Cookie: ['yummy_cookie=choco', 'tasty_cookie=strawberry'] });
  expect(peer.headerLines('cookie')).toEqual(['yummy_cookie=choco; tasty_cookie=strawberry']);
});

test.each([
  ['Host', 'elsewhere.example'],
  ['Upgrade', 'h2c'],
  ['Connection', 'close'],
  ['Sec-WebSocket-Key', 'AAAAAAAAAAAAAAAAAAAAAA=='],
  ['Sec-WebSocket-Version', '8'],
])('4D-027 %s in the headers of a handler does not break the handshake', async (name, value) => {
  for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
    const peer = await connectWithHeaders({ [spelling]: value, 'x-other': 'kept' });
    const lines = peer.headerLines(name);
    expect(lines).toHaveLength(1);
    expect(lines).not.toEqual([value]);
    expect(peer.headerLines('x-other')).toEqual(['kept']);
  }
});

test('4D-027 all reserved headers together do not break the handshake', async () => {
  const peer = await connectWithHeaders({
    Host: ['a', 'b'],
    Upgrade: '',
    Connection: 'keep-alive',
    'Sec-WebSocket-Key': 'x',
    'Sec-WebSocket-Version': ['7', '8'],
    'Sec-WebSocket-Extensions': 'permessage-deflate',
    'Sec-WebSocket-Protocol': 'chat',
    'Content-Length': '10',
    'Transfer-Encoding': 'chunked',
  });
  expect(peer.headerLines('host')).toEqual([`127.0.0.1:${peer.request.socket.localPort}`]);
  expect(peer.headerLines('upgrade')).toEqual(['websocket']);
  expect(peer.headerLines('connection')).toEqual(['Upgrade']);
  expect(peer.headerLines('sec-websocket-version')).toEqual(['13']);
  expect(peer.headerLines('sec-websocket-extensions')).toEqual([]);
  expect(peer.headerLines('content-length')).toEqual([]);
  expect(peer.headerLines('transfer-encoding')).toEqual([]);
});
