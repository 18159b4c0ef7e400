import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer } from 'node:http';
import { connect as connectSocket } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  currentProcessName,
  refuse,
  type RefuseEvent,
  type ServerHandler,
  type WebServerSettings,
  WebSocketServer,
  type WebSocketServerOptions,
} from '../../src/index.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { recordErrors } from '../helpers/error-handlers.ts';
import { errorOf } from '../helpers/error-of.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { handshakeRequest, type RequestOptions } from '../helpers/handshake-request.ts';
import { Inbox } from '../helpers/inbox.ts';
import { startWebServer } from '../helpers/library-server.ts';
import { expectNoDeadlines } from '../helpers/leftovers.ts';
import { closePayload, RawClient } from '../helpers/raw-client.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { runInWorker, workerName } from '../helpers/workers.ts';

const NEVER = new Promise<never>(() => {});

interface Trial {
  readonly options?: WebSocketServerOptions;
  readonly settings?: WebServerSettings;
  readonly request?: RequestOptions;
  readonly onConnection?: ServerHandler['onConnection'];
  readonly status: number;
  /** What the advice names. */
  readonly advice: string;
}

const trials: readonly (readonly [cause: RefuseEvent['cause'], name: string, trial: Trial])[] = [
  [
    'origin',
    'a page of another host',
    {
      request: { headers: ['Origin: http://App.example'] },
      status: 403,
      advice: "pass origins: ['http://app.example']",
    },
  ],
  [
    'origin',
    'a page that is not listed',
    {
      options: { origins: ['https://a.example'] },
      request: { headers: ['Origin: https://b.example:8443'] },
      status: 403,
      advice: "pass origins: ['https://b.example:8443']",
    },
  ],
  [
    'origin',
    'a page that a function denies',
    {
      options: { origins: () => false },
      request: { headers: ['Origin: http://a.example'] },
      status: 403,
      advice: 'function',
    },
  ],
  [
    'origin',
    'a page without a host',
    { request: { headers: ['Origin: null'] }, status: 403, advice: 'origins: "*" or a function lets it in.' },
  ],
  [
    'host',
    'another host',
    { options: { hosts: ['a.example'] }, status: 421, advice: 'Add "localhost" to the option hosts' },
  ],
  [
    'host',
    'another host of the web server',
    { settings: { hosts: ['a.example'] }, status: 421, advice: 'Add "localhost" to the option hosts' },
  ],
  ['handler', 'null', { onConnection: () => null, status: 403, advice: 'onConnection returned null' }],
  ['handler', 'refuse()', { onConnection: () => refuse(402, 'pay first'), status: 402, advice: 'returned refuse(402' }],
  [
    'limit',
    'a full server',
    { options: { maxConnections: 1 }, onConnection: () => NEVER, status: 503, advice: 'Raise maxConnections' },
  ],
  [
    'limit',
    'a busy address',
    {
      options: { maxConnectionsPerAddress: 1 },
      onConnection: () => NEVER,
      status: 429,
      advice: 'Raise maxConnectionsPerAddress',
    },
  ],
  [
    'limit',
    'many handshakes',
    { options: { maxPendingHandshakes: 1 }, onConnection: () => NEVER, status: 503, advice: 'maxPendingHandshakes' },
  ],
  ['handshake', 'no key', { request: { without: ['Sec-WebSocket-Key'] }, status: 400, advice: 'Sec-WebSocket' }],
  [
    'handshake',
    'no common subprotocol',
    {
      options: { protocols: ['a'] },
      request: { headers: ['Sec-WebSocket-Protocol: b'] },
      status: 400,
      advice: 'the option protocols',
    },
  ],
  [
    'handshake',
    'contradictory proxies',
    {
      options: { trustedProxies: ['127.0.0.1'] },
      request: { headers: ['Forwarded: for=192.0.2.1', 'X-Forwarded-For: 192.0.2.2'] },
      status: 400,
      advice: 'trustedProxies',
    },
  ],
  [
    'error',
    'a failing onConnection',
    {
      onConnection: () => {
        throw new Error('on purpose');
      },
      status: 500,
      advice: 'onError',
    },
  ],
  [
    'timeout',
    'a slow onConnection',
    { options: { handshakeTimeoutMs: 1 }, onConnection: () => NEVER, status: 503, advice: 'raise handshakeTimeoutMs' },
  ],
];

/** Starts a server on a web server of its own. Returns its port and what its onRefuse gets. */
async function start(
  handler: Partial<ServerHandler<unknown>>,
  options: WebSocketServerOptions = {},
  settings?: WebServerSettings,
): Promise<{ wss: WebSocketServer<unknown>; port: number; events: Inbox<RefuseEvent> }> {
  const events = new Inbox<RefuseEvent>();
  const web = await startWebServer(settings);
  const wss = WebSocketServer.new(
    { onConnection: () => null, onRefuse: (_, event) => events.push(event), ...handler },
    { ...options, dataType: 'object', webServer: web },
  );
  return { wss: wss!, port: web.HTTPPort, events };
}

