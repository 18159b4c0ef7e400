import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Socket } from 'node:net';
import { PathPattern } from '../../src/handshake/path-pattern.ts';
import { type Duplex, Readable } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, describe, expect, onTestFinished, test } from 'vitest';
import type { UpgradeRequest } from '../../src/handshake/server-handshake.ts';
import { timers } from '../../src/base/timers.ts';
import { writeRefusal } from '../../src/http/upgrade-refusal.ts';
import { type UpgradeAcceptor, UpgradeRouter } from '../../src/http/upgrade-router.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { handshakeRequest } from '../helpers/handshake-request.ts';
import { Inbox } from '../helpers/inbox.ts';
import { expectNoDeadlines, expectNoOpenSockets } from '../helpers/leftovers.ts';
import { PlainClient, plainRequest } from '../helpers/plain-client.ts';
import { type HttpAnswer, RawClient } from '../helpers/raw-client.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';

const LINGER_MS = 5000;

afterEach(() => expectNoDeadlines());
afterAll(() => expectNoOpenSockets());

/** Refuses everybody with its name as the body, so that a test sees which acceptor was called. */
class NamedAcceptor implements UpgradeAcceptor {
  readonly name: string;
  readonly requests: UpgradeRequest[] = [];
  readonly sockets: Duplex[] = [];

  constructor(name: string) {
    this.name = name;
  }

  accept(request: UpgradeRequest, socket: Duplex): void {
    this.requests.push(request);
    this.sockets.push(socket);
    writeRefusal(socket, { status: 403, reason: this.name });
  }
}

interface Listening {
  readonly server: Server;
  readonly router: UpgradeRouter;
  readonly port: number;
}

async function startServer(): Promise<Listening> {
  const server = createServer((_, response) => response.end('plain HTTP'));
  const port = await listen(server);
  return { server, router: UpgradeRouter.of(server), port };
}

/** Asks for an upgrade, reads the answer and ends the connection in order. */
async function ask(port: number, path: string): Promise<HttpAnswer> {
  const client = await RawClient.request(port, { path });
  const answer = await client.answered;
  await client.ended;
  client.socket.end();
  await client.closed;
  return answer;
}

async function whoAnswers(port: number, path: string): Promise<string> {
  const { status, body } = await ask(port, path);
  return status === 403 ? body.trim() : String(status);
}

/** Starts a server that refuses everybody, and returns the refused socket. */
async function startRefusing(
  status: number,
  reason: string,
  headerLines = '',
): Promise<{ port: number; refused: Promise<Duplex>; closed: Promise<void> }> {
  const { router, port } = await startServer();
  const [refused, closed] = [createDeferred<Duplex>(), createDeferred()];
  router.add(undefined, {
    accept: (_, socket) => {
      socket.on('close', () => closed.resolve());
      writeRefusal(socket, { status, reason, headerLines });
      refused.resolve(socket);
    },
  });
  return { port, refused: refused.promise, closed: closed.promise };
}

