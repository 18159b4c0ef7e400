import { describe, expect, onTestFinished, test } from 'vitest';
import { type ConnectionEvent, WebServer, webServer, WebSocketConnection, WebSocketServer } from '../../src/index.ts';
import {
  recordingHandler,
  type RecordingHandler,
  recordingServerHandler,
  type RecordingServerHandler,
} from '../../src/testing.ts';
import { makeCertificateFolder } from '../helpers/certificate-folder.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { frame } from '../helpers/frames.ts';
import { startLibraryServer, startWebServer } from '../helpers/library-server.ts';
import { connectPeer } from '../helpers/peer.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { turns } from '../helpers/turns.ts';
import { UndiciPeer } from '../helpers/undici-peer.ts';
import { type Call, watchCalls } from '../helpers/calls.ts';

/** Connects a client to `path`. Resolves to `open`, or to the HTTP status of the refusal. */
async function outcomeAt(port: number, path: string): Promise<'open' | number> {
  const client = await RawClient.request(port, { path });
  const { status } = await client.answered;
  client.socket.destroy();
  return status === 101 ? 'open' : status;
}

/** Returns the number of listening sockets of this process. */
function listeningCount(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
}

/** Sends one request to a server. Returns the event that onConnection got. */
async function eventOf(request: Parameters<typeof RawClient.request>[1]): Promise<ConnectionEvent> {
  const handler = recordingServerHandler({ onConnection: () => null });
  const { web } = await startLibraryServer(handler);
  const client = await RawClient.request(web.HTTPPort, request);
  await client.answered;
  return handler.eventsOf('connection')[0]!;
}

/** Builds the frame of a text message of a client. */
function text(payload: string): Buffer {
  return frame('client', '81', Buffer.from(payload, 'utf8'));
}

/** Refuses the client on /refused with the result of `answer`, and checks that nothing else happens. */
async function expectRefusal(answer: () => unknown, status: number): Promise<RecordingServerHandler<unknown>> {
  const handler = recordingServerHandler({
    onConnection: (_, { request }) => (request.url === '/refused' ? answer() : { onMessage() {} }),
  });
  const calls = watchCalls(handler);
  const { web, wss, url } = await startLibraryServer(handler);
  const other = await RawClient.open(web.HTTPPort);
  const before = wss.connections;
  expect(before).toHaveLength(1);

  const client = await RawClient.request(web.HTTPPort, { path: '/refused', behind: text('too early') });
  expect((await client.answered).status).toBe(status);
  await client.ended;
  expect(client.unread).toHaveLength(0);
  const browser = new UndiciPeer(`${url}/refused`);
  expect((await browser.closed).code).toBe(1006);
  expect(browser.hasOpened).toBe(false);
  await expect(connectPeer(`${url}/refused`)).rejects.toThrow(`Unexpected server response: ${status}`);

  expect(wss.connections).toBe(before);
  expect(other.hasClosed).toBe(false);
  // The server still accepts other clients.
  expect(await outcomeAt(web.HTTPPort, '/')).toBe('open');
  for (const { self, parameters } of calls) {
    expect(self).toBe(handler);
    expect(parameters[0]).toBe(wss);
  }
  return handler;
}