describe('onRefuse', () => {
  test.each(trials)('4D-198 hears of a refusal by %s: %s', async (cause, _, { status, advice, ...trial }) => {
    const { onConnection = () => null, options, settings, request = {} } = trial;
    recordErrors('global');
    const { port, events } = await start({ onConnection }, options, settings);
    const [clients, path] = [[], '/?a=1'] as [RawClient[], string];
    // The first client of a limit is let in, and waits.
    const clientCount = cause === 'limit' ? 2 : 1;
    while (clients.length < clientCount) clients.push(await RawClient.request(port, { ...request, path }));
    const answer = await clients.at(-1)!.answered;
    const event = await events.next();
    expect(event).toMatchObject({
      type: 'refuse',
      status,
      cause,
      reason: answer.body.trimEnd(),
      advice: expect.stringContaining(advice) as string,
      request: { url: path, query: { a: '1' }, remoteAddress: '127.0.0.1' },
      suppressed: 0,
    });
    expect(answer.status).toBe(status);
    expect([Object.isFrozen(event), Object.isFrozen(event.request)]).toEqual([true, true]);
    expect(answer.body).not.toContain(event.advice);
  });

  test('4D-198 hears of clients that wait when the server ends, and of those that come then, before onTerminate', async () => {
    const asked = new Inbox<string>();
    const names = new Inbox<string>();
    const opened = createDeferred();
    const { wss, port } = await start({
      onConnection: (_, { request }) => {
        asked.push(request.url);
        return request.url === '/wait' ? NEVER : { onMessage() {}, onOpen: () => opened.resolve() };
      },
      onRefuse: (_, { cause, request }) => names.push(`${cause} ${request.url}`),
      onTerminate: () => names.push('onTerminate'),
    });
    const open = await RawClient.open(port, { path: '/open' });
    await RawClient.request(port, { path: '/wait' });
    await asked.atLeast(2);
    await opened.promise;
    wss.terminate();
    expect(names.all).toEqual([]);
    const late = await RawClient.request(port, { path: '/late' });
    expect((await late.answered).status).toBe(503);
    await open.endInOrder();
    expect(await names.atLeast(3)).toEqual(['closing /wait', 'closing /late', 'onTerminate']);
  });

  test('4D-198 hears of a request that was held behind answers for too long', async () => {
    const clock = useFakeClock();
    const events = new Inbox<RefuseEvent>();
    const http = createServer(() => {});
    const port = await listen(http);
    const handler = { onConnection: () => null, onRefuse: (_: unknown, event: RefuseEvent) => events.push(event) };
    WebSocketServer.new(handler, { webServer: http });
    const requested = createDeferred();
    http.on('request', () => requested.resolve());
    const client = new RawClient(connectSocket(port, '127.0.0.1'));
    onTestFinished(() => void client.socket.destroy());
    client.socket.write(`GET /slow HTTP/1.1\r\nHost: a\r\n\r\n${handshakeRequest()}`);
    await requested.promise;
    await clock.advance(10_100);
    expect(await events.next()).toMatchObject({
      cause: 'timeout',
      advice: expect.stringContaining('cut') as string,
      request: { remoteAddress: '127.0.0.1' },
    });
    await client.closed;
  });

  test('4D-198 comes after onError, in the worker and the contexts of the server', async () => {
    const tenant = new AsyncLocalStorage<string>();
    const calls = new Inbox<string>();
    const web = await startWebServer();
    const record = (name: string): void => calls.push(`${name} in ${currentProcessName()} of ${tenant.getStore()}`);
    const name = workerName();
    await runInWorker(name, () =>
      tenant.run('a', () =>
        WebSocketServer.new(
          {
            onConnection: (_, { request }) =>
              request.url === '/bad' ? ({} as never) : Promise.reject(new Error('no')),
            onError: async () => {
              record('onError');
              await Promise.resolve();
              record('the end of onError');
            },
            onRefuse: () => record('onRefuse'),
          },
          { webServer: web },
        ),
      ),
    );
    for (const path of ['/bad', '/rejects']) await (await RawClient.request(web.HTTPPort, { path })).answered;
    const one = ['onError', 'the end of onError', 'onRefuse'].map((call) => `${call} in ${name} of a`);
    expect(await calls.atLeast(6)).toEqual([...one, ...one]);
  });

  test('4D-198 is looked up in the contexts of the server, whoever ends it', async () => {
    const tenant = new AsyncLocalStorage<string>();
    const contexts = new Inbox<string | undefined>();
    const web = await startWebServer();
    const asked = createDeferred();
    const handler: ServerHandler = {
      onConnection() {
        asked.resolve();
        return NEVER;
      },
      get onRefuse() {
        contexts.push(tenant.getStore());
        return () => {};
      },
    };
    const wss = tenant.run('server', () => WebSocketServer.new(handler, { webServer: web, warnings: false })!);
    const client = await RawClient.request(web.HTTPPort);
    await asked.promise;
    tenant.run('caller', () => wss.terminate(0));
    expect((await client.answered).status).toBe(503);
    expect(new Set(contexts.all)).toEqual(new Set(['server']));
  });

  test.each(['throws', 'rejects'])('4D-198 is not awaited, and what it %s goes to the error handler', async (how) => {
    const reported = recordErrors('global');
    const terminated = createDeferred();
    const called = new Inbox<void>();
    const { wss, port } = await start({
      onRefuse: () => {
        called.push();
        if (called.all.length === 1) return NEVER;
        if (how === 'rejects') return Promise.reject(new Error('on purpose'));
        throw new Error('on purpose');
      },
      onTerminate: () => terminated.resolve(),
    });
    await (
      await RawClient.request(port)
    ).answered;
    await (
      await RawClient.request(port)
    ).answered;
    await called.atLeast(2);
    wss.terminate();
    await terminated.promise;
    expect(reported).toMatchObject([[{ message: expect.stringContaining('onRefuse') as string }]]);
  });

  test('4D-198 is called 100 times a second at most, and then says how many were left out', async () => {
    const clock = useFakeClock();
    const { port, events } = await start({});
    const refuseMany = async (count: number): Promise<void> => {
      const clients = await Promise.all(Array.from({ length: count }, () => RawClient.request(port)));
      await Promise.all(clients.map(({ answered }) => answered));
    };
    await refuseMany(60);
    await clock.advance(600);
    await refuseMany(70);
    await events.atLeast(100);
    await clock.advance(390);
    await refuseMany(1);
    expect(events.all).toHaveLength(100);
    await clock.advance(20);
    await refuseMany(2);
    await events.atLeast(102);
    await clock.advance(0);
    expect(events.all.map(({ suppressed }) => suppressed)).toEqual([...Array<number>(100).fill(0), 31, 0]);
  });

  test('4D-198 calls that wait for another callback count, so that a flood does not fill memory', async () => {
    const clock = useFakeClock();
    const opening = createDeferred();
    const { port, events } = await start({ onOpen: () => opening.promise });
    for (let i = 0; i < 120; i++) {
      await (
        await RawClient.request(port, { without: ['Sec-WebSocket-Key'] })
      ).answered;
      await clock.advance(20);
    }
    opening.resolve();
    await events.atLeast(100);
    await clock.advance(1100);
    await (
      await RawClient.request(port)
    ).answered;
    expect((await events.atLeast(101)).at(-1)!.suppressed).toBe(20);
  });
});

