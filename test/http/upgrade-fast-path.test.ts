import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { afterAll, afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { PathPattern } from '../../src/handshake/path-pattern.ts';
import type { UpgradeRequest } from '../../src/handshake/server-handshake.ts';
import { UpgradeFastPath } from '../../src/http/upgrade-fast-path.ts';
import { timers } from '../../src/base/timers.ts';
import { writeRefusal } from '../../src/http/upgrade-refusal.ts';
import { UpgradeRouter } from '../../src/http/upgrade-router.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { handshakeRequest } from '../helpers/handshake-request.ts';
import { requestPath } from '../helpers/http.ts';
import { expectNoDeadlines, expectNoOpenSockets } from '../helpers/leftovers.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';

const FIRST_BYTE_TIMEOUT_MS = 500;

afterEach(() => expectNoDeadlines());
afterAll(() => expectNoOpenSockets());

interface Setup {
  readonly server: Server;
  readonly port: number;
  readonly fastPath: UpgradeFastPath;
  readonly router: UpgradeRouter;
  /** The upgrade requests that Node has parsed. */
  readonly byNode: IncomingMessage[];
  /** All upgrade requests, from Node and from the fast path. */
  readonly taken: { request: UpgradeRequest; socket: Duplex; head: string }[];
  /** The connections that Node's own listener was given. */
  readonly handedOver: () => number;
}

async function start({ hasAcceptor = true } = {}): Promise<Setup> {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('latin1').on('data', (piece: string) => {
      body += piece;
    });
    request.on('end', () => response.end(`${request.method} ${request.url} ${body.length}`));
  });
  const [nodes] = server.listeners('connection') as [(this: Server, socket: Socket) => void];
  let count = 0;
  server.off('connection', nodes);
  server.on('connection', function listener(this: Server, socket: Socket) {
    count++;
    nodes.call(this, socket);
  });
  const fastPath = UpgradeFastPath.of(server)!;
  const router = UpgradeRouter.of(server);
  const [byNode, taken]: [IncomingMessage[], Setup['taken']] = [[], []];
  const acceptor = {
    accept(request: UpgradeRequest, socket: Duplex, head: Buffer): void {
      taken.push({ request, socket, head: head.toString('latin1') });
      if (request.rawHeaders !== undefined) byNode.push(request as IncomingMessage);
      writeRefusal(socket, { status: 403, reason: 'no' });
    },
  };
  if (hasAcceptor) {
    router.add(new PathPattern('/'), acceptor);
    onTestFinished(() => router.remove(new PathPattern('/')));
  }
  return { server, port: await listen(server), fastPath, router, byNode, taken, handedOver: () => count };
}

async function askStatus(port: number, text: string): Promise<number> {
  const client = await RawClient.connect(port);
  client.socket.end(text, 'latin1');
  const { status } = await client.answered;
  await client.closed;
  return status;
}

/** Connects a client, and returns it with its socket on the server. */
async function connectTo({ server, port }: Setup): Promise<[client: RawClient, socket: Socket]> {
  const [[socket], client] = (await Promise.all([once(server, 'connection'), RawClient.connect(port)])) as [
    [Socket],
    RawClient,
  ];
  return [client, socket];
}