describe('creation and options', () => {
  test('4D-050 with the web server running, new() returns a started server that is not terminated', async () => {
    const web = await startWebServer();
    const handler = recordingServerHandler();
    const wss = WebSocketServer.new(handler, { webServer: web });
    expect(wss).toBeInstanceOf(WebSocketServer);
    expect(wss!.terminated).toBe(false);
    const peer = await connectPeer(`ws://127.0.0.1:${web.HTTPPort}/`);
    peer.send('hello');
    expect(await (await handler.nextHandler()).nextMessage()).toBe('hello');
    expect(wss!.terminated).toBe(false);
  });

  test('4D-050 without the option webServer the server uses the default web server', async () => {
    const web = webServer();
    expect((await web.start({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' })).success).toBe(true);
    onTestFinished(() => web.stop());
    const wss = WebSocketServer.new(recordingServerHandler());
    expect(wss?.terminated).toBe(false);
    expect(await outcomeAt(web.HTTPPort, '/')).toBe('open');
  });

  test('4D-051 with the web server not running, new() gives null and an error', async () => {
    const errors = recordErrors();
    const handler = recordingServerHandler();
    const web = new WebServer({ HTTPPort: 0, IPAddressToListen: '127.0.0.1' });
    const item = { errCode: -20_001, message: expect.any(String) as string, componentSignature: 'HTTP' };
    expect(WebSocketServer.new(handler, { webServer: web })).toBeNull();
    expect(errors).toEqual([[item]]);
    await web.start();
    await web.stop();
    expect(WebSocketServer.new(handler, { webServer: web })).toBeNull();
    expect(WebSocketServer.new(handler)).toBeNull();
    expect(errors).toEqual([[item], [item], [item]]);
    await turns();
    expect(handler.callbacks).toEqual([]);
  });

  test('4D-051 the error is thrown when no error handler takes it', () => {
    expect(() => WebSocketServer.new(recordingServerHandler(), { webServer: new WebServer() })).toThrow(
      expect.objectContaining({ name: 'FourDError', code: 'ERR_WEB_SERVER_NOT_STARTED', errCode: -20_001 }),
    );
  });

  test.each([
    ['an object without it', {}],
    ['one that is no function', { onConnection: 'yes' }],
    ['null', null],
    ['a text', 'handler'],
    ['nothing', undefined],
  ])('4D-052 a handler without onConnection gives null and an error: %s', async (_, handler) => {
    const errors = recordErrors();
    const web = await startWebServer();
    expect(WebSocketServer.new(handler as never, { webServer: web })).toBeNull();
    expect(errors).toEqual([
      [{ errCode: -20_005, message: expect.stringContaining('onConnection') as string, componentSignature: 'HTTP' }],
    ]);
    // The failed server leaves the path free.
    expect(WebSocketServer.new(recordingServerHandler(), { webServer: web })).not.toBeNull();
  });

  test('4D-053 the server answers on host and port of the web server and opens no other port', async () => {
    const web = await startWebServer();
    const before = listeningCount();
    expect(before).toBeGreaterThan(0);
    const handler = recordingServerHandler();
    WebSocketServer.new(handler, { webServer: web });
    await handler.opened();
    expect(await outcomeAt(web.HTTPPort, '/')).toBe('open');
    expect(listeningCount()).toBe(before);
    expect(web.httpServers.map((server) => server.address())).toEqual([
      { address: '127.0.0.1', family: 'IPv4', port: web.HTTPPort },
    ]);
  });

  test('4D-054 with HTTPS enabled the same server answers wss on the HTTPS port', async () => {
    const { certificateFolder, ca } = makeCertificateFolder();
    const web = await startWebServer({ HTTPSEnabled: true, HTTPSPort: 0, certificateFolder });
    const handler = recordingServerHandler();
    const wss = WebSocketServer.new(handler, { webServer: web, path: '/chat' });
    const plain = await connectPeer(`ws://127.0.0.1:${web.HTTPPort}/chat`);
    const secure = await connectPeer(`wss://127.0.0.1:${web.HTTPSPort}/chat`, { ca });
    const [plainHandler, secureHandler] = [await handler.nextHandler(), await handler.nextHandler()];
    plain.send('plain');
    secure.send('secure');
    expect(await plainHandler.nextMessage()).toBe('plain');
    expect(await secureHandler.nextMessage()).toBe('secure');
    expect(wss!.connections).toHaveLength(2);
    wss!.connections[1]!.send('over TLS');
    expect(await secure.nextText()).toBe('over TLS');
  });

  test('4D-055 onOpen runs once with (server, {type: "open"})', async () => {
    const handler = recordingServerHandler();
    const calls = watchCalls(handler);
    const { web, wss } = await startLibraryServer(handler);
    await handler.opened();
    await outcomeAt(web.HTTPPort, '/');
    wss.terminate();
    await handler.ended();
    const [{ name, self, parameters }, ...others] = calls as [Call, ...Call[]];
    expect(name).toBe('onOpen');
    expect(parameters[0]).toBe(wss);
    expect(self).toBe(handler);
    expect(parameters.slice(1)).toEqual([{ type: 'open' }]);
    expect(others.map((call) => call.name)).not.toContain('onOpen');
  });

  test('4D-056 the variable that receives the server is set before onOpen runs', async () => {
    const web = await startWebServer();
    const seen: unknown[] = [];
    let wss: WebSocketServer<unknown> | null = null;
    const handler = recordingServerHandler({ onOpen: () => seen.push(wss) });
    wss = WebSocketServer.new(handler, { webServer: web, dataType: 'object' });
    expect(seen).toEqual([]);
    // onOpen does not run in a microtask either: code behind a settled await may assign the variable, too.
    await Promise.resolve();
    expect(seen).toEqual([]);
    await handler.opened();
    expect(seen).toEqual([wss]);
    expect(wss).toBeInstanceOf(WebSocketServer);
  });

  test('4D-057 a server without onOpen, onError and onTerminate works', async () => {
    const errors = recordErrors();
    const connection = recordingHandler();
    const { web, wss } = await startLibraryServer((_, { request }) => {
      if (request.url === '/fail') throw new Error('decision failed');
      return connection;
    });
    expect(await outcomeAt(web.HTTPPort, '/fail')).toBe(500);
    // Without onError of the server the failure is reported like other failures of user code.
    expect(errors.map(([item]) => item!.message)).toEqual(['onConnection failed: decision failed']);
    const client = await RawClient.open(web.HTTPPort);
    client.sendText('hello');
    expect(await connection.nextMessage()).toBe('hello');
    wss.terminate();
    await client.endInOrder();
    await expect.poll(() => wss.terminated).toBe(true);
    expect(connection.callbacks).toEqual(['onOpen', 'onMessage', 'onTerminate']);
  });

  test('4D-058 without a path connections on /, /a and /a/b?x=1 all reach the server', async () => {
    const handler = recordingServerHandler();
    const { web, wss } = await startLibraryServer(handler);
    expect(wss.path).toBeUndefined();
    for (const path of ['/', '/a', '/a/b?x=1']) await RawClient.open(web.HTTPPort, { path });
    expect(handler.eventsOf('connection').map(({ request }) => request.url)).toEqual(['/', '/a', '/a/b?x=1']);
    expect(wss.connections).toHaveLength(3);
  });

  test('4D-059 with path "/chat", /chat and /chat?room=1 are accepted', async () => {
    const handler = recordingServerHandler();
    const { web } = await startLibraryServer(handler, { path: '/chat' });
    expect(await outcomeAt(web.HTTPPort, '/chat')).toBe('open');
    expect(await outcomeAt(web.HTTPPort, '/chat?room=1')).toBe('open');
    expect(handler.eventsOf('connection').map(({ request }) => request.url)).toEqual(['/chat', '/chat?room=1']);
  });

  test('4D-060 with path "/chat", /other is answered with HTTP 404', async () => {
    const handler = recordingServerHandler();
    const { web } = await startLibraryServer(handler, { path: '/chat' });
    for (const path of ['/other', '/', '/chat/room', '/chatter', '/Chat', '/other?/chat']) {
      expect([path, await outcomeAt(web.HTTPPort, path)]).toEqual([path, 404]);
    }
    const peer = new UndiciPeer(`ws://127.0.0.1:${web.HTTPPort}/other`);
    expect((await peer.closed).code).toBe(1006);
    expect(peer.hasOpened).toBe(false);
    expect(handler.callbacks).not.toContain('onConnection');
  });

  test('4D-061 two servers on /a and /b work side by side, each with its own connections', async () => {
    const web = await startWebServer();
    const [a, b] = [recordingServerHandler(), recordingServerHandler()];
    const wssA = WebSocketServer.new(a, { webServer: web, path: '/a' })!;
    const wssB = WebSocketServer.new(b, { webServer: web, path: '/b' })!;
    const onA = await connectPeer(`ws://127.0.0.1:${web.HTTPPort}/a`);
    const onB = [
      await connectPeer(`ws://127.0.0.1:${web.HTTPPort}/b`),
      await connectPeer(`ws://127.0.0.1:${web.HTTPPort}/b`),
    ];
    onA.send('to a');
    onB[1]!.send('to b');
    expect(await (await a.nextHandler()).nextMessage()).toBe('to a');
    await b.nextHandler();
    expect(await (await b.nextHandler()).nextMessage()).toBe('to b');
    expect(wssA.connections).toHaveLength(1);
    expect(wssB.connections).toHaveLength(2);
    expect(wssA.connections[0]!.wss).toBe(wssA);
    expect(wssB.connections[0]!.wss).toBe(wssB);
    wssA.terminate();
    await a.ended();
    onB[0]!.send('still there');
    expect(await b.handlers[0]!.nextMessage()).toBe('still there');
    expect(wssB.terminated).toBe(false);
  });

  test.each([
    ['made first', ['/chat', undefined]],
    ['made second', [undefined, '/chat']],
  ])('4D-062 a server with a path goes before one without: %s', async (_, paths) => {
    const web = await startWebServer();
    const handlers = new Map(
      paths.map((path) => {
        const handler = recordingServerHandler();
        expect(WebSocketServer.new(handler, { webServer: web, path })).not.toBeNull();
        return [path, handler];
      }),
    );
    await RawClient.open(web.HTTPPort, { path: '/chat' });
    await RawClient.open(web.HTTPPort, { path: '/other' });
    const urls = (path: string | undefined): string[] =>
      handlers
        .get(path)!
        .eventsOf('connection')
        .map(({ request }) => request.url);
    expect(urls('/chat')).toEqual(['/chat']);
    expect(urls(undefined)).toEqual(['/other']);
  });

  test.each([
    ['/chat', '/chat'],
    ['/chat', 'chat/'],
    [undefined, undefined],
  ])('4D-063 a second server on the same path gives null and -10718: %s and %s', async (first, second) => {
    const errors = recordErrors();
    const handler = recordingServerHandler();
    const { web, wss } = await startLibraryServer(handler, { path: first });
    const late = recordingServerHandler();
    expect(WebSocketServer.new(late, { webServer: web, path: second })).toBeNull();
    expect(errors).toEqual([[{ errCode: -10_718, message: expect.any(String) as string, componentSignature: 'HTTP' }]]);
    // The first server still accepts clients.
    await RawClient.open(web.HTTPPort, { path: '/chat' });
    expect(wss.connections).toHaveLength(1);
    expect(late.callbacks).toEqual([]);
  });

  test("4D-064 after the first server's onTerminate its path can be used again", async () => {
    const errors = recordErrors();
    const first = recordingServerHandler();
    const { web, wss } = await startLibraryServer(first, { path: '/chat' });
    const client = await RawClient.open(web.HTTPPort, { path: '/chat' });
    wss.terminate();
    const options = { webServer: web, path: '/chat' } as const;
    const second = recordingServerHandler();
    expect(WebSocketServer.new(second, options)).toBeNull();
    expect(errors).toHaveLength(1);
    await client.endInOrder();
    await first.ended();
    expect(WebSocketServer.new(second, options)).toBeInstanceOf(WebSocketServer);
    expect(errors).toHaveLength(1);
    await RawClient.open(web.HTTPPort, { path: '/chat' });
    expect(second.callbacks).toEqual(['onOpen', 'onConnection']);
    expect(first.callbacks).toEqual(['onOpen', 'onConnection', 'onTerminate']);
  });

  test('4D-065 path gives the option, dataType the option or "text", handler the handler object', async () => {
    const web = await startWebServer();
    const handler = recordingServerHandler();
    const plain = WebSocketServer.new(handler, { webServer: web })!;
    expect(plain.path).toBeUndefined();
    expect(plain.dataType).toBe('text');
    expect(plain.handler).toBe(handler);
    for (const dataType of ['text', 'blob', 'object'] as const) {
      const path = `/${dataType}`;
      const wss = WebSocketServer.new(handler, { webServer: web, path, dataType: dataType as 'object' })!;
      expect(wss.path).toBe(path);
      expect(wss.dataType).toBe(dataType);
      expect(wss.handler).toBe(handler);
    }
    expect(WebSocketServer.new(handler, { webServer: web, path: 'bare/' })!.path).toBe('bare/');
  });

  test('4D-066 assigning to path, dataType or terminated changes nothing', async () => {
    const handler = recordingServerHandler();
    const { web, wss } = await startLibraryServer(handler, { path: '/chat', dataType: 'object' });
    expect(Reflect.set(wss, 'path', '/other')).toBe(false);
    expect(Reflect.set(wss, 'dataType', 'blob')).toBe(false);
    expect(Reflect.set(wss, 'terminated', true)).toBe(false);
    expect(wss.path).toBe('/chat');
    expect(wss.dataType).toBe('object');
    expect(wss.terminated).toBe(false);
    const client = await RawClient.open(web.HTTPPort, { path: '/chat' });
    client.sendText('{"a":1}');
    expect(await (await handler.nextHandler()).nextMessage()).toEqual({ a: 1 });
    expect(await outcomeAt(web.HTTPPort, '/other')).toBe(404);
  });
});

describe('accepting', () => {
  test('4D-067 each upgrade runs onConnection with (server, {type: "connection", request})', async () => {
    const handler = recordingServerHandler();
    const allCalls = watchCalls(handler);
    const { web, wss } = await startLibraryServer(handler);
    await RawClient.open(web.HTTPPort, { path: '/one' });
    await RawClient.open(web.HTTPPort, { path: '/two' });
    const calls = allCalls.filter(({ name }) => name === 'onConnection');
    expect(calls).toHaveLength(2);
    for (const { self, parameters } of calls) {
      const [parameter, event, ...others] = parameters as [unknown, ConnectionEvent];
      expect(parameter).toBe(wss);
      expect(self).toBe(handler);
      expect(others).toEqual([]);
      expect(Object.keys(event).toSorted()).toEqual(['request', 'type']);
      expect(event.type).toBe('connection');
    }
    expect(handler.eventsOf('connection').map(({ request }) => request.url)).toEqual(['/one', '/two']);
  });

  test('4D-068 request.url is "/status?name=ryan" for that request line', async () => {
    const { request } = await eventOf({ path: '/status?name=ryan' });
    expect(request.url).toBe('/status?name=ryan');
  });

  test('4D-068 request.url stays as it was sent', async () => {
    const { request } = await eventOf({ path: '/a%20b//c/../d?x=%41&x=+' });
    expect(request.url).toBe('/a%20b//c/../d?x=%41&x=+');
  });

  test('4D-069 request.query holds the parameters', async () => {
    const { request } = await eventOf({ path: '/?key1=value1&key2=value2' });
    expect({ ...request.query }).toEqual({ key1: 'value1', key2: 'value2' });
    expect(request.query['key1']).toBe('value1');
  });

  test('4D-070 without a query request.query is an empty object', async () => {
    const { request } = await eventOf({ path: '/status' });
    expect(typeof request.query).toBe('object');
    expect(Object.keys(request.query)).toEqual([]);
    const { request: bare } = await eventOf({ path: '/status?' });
    expect(Object.keys(bare.query)).toEqual([]);
  });

  test('4D-071 query values are percent-decoded', async () => {
    const { request } = await eventOf({
      path: '/?name=J%C3%B6rg%20%26%20Co&plus=a+b&sign=1%2B1&a%20key=1&same=1&same=2',
    });
    expect({ ...request.query }).toEqual({
      name: 'Jörg & Co',
      plus: 'a b',
      sign: '1+1',
      'a key': '1',
      same: ['1', '2'],
    });
  });

  test("4D-072 request.headers holds the client's headers; a repeated header is an array", async () => {
    const { request } = await eventOf({
      headers: ['X-Token: abc', 'X-Many: one', 'Cookie: a=1', 'x-many: two', 'X-Many: three'],
    });
    expect({ ...request.headers }).toEqual({
      host: 'localhost',
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version': '13',
      'x-token': 'abc',
      'x-many': ['one', 'two', 'three'],
      cookie: 'a=1',
    });
  });

  test('4D-073 header names are in lower case', async () => {
    const { request } = await eventOf({ headers: ['X-UPPER-Case: Kept As It Is'] });
    expect(request.headers['x-upper-case']).toBe('Kept As It Is');
    for (const name of Object.keys(request.headers)) expect(name).toBe(name.toLowerCase());
  });

  test.each([
    ['on an IPv4 address', '127.0.0.1', '127.0.0.1', '127.0.0.1'],
    ['over IPv4 on an IPv6 address', '::', '127.0.0.1', '127.0.0.1'],
    ['over IPv6', '::1', '::1', '::1'],
  ])("4D-074 request.remoteAddress is the client's IP address: %s", async (_, listenOn, host, expected) => {
    const web = await startWebServer({ IPAddressToListen: listenOn });
    const handler = recordingServerHandler({ onConnection: () => null });
    WebSocketServer.new(handler, { webServer: web });
    const client = await RawClient.request({ host, port: web.HTTPPort });
    await client.answered;
    expect(handler.eventsOf('connection')[0]!.request.remoteAddress).toBe(expected);
  });

  test('4D-075 a returned handler object creates a WebSocketConnection and adds it to connections', async () => {
    const handler = recordingServerHandler();
    const { url, wss } = await startLibraryServer(handler);
    expect(wss.connections).toEqual([]);
    await connectPeer(url);
    const first = await (await handler.nextHandler()).opened();
    expect(first).toBeInstanceOf(WebSocketConnection);
    expect(wss.connections).toEqual([first]);
    expect(wss.connections[0]).toBe(first);
    await connectPeer(url);
    const second = await (await handler.nextHandler()).opened();
    expect(second).not.toBe(first);
    expect(wss.connections[1]).toBe(second);
    expect(wss.connections).toHaveLength(2);
  });

  test('4D-076 returning null refuses the upgrade with HTTP 403 before any 101', async () => {
    const handler = await expectRefusal(() => null, 403);
    expect(handler.errors).toEqual([]);
  });

  test('4D-076 a promise of null refuses the upgrade with HTTP 403 too', async () => {
    const handler = await expectRefusal(() => Promise.resolve(null), 403);
    expect(handler.errors).toEqual([]);
  });

  test('4D-077 returning undefined acts as null', async () => {
    const handler = await expectRefusal(() => undefined, 403);
    expect(handler.errors).toEqual([]);
  });

  test.each([
    ['an object without it', { onOpen() {} }],
    ['one that is no function', { onMessage: 'yes' }],
    ['a text', 'handler'],
    ['true', true],
    ['a promise of an object without it', Promise.resolve({})],
  ])("4D-078 without a callable onMessage: HTTP 500, and the server's onError with one item: %s", async (_, answer) => {
    const handler = await expectRefusal(() => answer, 500);
    // Three clients sent a request.
    expect(handler.errors).toHaveLength(3);
    for (const { type, errors } of handler.errors) {
      expect(type).toBe('error');
      expect(errors).toEqual([
        { errCode: -20_005, message: expect.stringContaining('onMessage') as string, componentSignature: 'HTTP' },
      ]);
    }
  });

  test.each([
    [
      'throwing',
      () => {
        throw new Error('no idea');
      },
    ],
    ['rejecting', () => Promise.reject(new Error('no idea'))],
    [
      'rejecting later',
      async () => {
        await turns(3);
        throw new Error('no idea');
      },
    ],
  ])(
    "4D-079 onConnection %s: HTTP 500 for that client, the server's onError, and others are accepted",
    async (_, fail) => {
      const handler = await expectRefusal(fail, 500);
      expect(handler.errors).toHaveLength(3);
      for (const { errors, error } of handler.errors) {
        expect(errors).toEqual([
          { errCode: 1011, message: 'onConnection failed: no idea', componentSignature: 'host' },
        ]);
        expect((error.cause as Error).message).toBe('no idea');
      }
    },
  );

  test('4D-080 onOpen runs with (conn, {type: "open"}) after onConnection returned and the 101 was written', async () => {
    const order: string[] = [];
    const isOpenAtPeer = createDeferred();
    const connection = recordingHandler({
      onOpen: async (ws) => {
        order.push('onOpen');
        ws.send('from onOpen');
        // onOpen goes on only when the peer has received the 101.
        await isOpenAtPeer.promise;
        order.push('onOpen is over');
      },
    });
    const calls = watchCalls(connection);
    const { web, wss } = await startLibraryServer({
      onConnection: () => {
        order.push('onConnection');
        return connection;
      },
    });
    const client = await RawClient.request(web.HTTPPort);
    const { status, lines } = await client.answered;
    expect(status).toBe(101);
    expect(lines).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    order.push('101');
    isOpenAtPeer.resolve();
    expect(await client.nextText()).toBe('from onOpen');
    await turns();
    expect(order).toEqual(['onConnection', 'onOpen', '101', 'onOpen is over']);
    const [{ name, self, parameters }] = calls as [Call];
    expect(name).toBe('onOpen');
    expect(parameters[0]).toBe(wss.connections[0]);
    expect(self).toBe(connection);
    expect(parameters.slice(1)).toEqual([{ type: 'open' }]);
  });

  test('4D-081 the connection is already in wss.connections during onOpen', async () => {
    const seen: boolean[] = [];
    const connection = recordingHandler({
      onOpen: (ws) => void seen.push((ws as WebSocketConnection<never>).wss.connections.includes(ws as never)),
    });
    const { url } = await startLibraryServer(() => connection);
    await connectPeer(url);
    await connectPeer(url);
    expect(seen).toEqual([true, true]);
  });

  test('4D-082 a message sent right after the handshake arrives after onOpen', async () => {
    const isOpen = createDeferred();
    const connection = recordingHandler({ onOpen: () => isOpen.promise });
    const { web } = await startLibraryServer(() => connection);
    // The messages are in the segment of the request, and arrive before the server has decided.
    const client = await RawClient.open(web.HTTPPort, { behind: Buffer.concat([text('one'), text('two')]) });
    client.sendText('three');
    await turns();
    expect(connection.callbacks).toEqual(['onOpen']);
    isOpen.resolve();
    expect(await connection.nextMessages(3)).toEqual(['one', 'two', 'three']);
    expect(connection.callbacks).toEqual(['onOpen', 'onMessage', 'onMessage', 'onMessage']);
  });

  test('4D-082 a part of a message in the segment of the handshake is not lost', async () => {
    const handler = recordingServerHandler();
    const { web } = await startLibraryServer(handler);
    const message = text('in two parts');
    const client = await RawClient.open(web.HTTPPort, { behind: message.subarray(0, 3) });
    client.socket.write(message.subarray(3));
    const connection = await handler.nextHandler();
    expect(await connection.nextMessage()).toBe('in two parts');
    expect(connection.callbacks).toEqual(['onOpen', 'onMessage']);
  });

  test('4D-083 a Promise returned by onConnection is awaited, and messages wait', async () => {
    const connection = recordingHandler();
    const decision = createDeferred<RecordingHandler<unknown>>();
    const handler = recordingServerHandler({
      onConnection: (_, { request }) => (request.url === '/slow' ? decision.promise : { onMessage() {} }),
    });
    const { web, wss } = await startLibraryServer(handler);
    const client = await RawClient.request(web.HTTPPort, { path: '/slow', behind: text('one') });
    client.sendText('two');
    // Other clients are served meanwhile.
    await RawClient.open(web.HTTPPort);
    await turns();
    expect(client.hasAnswer).toBe(false);
    expect(wss.connections).toHaveLength(1);
    expect(connection.callbacks).toEqual([]);
    decision.resolve(connection);
    expect((await client.answered).status).toBe(101);
    expect(await connection.nextMessages(2)).toEqual(['one', 'two']);
    expect(connection.callbacks).toEqual(['onOpen', 'onMessage', 'onMessage']);
    expect(wss.connections).toHaveLength(2);
  });
});