function spyOnWarnings(): ReturnType<typeof vi.spyOn> {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  onTestFinished(() => warn.mockRestore());
  return warn;
}

describe('a path that no server has', () => {
  test('4D-198 is told by one warning of each HTTP server, which names the paths that there are', async () => {
    const warn = spyOnWarnings();
    const { port, events } = await start({}, { path: '/chat' });
    for (const path of ['/caht', '/caht?token=secret']) {
      expect((await (await RawClient.request(port, { path })).answered).status).toBe(404);
    }
    expect(warn).toHaveBeenCalledOnce();
    expect(warn.mock.calls[0]![0]).toContain('The paths of this HTTP server are "/chat".');
    expect(events.all).toEqual([]);
  });

  test('4D-198 is not told when another listener takes the request', async () => {
    const clock = useFakeClock();
    const warn = spyOnWarnings();
    const http = createServer();
    const port = await listen(http);
    WebSocketServer.new({ onConnection: () => null }, { webServer: http, path: '/chat' });
    http.on('upgrade', ({ url }, socket) => {
      if (url === '/theirs') socket.end('HTTP/1.1 204 No Content\r\n\r\n');
    });
    expect((await (await RawClient.request(port, { path: '/theirs' })).answered).status).toBe(204);
    await clock.advance(30_100);
    expect(warn).not.toHaveBeenCalled();
    const forgotten = await RawClient.request(port, { path: '/nobodys' });
    await clock.advance(0);
    await clock.advance(30_100);
    expect((await forgotten.answered).status).toBe(404);
    expect(warn).toHaveBeenCalledOnce();
  });
});