describe('the acceptor of a path', () => {
  test('is found by the path without query, with or without one trailing slash', async () => {
    const { router, port } = await startServer();
    expect(router.add(new PathPattern('/chat'), new NamedAcceptor('chat'))).toBe(true);
    expect(router.add(new PathPattern('/chat/room'), new NamedAcceptor('room'))).toBe(true);
    expect(router.add(new PathPattern('/'), new NamedAcceptor('root'))).toBe(true);
    const found = [];
    for (const path of ['/chat', '/chat/', '/chat?room=1', '/chat/?a=/b', '/chat/room', '/', '/?x']) {
      found.push(await whoAnswers(port, path));
    }
    expect(found).toEqual(['chat', 'chat', 'chat', 'chat', 'room', 'root', 'root']);
  });

  test.each(['/Chat', '/chat//', '//chat', '/chat/other', '/cha', '/cha%74t', '/chat;x'])(
    'is not found by %s',
    async (path) => {
      const { router, port } = await startServer();
      router.add(new PathPattern('/chat'), new NamedAcceptor('chat'));
      expect(await whoAnswers(port, path)).toBe('404');
    },
  );

  test.each([
    ['http://example.com/chat', 'chat'],
    ['ws://example.com:8080/chat/?a=1', 'chat'],
    ['http://example.com', 'root'],
    ['http://example.com?path=/chat', 'root'],
    ['http://user@example.com/', 'root'],
  ])('is found by the path of a target that is a whole URL: %s', async (target, name) => {
    const { router, port } = await startServer();
    router.add(new PathPattern('/chat'), new NamedAcceptor('chat'));
    router.add(new PathPattern('/'), new NamedAcceptor('root'));
    expect(await whoAnswers(port, target)).toBe(name);
  });

  test('takes precedence over the acceptor for all paths', async () => {
    const { router, port } = await startServer();
    router.add(undefined, new NamedAcceptor('all'));
    router.add(new PathPattern('/chat'), new NamedAcceptor('chat'));
    expect(await whoAnswers(port, '/chat')).toBe('chat');
    expect(await whoAnswers(port, '/a/b?x=1')).toBe('all');
    expect(await whoAnswers(port, '/')).toBe('all');
  });

  test('keeps its path until it is removed', async () => {
    const { router, port } = await startServer();
    expect([router.has(new PathPattern('/chat')), router.has(undefined)]).toEqual([false, false]);
    for (const path of [new PathPattern('/chat'), undefined]) {
      expect(router.add(path, new NamedAcceptor('first'))).toBe(true);
      expect(router.add(path, new NamedAcceptor('second'))).toBe(false);
      expect(router.has(path)).toBe(true);
    }
    expect(await whoAnswers(port, '/chat')).toBe('first');
    router.remove(new PathPattern('/chat'));
    expect([router.has(new PathPattern('/chat')), router.has(undefined)]).toEqual([false, true]);
    expect(router.add(new PathPattern('/chat'), new NamedAcceptor('third'))).toBe(true);
    expect(await whoAnswers(port, '/chat')).toBe('third');
  });

  test('gets the request, the bytes behind it and the socket, unread and with an error listener', async () => {
    const { router, port } = await startServer();
    const accepted = createDeferred<[UpgradeRequest, Duplex, Buffer]>();
    router.add(new PathPattern('/chat'), { accept: (...parameters) => accepted.resolve(parameters) });
    await RawClient.request(port, { path: '/chat?x', behind: Buffer.from('early bytes') });
    const [request, socket, head] = await accepted.promise;
    expect([request.url, request.headers.upgrade]).toEqual(['/chat?x', 'websocket']);
    expect(head.toString()).toBe('early bytes');
    expect(socket.listenerCount('error')).toBeGreaterThan(0);
    expect([socket.listenerCount('data'), socket.readableFlowing]).toEqual([0, null]);
    socket.destroy();
  });

  test('can be slow: a client that resets meanwhile causes no uncaught error', async () => {
    const { router, port } = await startServer();
    const accepted = createDeferred<Duplex>();
    router.add(new PathPattern('/chat'), { accept: (_, socket) => accepted.resolve(socket) });
    const client = await RawClient.request(port, { path: '/chat' });
    const socket = await accepted.promise;
    const closed = createDeferred();
    socket.on('close', () => closed.resolve());
    client.socket.resetAndDestroy();
    await closed.promise;
    expect(socket.errored).toMatchObject({ code: 'ECONNRESET' });
  });
});

