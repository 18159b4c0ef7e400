import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type RequestInfo, WebSocket, WebSocketServer } from '../../src/index.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { startWebServer } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { turns } from '../helpers/turns.ts';
import { upgradeWays } from '../helpers/upgrade-ways.ts';

/** Servers on one web server, each by its path, and a function that tells which one answers. */
async function startPaths(paths: readonly (string | undefined)[]) {
  const web = await startWebServer();
  const seen: { path: string | undefined; request: RequestInfo }[] = [];
  for (const path of paths) {
    const onConnection = (_: unknown, { request }: { request: RequestInfo }): { onMessage(): void } => {
      seen.push({ path, request });
      return { onMessage() {} };
    };
    WebSocketServer.new({ onConnection }, { webServer: web, path });
  }
  return {
    port: web.HTTPPort,
    web,
    answers: async (target: string) => {
      const client = await RawClient.request(web.HTTPPort, { path: target });
      const { status } = await client.answered;
      const { path, request } = seen.pop() ?? {};
      if (status !== 101) return status;
      return request === undefined ? undefined : [path, { ...request.params }];
    },
  };
}

describe('a request whose Upgrade is not websocket', () => {
  const H2C = 'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n';

  test.each(upgradeWays.filter(({ name }) => !name.includes('lenient')))(
    '4D-192 is answered as if no WebSocketServer were attached: $name',
    async ({ start }) => {
      const { server, port, ca } = await start();
      const own = server.listeners('request');
      server.removeAllListeners('request');
      server.on('request', (request, response) => {
        void text(request).then((body) =>
          response.end(JSON.stringify([request.method, request.url, body, request.headers['x-a']])),
        );
      });
      onTestFinished(() => {
        for (const listener of own) server.on('request', listener as () => void);
      });
      WebSocketServer.new({ onConnection: () => ({ onMessage() {} }) }, { webServer: server });
      const requests: readonly (readonly [text: string, answer: readonly unknown[]])[] = [
        [
          `GET /a HTTP/1.1\r\nHost: h\r\nConnection: close, Upgrade, HTTP2-Settings\r\n${H2C}X-A: 1\r\n\r\n`,
          ['GET', '/a', '', '1'],
        ],
        [
          `POST /b HTTP/1.1\r\nHost: h\r\nConnection: close, Upgrade\r\n${H2C}Content-Length: 5\r\n\r\nhello`,
          ['POST', '/b', 'hello', null],
        ],
        [
          'PUT /c HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, close\r\nUpgrade: TLS/1.0\r\n' +
            'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
          ['PUT', '/c', 'hello', null],
        ],
      ];
      for (const [request, answer] of requests) {
        const socket =
          ca === undefined
            ? connect(port, '127.0.0.1')
            : connectTls({ host: '127.0.0.1', port, ca, servername: 'localhost' });
        onTestFinished(() => void socket.destroy());
        socket.write(request);
        const answered = await text(socket);
        expect(answered).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
        expect(JSON.parse(/\[.*\]/.exec(answered)![0])).toEqual(answer);
      }
    },
  );

  test.each(upgradeWays.filter(({ name }) => !name.includes('lenient')))(
    '4D-192 leaves WebSockets on the same server alone, and the server as it was afterwards: $name',
    async ({ start }) => {
      const { server, port, ca } = await start();
      const before = (server as { shouldUpgradeCallback?: unknown }).shouldUpgradeCallback;
      const wss = WebSocketServer.new({ onConnection: () => ({ onMessage() {} }) }, { webServer: server })!;
      const ws = await WebSocket.new(`${ca === undefined ? 'ws' : 'wss'}://localhost:${port}`, {}, { tls: { ca } });
      expect(ws?.status).toBe('Connected');
      await wss.drain();
      expect((server as { shouldUpgradeCallback?: unknown }).shouldUpgradeCallback).toBe(before);
      expect(server.listenerCount('upgrade')).toBe(0);
    },
  );
});

