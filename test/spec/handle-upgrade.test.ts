import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Duplex, PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type RefuseEvent, tryExpr, WebSocketServer, type WebSocketServerOptions } from '../../src/index.ts';
import { PendingAnswers } from '../../src/http/pending-answers.ts';
import { recordingServerHandler } from '../../src/testing.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { errorOf } from '../helpers/error-of.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { frame } from '../helpers/frames.ts';
import { handshakeRequest, type RequestOptions } from '../helpers/handshake-request.ts';
import { throwingProxy } from '../helpers/hostile-values.ts';
import { Inbox } from '../helpers/inbox.ts';
import { dropGarbage } from '../helpers/memory.ts';
import { PlainClient } from '../helpers/plain-client.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';

type Upgrade = [request: IncomingMessage, socket: Duplex, head: Buffer];

const ECHO = { onMessage: (ws: { send(text: string): void }, { data }: { data: string }) => ws.send(data) };

/** Starts a server that hangs on nothing and echoes. */
function create(
  options: WebSocketServerOptions = {},
  onConnection: () => unknown = () => ECHO,
): { wss: WebSocketServer; events: Inbox<RefuseEvent> } {
  const events = new Inbox<RefuseEvent>();
  const handler = {
    onConnection: onConnection as () => null,
    onRefuse: (_: unknown, event: RefuseEvent) => events.push(event),
  };
  return { wss: WebSocketServer.new(handler, { webServer: null, ...options } as { dataType?: 'text' })!, events };
}

/** Starts an HTTP server whose upgrade requests the test handles. */
async function startHttp(
  onUpgrade: (...upgrade: Upgrade) => unknown,
  onRequest: RequestListener = (_, response) => response.end(),
): Promise<number> {
  const http = createServer(onRequest);
  http.on('upgrade', (...upgrade) => void onUpgrade(...upgrade));
  return listen(http);
}

/** A request with the headers of another one and some more, as another parser may give them. */
function withHeaders(
  { method, url, httpVersion, headers }: IncomingMessage,
  more: object,
  rawHeaders?: readonly unknown[],
): IncomingMessage {
  return { method, url, httpVersion, headers: { ...headers, ...more }, rawHeaders } as IncomingMessage;
}

/** Asks for an upgrade. Resolves to what the 'upgrade' event gives, and the client. */
async function receiveUpgrade(): Promise<{ upgrade: Upgrade; client: RawClient }> {
  const received = createDeferred<Upgrade>();
  const port = await startHttp((...upgrade) => received.resolve(upgrade));
  const client = await RawClient.request(port, { path: '/a' });
  return { client, upgrade: await received.promise };
}