describe('a router', () => {
  test('is one object for each server', async () => {
    const [one, two] = [createServer(), createServer()];
    expect(UpgradeRouter.of(one)).toBe(UpgradeRouter.of(one));
    expect(UpgradeRouter.of(one)).not.toBe(UpgradeRouter.of(two));
  });

  test('listens to upgrades only while it has an acceptor', async () => {
    const { server, router, port } = await startServer();
    expect(server.listenerCount('upgrade')).toBe(0);
    router.add(new PathPattern('/a'), new NamedAcceptor('a'));
    router.add(undefined, new NamedAcceptor('all'));
    expect(server.listenerCount('upgrade')).toBe(1);
    router.remove(new PathPattern('/a'));
    router.remove(new PathPattern('/never added'));
    expect(server.listenerCount('upgrade')).toBe(1);
    router.remove(undefined);
    router.remove(undefined);
    expect(server.listenerCount('upgrade')).toBe(0);
    // Node answers the request as if the library were not there.
    const client = await RawClient.request(port, { headers: ['Connection: close'], without: ['Connection'] });
    expect((await client.answered).status).toBe(200);
    router.add(new PathPattern('/a'), new NamedAcceptor('a'));
    expect(await whoAnswers(port, '/a')).toBe('a');
  });

  test('answers 404 for a path without an acceptor', async () => {
    const { router, port } = await startServer();
    router.add(new PathPattern('/chat'), new NamedAcceptor('chat'));
    const answer = await ask(port, '/other');
    expect(answer.lines[0]).toBe('HTTP/1.1 404 Not Found');
    expect(answer.body).toBe('no WebSocket server has this path\n');
  });

  test('leaves a path without an acceptor to other listeners, with an error listener', async () => {
    const { server, router, port } = await startServer();
    router.add(new PathPattern('/chat'), new NamedAcceptor('chat'));
    const seen: Socket[] = [];
    server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
      if (request.url !== '/other') return;
      seen.push(socket);
      setImmediate(() => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother'));
    });
    expect(await ask(port, '/other')).toMatchObject({ status: 200, body: 'other' });
    expect(seen[0]!.listenerCount('error')).toBeGreaterThan(0);
    expect(await whoAnswers(port, '/chat')).toBe('chat');
  });

  test('serves HTTPS as well', async () => {
    const certificate = makeCertificate();
    const server = createSecureServer(certificate);
    const port = await listen(server);
    UpgradeRouter.of(server).add(new PathPattern('/chat'), new NamedAcceptor('chat'));
    const socket = connectTls({ host: '127.0.0.1', port, ca: certificate.cert });
    onTestFinished(() => void socket.destroy());
    const client = new RawClient(socket);
    client.requestHandshake({ path: '/chat' });
    expect((await client.answered).body).toBe('chat\n');
    await client.closed;
  });
});

/** Starts a server whose answers the test gives by hand, with an acceptor on /chat that answers 403 and its name. */
async function startManual(
  createsServer: (listener: RequestListener) => Server = createServer,
): Promise<Listening & { answers: Inbox<ServerResponse>; acceptor: NamedAcceptor }> {
  const answers = new Inbox<ServerResponse>();
  const server = createsServer((_, response) => answers.push(response));
  const port = await listen(server);
  const router = UpgradeRouter.of(server);
  const acceptor = new NamedAcceptor('chat');
  router.add(new PathPattern('/chat'), acceptor);
  onTestFinished(() => router.remove(new PathPattern('/chat')));
  return { server, router, port, answers, acceptor };
}