/** Resolves on 'close'. `once` would reject on 'error'. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on('close', () => resolve());
  });
}

function plainRequest(path: string, headerLines = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\n${headerLines}\r\n`;
}

describe('a plain upgrade request', () => {
  test('goes to the router, and not to Node', async () => {
    const setup = await start();
    const client = await RawClient.request(setup.port, { behind: Buffer.from('early') });
    expect((await client.answered).status).toBe(403);
    client.socket.end();
    await client.closed;
    const [{ request, head }] = setup.taken as [Setup['taken'][0]];
    expect([request.url, request.headers.upgrade, head]).toEqual(['/', 'websocket', 'early']);
    expect([setup.byNode.length, setup.handedOver()]).toEqual([0, 0]);
  });

  test('passes on a paused socket with an error listener and no listener of the fast path', async () => {
    const setup = await start();
    const accepted = createDeferred<Socket>();
    setup.router.add(new PathPattern('/b'), { accept: (_, socket) => accepted.resolve(socket as Socket) });
    onTestFinished(() => setup.router.remove(new PathPattern('/b')));
    const client = await RawClient.request(setup.port, { path: '/b' });
    const socket = await accepted.promise;
    expect(socket.listenerCount('error')).toBe(1);
    expect([socket.listenerCount('data'), socket.readableFlowing]).toEqual([0, false]);
    const closed = closeOf(socket);
    const errors: unknown[] = [];
    setup.server.on('clientError', (error) => errors.push(error));
    client.socket.resetAndDestroy();
    await closed;
    expect(errors).toEqual([]);
  });

  test('for a path without an acceptor is answered with 404', async () => {
    const setup = await start();
    expect(await askStatus(setup.port, handshakeRequest({ path: '/none' }))).toBe(404);
    expect(setup.handedOver()).toBe(0);
  });
});

describe('every other request goes to Node', () => {
  test('bytes shorter than an empty line, and an upgrade request whose early bytes end with one', async () => {
    const setup = await start();
    expect(await askStatus(setup.port, '\n\n?')).toBe(400);
    const client = await RawClient.request(setup.port, { behind: Buffer.from('early\r\n\r\n') });
    expect((await client.answered).status).toBe(403);
    client.socket.end();
    await client.closed;
    expect(setup.taken.map(({ head }) => head)).toEqual(['early\r\n\r\n']);
    expect([setup.byNode.length, setup.handedOver()]).toEqual([1, 2]);
  });

  test('plain requests, pipelined and long ones', async () => {
    const setup = await start();
    expect((await requestPath(setup.port, '/a')).body).toBe('GET /a 0');
    const body = 'x'.repeat(300_000);
    expect((await requestPath(setup.port, '/b', { method: 'POST', body })).body).toBe('POST /b 300000');
    const client = connect(setup.port, '127.0.0.1').setEncoding('latin1');
    onTestFinished(() => void client.destroy());
    client.write(plainRequest('/1') + plainRequest('/2').slice(0, 5));
    await once(client, 'data');
    client.write(plainRequest('/2').slice(5) + plainRequest('/3', 'Connection: close\r\n'));
    let answers = '';
    for await (const piece of client) answers += piece as string;
    expect(answers.match(/GET \/\d 0/g)).toEqual(['GET /2 0', 'GET /3 0']);
    expect(setup.handedOver()).toBe(3);
  });

  test.each([
    ['in another form', handshakeRequest().replace('Host: ', 'Host:')],
    ['with a target that is a whole URL', handshakeRequest({ path: 'http://localhost/' })],
    ['that is too long', handshakeRequest({ headers: [`Cookie: ${'a'.repeat(8192)}`] })],
  ])('an upgrade request %s', async (_, text) => {
    const setup = await start();
    expect(await askStatus(setup.port, text)).toBe(403);
    expect([setup.byNode.length, setup.handedOver()]).toEqual([1, 1]);
  });

  test('an upgrade request that comes in pieces', async () => {
    const setup = await start();
    const text = handshakeRequest();
    const [client, socket] = await connectTo(setup);
    for (const piece of [text.slice(0, 1), text.slice(1, 60), text.slice(60)]) {
      client.socket.write(piece);
      await turns();
    }
    expect((await client.answered).status).toBe(403);
    expect(setup.byNode).toHaveLength(1);
    expect(setup.byNode[0]!.socket).toBe(socket);
    client.socket.end();
    await client.closed;
  });

  test('an upgrade request behind a plain one', async () => {
    const setup = await start();
    const client = connect(setup.port, '127.0.0.1').setEncoding('latin1');
    onTestFinished(() => void client.destroy());
    client.end(`GET /1 HTTP/1.1\r\nHost: a\r\n\r\n${handshakeRequest()}`);
    let answers = '';
    for await (const piece of client) answers += piece as string;
    expect(answers.match(/HTTP\/1.1 \d+/g)?.at(-1)).toBe('HTTP/1.1 403');
    expect(setup.byNode).toHaveLength(1);
  });

  test('bytes that are no HTTP, which are answered with 400', async () => {
    const setup = await start();
    expect(await askStatus(setup.port, 'hello\r\n\r\n')).toBe(400);
  });

  test('everything while the router has no acceptor', async () => {
    const setup = await start({ hasAcceptor: false });
    // Without an 'upgrade' listener Node serves the request as an ordinary one.
    expect(await askStatus(setup.port, handshakeRequest({ headers: ['X: y'] }))).toBe(200);
    expect(setup.handedOver()).toBe(1);
  });

  test.each<[string, (server: Server) => void]>([
    ["somebody else listens to 'upgrade'", (server) => server.on('upgrade', () => {})],
    ['headers are counted', (server) => void (server.maxHeadersCount = 100)],
    [
      'the program decides what is an upgrade',
      (server) => void Object.assign(server, { shouldUpgradeCallback: () => true }),
    ],
  ])('everything while %s, even from clients that connected before', async (_, change) => {
    const setup = await start();
    const [before] = await connectTo(setup);
    change(setup.server);
    before.requestHandshake();
    expect((await before.answered).status).toBe(403);
    before.socket.end();
    expect(await askStatus(setup.port, handshakeRequest())).toBe(403);
    expect([setup.byNode.length, setup.handedOver()]).toEqual([2, 2]);
  });

  test('streams that are no sockets', async () => {
    const setup = await start();
    const [input, output] = [new PassThrough(), new PassThrough()];
    setup.server.emit('connection', Duplex.from({ readable: input, writable: output }));
    input.write('GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
    const [answer] = (await once(output, 'data')) as [Buffer];
    expect(answer.toString('latin1')).toContain('200 OK');
    expect(setup.handedOver()).toBe(1);
    input.destroy();
    output.destroy();
  });
});

describe('a client that sends nothing', () => {
  test('is left to Node after half a second, and served when its request comes', async () => {
    const clock = useFakeClock();
    const setup = await start();
    const [client] = await connectTo(setup);
    await clock.advance(FIRST_BYTE_TIMEOUT_MS - 1);
    expect(setup.handedOver()).toBe(0);
    const [later] = await connectTo(setup);
    await clock.advance(51);
    expect(setup.handedOver()).toBe(1);
    await clock.advance(FIRST_BYTE_TIMEOUT_MS + 50);
    expect(setup.handedOver()).toBe(2);
    for (const each of [client, later]) {
      each.requestHandshake();
      expect((await each.answered).status).toBe(403);
      each.socket.end();
      await each.closed;
    }
    expect(setup.byNode).toHaveLength(2);
  });

  test('is left to Node within a tenth of the time that Node gives it', async () => {
    const clock = useFakeClock();
    const setup = await start();
    setup.server.headersTimeout = 1000;
    const [client] = await connectTo(setup);
    await clock.advance(99);
    expect(setup.handedOver()).toBe(0);
    await clock.advance(102);
    expect(setup.handedOver()).toBe(1);
    client.socket.end();
    await client.closed;
    // Without a limit of Node as without a short one.
    setup.server.headersTimeout = 0;
    const [other] = await connectTo(setup);
    await clock.advance(FIRST_BYTE_TIMEOUT_MS - 1);
    expect(setup.handedOver()).toBe(1);
    await clock.advance(FIRST_BYTE_TIMEOUT_MS + 51);
    expect(setup.handedOver()).toBe(2);
    other.socket.end();
    await other.closed;
  });

  test('and ends its side is closed at once', async () => {
    const setup = await start();
    const [client] = await connectTo(setup);
    client.socket.end();
    expect(await client.closed).toBeUndefined();
    await expectNoDeadlines();
    expect(setup.handedOver()).toBe(0);
  });

  test.each([true, false])('and resets is reported to clientError, with a listener: %s', async (isListened) => {
    const setup = await start();
    const errors: unknown[] = [];
    if (isListened) setup.server.on('clientError', (...parameters: unknown[]) => void errors.push(parameters));
    const [client, socket] = await connectTo(setup);
    const closed = closeOf(socket);
    client.socket.resetAndDestroy();
    await closed;
    await expectNoDeadlines();
    const told = [expect.objectContaining({ code: 'ECONNRESET' }), socket];
    expect([errors, socket.destroyed]).toEqual([isListened ? [told] : [], true]);
  });

  test('is left to Node by release(), so that closeAllConnections() closes it', async () => {
    const setup = await start();
    const [client] = await connectTo(setup);
    setup.fastPath.release();
    expect([setup.handedOver(), timers.pendingTicks]).toEqual([1, 0]);
    setup.server.closeAllConnections();
    await client.ended;
    setup.fastPath.release();
    expect(setup.handedOver()).toBe(1);
  });
});

test('a server with no or several connection listeners remains unchanged', () => {
  const [bare, crowded] = [createServer(), createServer()];
  bare.removeAllListeners('connection');
  crowded.on('connection', () => {});
  const before = crowded.listeners('connection');
  expect([UpgradeFastPath.of(bare), UpgradeFastPath.of(crowded)]).toEqual([undefined, undefined]);
  expect(crowded.listeners('connection')).toEqual(before);
  expect(bare.listenerCount('connection')).toBe(0);
});