describe('handleUpgrade()', () => {
  test('4D-225 gives each upgrade to the server that the program chooses, also later, with the bytes behind it', async () => {
    const { wss: chat } = create();
    const { wss: status } = create({}, () => ({
      ...ECHO,
      onOpen: (ws: { send(text: string): void }) => ws.send('ok'),
    }));
    const port = await startHttp(async (request, socket, head) => {
      socket.on('error', () => {});
      await turns(3);
      const bytes = new Uint8Array([0, ...head]).subarray(1);
      (request.url === '/status' ? status : chat).handleUpgrade(request, socket, bytes);
    });
    const client = await RawClient.open(port, { path: '/x', behind: frame('client', '81', Buffer.from('early')) });
    expect(await client.nextText()).toBe('early');
    const other = await RawClient.open(port, { path: '/status' });
    expect(await other.nextText()).toBe('ok');
    expect([chat.connections.length, status.connections.length]).toEqual([1, 1]);
    expect([chat.url, chat.path]).toEqual([undefined, undefined]);
  });

  test.each<[name: string, status: number, options: WebSocketServerOptions, request: RequestOptions]>([
    ['the handshake', 400, {}, { without: ['Sec-WebSocket-Key'] }],
    ['the host', 421, { hosts: ['a.example'] }, {}],
    ['the origin', 403, {}, { headers: ['Origin: http://a.example'] }],
    ['the limits', 503, { maxConnections: 1 }, {}],
    ['the path, where it is given', 404, { path: '/chat/:room' }, { path: '/other' }],
    ['a path that is right', 101, { path: '/chat/:room' }, { path: '/chat/a' }],
  ])('4D-225 checks %s', async (name, status, options, request) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    onTestFinished(() => warn.mockRestore());
    const { wss, events } = create(options);
    const port = await startHttp((...upgrade) => wss.handleUpgrade(...upgrade));
    if (name === 'the limits') await RawClient.open(port);
    expect((await (await RawClient.request(port, request)).answered).status).toBe(status);
    if (status !== 404 && status !== 101) expect(await events.next()).toMatchObject({ status });
    expect(warn).toHaveBeenCalledTimes(status === 404 ? 1 : 0);
  });

  test('4D-225 refuses a request that may have lost headers', async () => {
    const { upgrade, client } = await receiveUpgrade();
    const [request, socket, head] = upgrade;
    const { method, url, httpVersion, headers } = request;
    const rawHeaders = Array<string>(2000).fill('x');
    create().wss.handleUpgrade({ method, url, httpVersion, headers, rawHeaders } as IncomingMessage, socket, head);
    expect((await client.answered).status).toBe(431);
  });

  test('4D-225 takes a socket once, whoever has taken it', async () => {
    const http = createServer();
    const port = await listen(http);
    const { wss } = create({ webServer: http, path: '/hangs' });
    const { wss: beside } = create();
    const errors = new Inbox<string>();
    const take = (...upgrade: Upgrade): void => {
      try {
        beside.handleUpgrade(...upgrade);
      } catch (error) {
        errors.push((error as Error).message);
      }
    };
    http.on('upgrade', take);
    const attached = await RawClient.open(port, { path: '/hangs' });
    http.prependListener('upgrade', take);
    const given = await RawClient.open(port, { path: '/hangs' });
    for (const client of [attached, given]) {
      client.sendText('once');
      expect(await client.nextText()).toBe('once');
    }
    expect(await errors.atLeast(2)).toEqual(Array(2).fill(expect.stringContaining('taken already')));
    expect([wss.connections.length, beside.connections.length]).toEqual([1, 1]);
  });

  test('4D-225 a request that waits for a decision is not answered by the router that left it alone', async () => {
    const clock = useFakeClock();
    const http = createServer();
    const port = await listen(http);
    create({ webServer: http, path: '/hangs' });
    const decision = createDeferred<unknown>();
    const { wss } = create({ handshakeTimeoutMs: Infinity }, () => decision.promise);
    const given = createDeferred();
    http.on('upgrade', (...upgrade) => {
      wss.handleUpgrade(...upgrade);
      given.resolve();
    });
    const client = await RawClient.request(port, { path: '/other' });
    await given.promise;
    await clock.advance(31_000);
    decision.resolve(ECHO);
    expect((await client.answered).status).toBe(101);
  });

  test.each<[problem: string, change: (upgrade: Upgrade) => unknown[]]>([
    ['request must be the request of node:http', ([, socket, head]) => [undefined, socket, head]],
    ['request must be the request of node:http', ([, socket, head]) => [new Request('http://a'), socket, head]],
    [
      'HTTP/2',
      ([{ headers }, socket, head]) => [{ method: 'GET', url: '/', httpVersion: '2.0', headers }, socket, head],
    ],
    ['socket must be', ([request, , head]) => [request, undefined, head]],
    ['socket must be', ([request, , head]) => [request, {}, head]],
    ['head must be', ([request, socket]) => [request, socket]],
    ['head must be', ([request, socket]) => [request, socket, 'text']],
    [
      'cannot be read: on purpose',
      ([, socket, head]) => [
        {
          get headers() {
            throw new Error('on purpose');
          },
        },
        socket,
        head,
      ],
    ],
    [
      'without line ends',
      ([request, socket, head]) => [withHeaders(request, { 'sec-websocket-key': 7 }), socket, head],
    ],
    ['without line ends', ([request, socket, head]) => [withHeaders(request, { a: 'b\r\nc: d' }), socket, head]],
    ['without line ends', ([request, socket, head]) => [withHeaders(request, {}, [1, 2]), socket, head]],
    ['cannot be read', ([request, socket, head]) => [withHeaders(request, {}, throwingProxy([]) as []), socket, head]],
    [
      'cannot be read',
      ([request, socket, head]) => [
        Object.assign(withHeaders(request, {}), { headers: throwingProxy() }),
        socket,
        head,
      ],
    ],
  ])('4D-225 bad arguments are told, and the socket stays with the caller: %s', async (problem, change) => {
    const { wss } = create();
    const { upgrade, client } = await receiveUpgrade();
    const error = errorOf(() => wss.handleUpgrade(...(change(upgrade) as Upgrade)));
    expect([error.code, error.message]).toEqual(['ERR_INVALID_ARGUMENT', expect.stringContaining(problem)]);
    wss.handleUpgrade(...upgrade);
    expect((await client.answered).status).toBe(101);
  });

  test('4D-225 a request of another parser is not changed', async () => {
    const { wss } = create();
    const { upgrade, client } = await receiveUpgrade();
    const [{ method, url, httpVersion, headers }, socket, head] = upgrade;
    const rawHeaders = 'none' as unknown as string[];
    wss.handleUpgrade({ method, url, httpVersion, headers, rawHeaders } as IncomingMessage, socket, head);
    expect((await client.answered).status).toBe(101);
    const shown = wss.connections[0]!.request.headers;
    expect([shown['upgrade'], Object.isFrozen(headers)]).toEqual(['websocket', false]);
  });

  test('4D-225 checks the origin of a request whose list of headers another parser has left empty', async () => {
    const { wss, events } = create();
    const { upgrade, client } = await receiveUpgrade();
    const [request, socket, head] = upgrade;
    wss.handleUpgrade(withHeaders(request, { origin: 'http://a.example' }, []), socket, head);
    expect((await client.answered).status).toBe(403);
    expect((await events.next()).request.headers).toMatchObject({ origin: 'http://a.example' });
  });

  test('4D-225 does nothing when the client has gone', async () => {
    const onConnection = vi.fn();
    const { wss, events } = create({}, onConnection);
    const { upgrade } = await receiveUpgrade();
    upgrade[1].destroy();
    wss.handleUpgrade(...upgrade);
    const open = new PassThrough();
    wss.handleUpgrade(upgrade[0], open, Buffer.alloc(0));
    await events.next();
    expect(onConnection).toHaveBeenCalledOnce();
  });

  test('4D-225 the server ends as others do, and refuses then', async () => {
    const handler = recordingServerHandler({ onConnection: () => ECHO });
    const wss = WebSocketServer.new(handler, { webServer: null, dataType: 'object' })!;
    const port = await startHttp((...upgrade) => wss.handleUpgrade(...upgrade));
    const client = await RawClient.open(port);
    const ended = wss.drain();
    await client.endInOrder();
    expect(await ended).toEqual({ closed: 1, dropped: 0 });
    expect([wss.terminated, handler.callbacks.at(-1)]).toEqual([true, 'onTerminate']);
    expect((await (await RawClient.request(port)).answered).status).toBe(503);
  });

  test.each(['before', 'after'])(
    '4D-225 a held upgrade that a listener gives away %s the router is left alone by the router',
    async (when) => {
      const clock = useFakeClock();
      const requested = createDeferred<() => void>();
      const http = createServer((_, response) => requested.resolve(() => response.end('slow')));
      const port = await listen(http);
      create({ webServer: http });
      const { wss } = create();
      // The router is the first to take an upgrade that it need not hold.
      const sockets: Duplex[] = [];
      const give = (...upgrade: Upgrade): void => {
        sockets.push(upgrade[1]);
        tryExpr(() => wss.handleUpgrade(...upgrade));
      };
      if (when === 'before') http.prependListener('upgrade', give);
      else http.on('upgrade', give);
      // Both servers watch the answers from their first upgrade on.
      const first = await RawClient.open(port);
      first.socket.destroy();
      await vi.waitUntil(() => wss.connections.length === 0);
      const client = await PlainClient.send(port, 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n', handshakeRequest());
      const answer = await requested.promise;
      await turns();
      answer();
      expect(await client.answers(2)).toEqual([200, 101]);
      await clock.advance(11_000);
      expect([wss.connections.length, sockets.at(-1)!.destroyed]).toEqual([1, false]);
    },
  );

  test('4D-225 an HTTP server that has closed is kept by no server that took its upgrades', async () => {
    const { wss } = create();
    const references: WeakRef<Server>[] = [];
    const useAndClose = async (): Promise<void> => {
      const http = createServer();
      http.on('upgrade', (...upgrade) => wss.handleUpgrade(...upgrade));
      await once(http.listen(0, '127.0.0.1'), 'listening');
      const client = await RawClient.open((http.address() as AddressInfo).port);
      client.socket.destroy();
      await promisify(http.close.bind(http))();
      references.push(new WeakRef(http));
    };
    for (let i = 0; i < 5; i++) await useAndClose();
    await vi.waitUntil(() => wss.connections.length === 0);
    await dropGarbage();
    // The one that was used last may lie on the stack of somebody still.
    expect(references.filter((reference) => reference.deref() !== undefined).length).toBeLessThan(2);
  });

  test('4D-225 a server that has ended watches no HTTP server, which nobody would end', async () => {
    const { wss } = create();
    await wss.drain();
    const requested = createDeferred<IncomingMessage>();
    const port = await startHttp(
      (...upgrade) => wss.handleUpgrade(...upgrade),
      (request, response) => {
        requested.resolve(request);
        response.end();
      },
    );
    expect((await (await RawClient.request(port)).answered).status).toBe(503);
    await PlainClient.send(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(PendingAnswers.of((await requested.promise).socket)).toBeUndefined();
  });

  test('4D-225 an upgrade waits until the answers before it are over', async () => {
    const requested = new Inbox<() => void>();
    const { wss, events } = create();
    const port = await startHttp(
      (...upgrade) => wss.handleUpgrade(...upgrade),
      (_, response) => requested.push(() => response.end('slow')),
    );
    const sendBoth = (): Promise<PlainClient> =>
      PlainClient.send(port, 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n', handshakeRequest());
    // The first upgrade shows which server is to be watched: the end of an answer that began before is not seen.
    const first = await sendBoth();
    await first.closed;
    expect([await events.next(), first.text]).toMatchObject([{ cause: 'timeout' }, '']);
    await requested.next();
    const second = await sendBoth();
    const answer = await requested.next();
    await turns();
    answer();
    expect(await second.answers(2)).toEqual([200, 101]);
  });
});