describe('an upgrade behind pending answers', () => {
  const UPGRADE = handshakeRequest({ path: '/chat' });

  test('waits until they are over, in the order of the requests', async () => {
    const { port, answers, acceptor } = await startManual();
    const client = await PlainClient.send(port, plainRequest('/1'), plainRequest('/2'), UPGRADE);
    const [one, two] = await answers.atLeast(2);
    two!.end('second');
    await turns();
    expect([client.text, acceptor.requests]).toEqual(['', []]);
    one!.end('first');
    await client.closed;
    expect(client.statuses).toEqual([200, 200, 403]);
    expect(client.text).toMatch(/first.*second.*chat\n$/s);
  });

  test('goes to its acceptor at once when the answers are over', async () => {
    const { port, answers, acceptor } = await startManual();
    const client = await PlainClient.send(port, plainRequest('/1'));
    (await answers.next()).end('first');
    await client.until('first');
    client.socket.write(UPGRADE);
    await client.closed;
    expect([client.statuses, acceptor.requests.length]).toEqual([[200, 403], 1]);
  });

  test('lets an answer go on whose peer reads slowly', async () => {
    const { port, answers, acceptor } = await startManual();
    const client = await PlainClient.connect(port);
    client.socket.pause();
    client.socket.write(plainRequest('/1') + UPGRADE);
    const response = await answers.next();
    // More than the buffers of the system take.
    Readable.from(Array.from({ length: 100 }, () => '~'.repeat(100_000))).pipe(response);
    await turns();
    expect([response.writableNeedDrain, acceptor.requests]).toEqual([true, []]);
    client.socket.resume();
    await client.closed;
    expect(client.statuses).toEqual([200, 403]);
    expect(client.text.lastIndexOf('~') - client.text.indexOf('~')).toBeGreaterThanOrEqual(9_999_999);
    // The connection may live for days, and keeps nothing of the wait.
    expect(acceptor.sockets.map((socket) => socket.listenerCount('drain'))).toEqual([0]);
  });

  test.each(['TLS', 'a listener of its own that answers'])('waits also on a server with %s', async (kind) => {
    const certificate = makeCertificate();
    const isTls = kind === 'TLS';
    const { server, port, answers } = await startManual((listener) =>
      isTls ? createSecureServer(certificate, listener) : createServer(listener),
    );
    if (!isTls) {
      server.on('checkContinue', (_, response) => {
        response.writeContinue();
        answers.push(response);
      });
    }
    const client = isTls
      ? new PlainClient(connectTls({ host: '127.0.0.1', port, ca: certificate.cert }))
      : await PlainClient.connect(port);
    onTestFinished(() => void client.socket.destroy());
    client.socket.write(plainRequest('/1', isTls ? [] : ['Expect: 100-continue']) + UPGRADE);
    const response = await answers.next();
    await turns();
    const before = isTls ? [] : [100];
    expect(client.statuses).toEqual(before);
    response.end('first');
    await client.closed;
    expect(client.statuses).toEqual([...before, 200, 403]);
  });

  test('is dropped when an answer ends the connection, or when the client resets', async () => {
    const { server, port, answers, acceptor } = await startManual();
    const client = await PlainClient.send(port, plainRequest('/1'), UPGRADE);
    const response = await answers.next();
    response.setHeader('Connection', 'close').end('first');
    await client.closed;
    const other = await PlainClient.send(port, plainRequest('/1'), UPGRADE);
    const [socketClosed, second] = [createDeferred(), await answers.next()];
    second.on('close', () => socketClosed.resolve());
    await turns();
    other.socket.resetAndDestroy();
    // Without a reader the reset is noticed by writing.
    second.write('x');
    await socketClosed.promise;
    expect([client.statuses, acceptor.requests, server.listenerCount('upgrade')]).toEqual([[200], [], 1]);
  });

  test('is cut off after the handshakeTimeoutMs of its acceptor, or 10 seconds', async () => {
    const clock = useFakeClock();
    const { router, port, answers, acceptor } = await startManual();
    router.add(new PathPattern('/slow'), { handshakeTimeoutMs: 20_000, accept: () => {} });
    onTestFinished(() => router.remove(new PathPattern('/slow')));
    const clients = [
      await PlainClient.send(port, plainRequest('/1'), UPGRADE),
      await PlainClient.send(port, plainRequest('/1'), handshakeRequest({ path: '/other' })),
      await PlainClient.send(port, plainRequest('/1'), handshakeRequest({ path: '/slow' })),
    ];
    await answers.atLeast(3);
    await clock.advance(9999);
    expect(clients.map(({ isClosed }) => isClosed)).toEqual([false, false, false]);
    await clock.advance(51);
    await Promise.all([clients[0]!.closed, clients[1]!.closed]);
    expect(clients[2]!.isClosed).toBe(false);
    await clock.advance(10_000);
    await clients[2]!.closed;
    expect([acceptor.requests, clients.map(({ text }) => text)]).toEqual([[], ['', '', '']]);
  });

  test('goes on as plain HTTP, once, when it asks for another protocol', async () => {
    const { port, answers } = await startManual();
    const other = plainRequest('/2', ['Connection: Upgrade', 'Upgrade: h2c']);
    const client = await PlainClient.send(port, plainRequest('/1'), other);
    (await answers.next()).end('first');
    (await answers.next()).end('second');
    await client.until('second');
    client.socket.write(plainRequest('/3', ['Connection: close']));
    (await answers.next()).end('third');
    await client.closed;
    expect(answers.all.map(({ req }) => req.url)).toEqual(['/1', '/2', '/3']);
  });

  test('gets 404 when its acceptor has gone meanwhile', async () => {
    const { router, port, answers } = await startManual();
    router.add(new PathPattern('/other'), new NamedAcceptor('other'));
    onTestFinished(() => router.remove(new PathPattern('/other')));
    const client = await PlainClient.send(port, plainRequest('/1'), UPGRADE);
    const response = await answers.next();
    router.remove(new PathPattern('/chat'));
    response.end();
    await client.closed;
    expect(client.statuses).toEqual([200, 404]);
  });

  test('that another listener serves is left to that listener at once', async () => {
    const { server, port, answers } = await startManual();
    const taken = createDeferred<Duplex>();
    server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
      if (request.url === '/other') taken.resolve(socket);
    });
    const client = await PlainClient.send(port, plainRequest('/1'), handshakeRequest({ path: '/other' }));
    (await taken.promise).end('mine');
    await client.closed;
    expect(client.text).toBe('mine');
    expect(answers.all).toHaveLength(1);
  });
});