describe('refuse() with a closeCode', () => {
  const ORIGIN = 'Origin: http://localhost';
  const answer = refuse(401, { closeCode: 4401, reason: 'sign in' }, { 'x-why': 'no session' });

  test('4D-224 lets a page in and closes it at once with code and reason, without any callback of a connection', async () => {
    const { wss, port, events } = await start({ onConnection: () => answer }, { compression: true });
    const client = await RawClient.open(port, {
      headers: [ORIGIN, 'Sec-WebSocket-Extensions: permessage-deflate', 'Sec-WebSocket-Protocol: bearer.secret, chat'],
      behind: Buffer.from('818000000000', 'hex'),
    });
    const { headers } = await client.answered;
    // Chrome fails a connection without a subprotocol when it has offered some, and a token must not be repeated.
    expect(headers.get('sec-websocket-protocol')).toBe('chat');
    expect([headers.has('sec-websocket-extensions'), headers.has('x-why')]).toEqual([false, false]);
    expect(await client.nextFrame()).toBe(`88 ${closePayload(4401, 'sign in')}`);
    client.sendClose(4401);
    await client.ended;
    client.socket.end();
    expect(await client.closed).toBeUndefined();
    expect(await events.next()).toMatchObject({ status: 401, cause: 'handler', reason: 'sign in' });
    expect(wss.connections).toEqual([]);
  });

  test('4D-224 gives other clients the status, with headers and body', async () => {
    const onConnection = vi.fn(() => refuse(401, { closeCode: 4401, body: { error: 'who?' } }));
    const { port } = await start({ onConnection: onConnection.mockReturnValueOnce(answer) });
    const first = await (await RawClient.request(port)).answered;
    expect([first.status, first.body, first.headers.get('x-why')]).toEqual([401, 'sign in\n', 'no session']);
    const second = await (await RawClient.request(port)).answered;
    expect([second.status, second.body]).toEqual([401, '{"error":"who?"}']);
  });

  test('4D-224 takes no place of maxConnections, and cuts a page off that does not answer within 5 s', async () => {
    const clock = useFakeClock();
    const http = createServer();
    const port = await listen(http);
    const options = { webServer: http, maxConnections: 1, maxConnectionsPerAddress: 1 };
    WebSocketServer.new({ onConnection: () => answer }, options);
    const clients = [];
    for (let i = 0; i < 3; i++) clients.push(await RawClient.open(port, { headers: [ORIGIN] }));
    for (const client of clients) await client.nextClose();
    clients[0]!.sendClose(4401);
    clients[1]!.sendText('never read');
    const countSockets = promisify(http.getConnections.bind(http));
    await clock.advance(4900);
    expect(await countSockets()).toBe(3);
    await clock.advance(200);
    for (const client of clients) await client.ended;
    expect(await countSockets()).toBe(0);
    await expectNoDeadlines();
  });

  test.each<[problem: string, code: string, options: object]>([
    ['the code must be 1000 or', 'ERR_INVALID_REFUSAL', { closeCode: 1001 }],
    ['the code must be 1000 or', 'ERR_INVALID_REFUSAL', { closeCode: 2999 }],
    ['the code must be 1000 or', 'ERR_INVALID_REFUSAL', { closeCode: 5000 }],
    ['the code must be 1000 or', 'ERR_INVALID_REFUSAL', { closeCode: '4401' }],
    ['the code must be 1000 or', 'ERR_INVALID_REFUSAL', { closeCode: undefined }],
    ['the reason must be a string', 'ERR_INVALID_REFUSAL', { closeCode: 4401, reason: 5 }],
    ['the body must be', 'ERR_INVALID_REFUSAL', { closeCode: 4401, body: 5 }],
    ['there is no option "closecode"', 'ERR_INVALID_OPTION', { closecode: 4401, reason: 'a' }],
    ['there is no option "reasons"', 'ERR_INVALID_OPTION', { closeCode: 4401, reasons: 'a' }],
  ])('4D-224 checks what it is given: %s', (problem, code, options) => {
    expect(errorOf(() => refuse(401, options))).toMatchObject({
      code,
      message: expect.stringContaining(problem) as string,
    });
  });

  test('4D-224 cuts a long reason between characters, and leaves other objects as they are', async () => {
    const { port } = await start({
      onConnection: (_, { request }) =>
        request.url === '/json'
          ? refuse(401, { reason: 'a' })
          : refuse(401, { closeCode: 3000, reason: 'é'.repeat(100) }),
    });
    const page = await RawClient.open(port, { headers: [ORIGIN] });
    expect(await page.nextFrame()).toBe(`88 ${closePayload(3000, 'é'.repeat(61))}`);
    const json = await RawClient.request(port, { headers: [ORIGIN], path: '/json' });
    expect((await json.answered).body).toBe('{"reason":"a"}');
  });
});