describe('a path is compared as what it means', () => {
  test.each([
    ['/café', '/caf%C3%A9'],
    ['/caf%c3%a9', '/caf%C3%A9?x=1'],
    ['/my chat', '/my%20chat'],
    ['/my%20chat/', '/my%20chat'],
    ['/a%2Fb', '/a%2fb'],
    ['/%zz', '/%zz'],
  ])('4D-193 %s answers %s', async (path, target) => {
    const { answers } = await startPaths([path]);
    expect(await answers(target)).toEqual([path, {}]);
  });

  test.each([
    ['/a/b', '/a%2Fb'],
    ['/Chat', '/chat'],
    ['/b', '/a/../b'],
  ])('4D-193 %s does not answer %s', async (path, target) => {
    const { answers } = await startPaths([path]);
    expect(await answers(target)).toBe(404);
  });

  test.each([
    ['/café', '/caf%C3%A9'],
    ['/my chat', 'my%20chat/'],
    ['/rooms/:room', '/rooms/:id'],
    ['', undefined],
  ])('4D-193 %s and %s are duplicates', async (one, other) => {
    const web = await startWebServer();
    const create = (path: string | undefined) =>
      WebSocketServer.new({ onConnection: () => null }, { webServer: web, path });
    create(one);
    expect(() => create(other)).toThrow(expect.objectContaining({ errCode: -10_718 }));
  });

  test('4D-193 the client reaches a path as its user writes it', async () => {
    const { port } = await startPaths(['/café/my chat']);
    const ws = await WebSocket.new(`ws://127.0.0.1:${port}/café/my chat`);
    expect(ws?.status).toBe('Connected');
    ws?.terminate();
  });
});

describe('a path may be a pattern', () => {
  test('4D-194 its parameters are decoded, and the first segment that differs decides', async () => {
    const paths = ['/rooms/lobby', '/rooms/:room', '/rooms/:room/:user', '/rooms/*', '/*', undefined];
    const { answers } = await startPaths(paths);
    expect(await answers('/rooms/lobby')).toEqual(['/rooms/lobby', {}]);
    expect(await answers('/rooms/caf%C3%A9')).toEqual(['/rooms/:room', { room: 'café' }]);
    expect(await answers('/rooms/a%2Fb/ann')).toEqual(['/rooms/:room/:user', { room: 'a/b', user: 'ann' }]);
    expect(await answers('/rooms/a/b/c')).toEqual(['/rooms/*', { '*': 'a/b/c' }]);
    expect(await answers('/x')).toEqual(['/*', { '*': 'x' }]);
    expect(await answers('/')).toEqual([undefined, {}]);
  });

  test('4D-194 .path shows what was passed, and connection.request has the parameters too', async () => {
    const web = await startWebServer();
    const wss = WebSocketServer.new({ onConnection: () => ({ onMessage() {} }) }, { webServer: web, path: 'r/:id' })!;
    await RawClient.open(web.HTTPPort, { path: '/r/7' });
    expect(wss.path).toBe('r/:id');
    expect(wss.connections[0]!.request.params['id']).toBe('7');
    expect(Object.getPrototypeOf(wss.connections[0]!.request.params)).toBeNull();
  });

  test.each(['/:a/:a', '/{room}', '/a?', '/(a)', '/a+'])('4D-194 %s is ERR_INVALID_OPTION', async (path) => {
    const web = await startWebServer();
    expect(() => WebSocketServer.new({ onConnection: () => null }, { webServer: web, path })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION' }),
    );
  });
});

async function startBeside(
  options: { readonly path: string | undefined },
  listener: (url: string, socket: Duplex) => void,
) {
  const web = await startWebServer();
  web.httpServers[0]!.on('upgrade', (request, socket) => {
    listener(request.url ?? '', socket);
    onTestFinished(() => void socket.destroy());
  });
  WebSocketServer.new({ onConnection: () => ({ onMessage() {} }) }, { ...options, webServer: web });
  return web.HTTPPort;
}

describe('beside another upgrade listener', () => {
  test('4D-195 a request that nobody has answered within 30 s gets 404', async () => {
    const clock = useFakeClock();
    const port = await startBeside({ path: '/mine' }, (url, socket) => {
      if (url === '/written') socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
      if (url === '/read') socket.on('data', () => {});
    });
    const [forgotten, written, read] = await Promise.all(
      ['/forgotten', '/written', '/read'].map((path) => RawClient.request(port, { path })),
    );
    await turns(10);
    await clock.advance(29_900);
    expect(forgotten!.hasAnswer).toBe(false);
    await clock.advance(200);
    expect((await forgotten!.answered).status).toBe(404);
    expect((await written!.answered).status).toBe(101);
    expect(read!.hasAnswer).toBe(false);
  });

  test.each([
    [undefined, 1],
    ['/a', 0],
  ])('4D-195 a server with the path %s warns %i times', async (path, count) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    onTestFinished(() => warn.mockRestore());
    const port = await startBeside({ path }, () => {});
    await RawClient.open(port, { path: '/a' });
    await RawClient.open(port, { path: '/a' });
    expect(warn).toHaveBeenCalledTimes(count);
  });
});