describe('a guard', () => {
  test('refuses upgrade requests before an acceptor sees them', async () => {
    const { router, port } = await startServer();
    const acceptor = new NamedAcceptor('chat');
    router.add(new PathPattern('/chat'), acceptor);
    router.guard = ({ url }) =>
      url === '/chat?bad' ? { status: 421, cause: 'host', reason: 'bad', advice: '' } : undefined;
    expect(await ask(port, '/chat?bad')).toMatchObject({ status: 421, body: 'bad\n' });
    expect(acceptor.requests).toEqual([]);
    expect(await whoAnswers(port, '/chat')).toBe('chat');
  });
});

describe('a refusal', () => {
  test('is a complete HTTP answer, after which the connection ends', async () => {
    const { port, closed } = await startRefusing(
      426,
      'spräche 13',
      'Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n',
    );
    const answer = await ask(port, '/');
    expect(answer.lines).toEqual([
      'HTTP/1.1 426 Upgrade Required',
      'Connection: close',
      'Content-Length: 12',
      'Content-Type: text/plain; charset=utf-8',
      'Sec-WebSocket-Version: 13',
      'Upgrade: websocket',
    ]);
    expect(answer.body).toBe('spräche 13\n');
    await closed;
  });

  test('may have a status without a name', async () => {
    const { port } = await startRefusing(499, 'gone');
    expect((await ask(port, '/')).lines[0]).toBe('HTTP/1.1 499 ');
  });

  test('reaches a client that is still sending, without a reset', async () => {
    const { port, closed } = await startRefusing(403, 'no');
    const client = await RawClient.request(port);
    const answered = client.answered;
    const mebibyte = Buffer.alloc(1_048_576);
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => {
        client.socket.write(mebibyte, resolve);
      });
    }
    expect((await answered).status).toBe(403);
    client.socket.end();
    expect(await client.closed).toBeUndefined();
    await closed;
  });

  test('destroys the socket of a client that keeps its side open, after 5 seconds', async () => {
    const clock = useFakeClock();
    const { port, refused, closed } = await startRefusing(403, 'no');
    const client = await RawClient.request(port);
    expect((await client.answered).status).toBe(403);
    await client.ended;
    const socket = await refused;
    await clock.advance(LINGER_MS - 1);
    expect([socket.destroyed, client.hasClosed]).toEqual([false, false]);
    await clock.advance(51);
    await closed;
    expect(clock.pendingTimers).toBe(0);
  });

  test('leaves no deadline when the client ends its side', async () => {
    const clock = useFakeClock();
    const { port, closed } = await startRefusing(403, 'no');
    await ask(port, '/');
    await closed;
    expect(clock.pendingTimers).toBe(0);
  });

  test('of a client that has gone does nothing', async () => {
    const { router, port } = await startServer();
    const accepted = createDeferred<Duplex>();
    router.add(undefined, { accept: (_, socket) => accepted.resolve(socket) });
    const client = await RawClient.request(port);
    const socket = await accepted.promise;
    const closed = createDeferred();
    socket.on('close', () => closed.resolve());
    client.socket.resetAndDestroy();
    await closed.promise;
    expect(() => writeRefusal(socket, { status: 403, reason: 'no' })).not.toThrow();
    await turns();
    expect(timers.pendingTicks).toBe(0);
  });

  test('of a client that resets meanwhile causes no uncaught error', async () => {
    const { port, closed } = await startRefusing(403, 'no');
    const client = await RawClient.request(port);
    client.socket.resetAndDestroy();
    await closed;
    expect(timers.pendingTicks).toBe(0);
  });

  test('lets its server close when the client has gone', async () => {
    const { server, router, port } = await startServer();
    router.add(new PathPattern('/chat'), new NamedAcceptor('chat'));
    expect(await whoAnswers(port, '/other')).toBe('404');
    await new Promise((resolve) => {
      server.close(resolve);
    });
    expect(server.listening).toBe(false);
  });
});
