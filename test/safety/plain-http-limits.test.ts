import { once } from 'node:events';
import { truncateSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { type WebServer, type WebServerSettings, WebSocketServer } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { makeCertificateFolder } from '../helpers/certificate-folder.ts';
import { makeFolder } from '../helpers/folder.ts';
import { handshakeRequest } from '../helpers/handshake-request.ts';
import { expectNoDeadlines, expectNoOpenSockets } from '../helpers/leftovers.ts';
import { startWebServer } from '../helpers/library-server.ts';
import { OpenedFiles } from '../helpers/opened-files.ts';
import { PlainClient, plainRequest } from '../helpers/plain-client.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { turns } from '../helpers/turns.ts';

afterAll(async () => {
  await expectNoDeadlines();
  await expectNoOpenSockets();
});

/** A web server, and how to connect to it. */
interface Target {
  readonly web: WebServer;
  readonly connect: () => Promise<PlainClient>;
}

/** Serves a file that the system does not take from a client at once. */
async function serve(kind: string, settings: WebServerSettings): Promise<Target> {
  const rootFolder = makeFolder({ 'a.txt': 'a', 'big.bin': '' });
  truncateSync(join(rootFolder, 'big.bin'), 10_000_000);
  if (kind === 'HTTP') {
    const web = await startWebServer({ rootFolder, ...settings });
    return { web, connect: () => PlainClient.connect(web.HTTPPort) };
  }
  const { certificateFolder, ca } = makeCertificateFolder();
  const secure = { HTTPEnabled: false, HTTPSEnabled: true, HTTPSPort: 0, certificateFolder };
  const web = await startWebServer({ rootFolder, ...secure, ...settings });
  return {
    web,
    async connect() {
      const socket = connectTls({ host: '127.0.0.1', port: web.HTTPSPort, ca, servername: 'localhost' });
      onTestFinished(() => void socket.destroy());
      const client = new PlainClient(socket);
      await once(socket, 'secureConnect');
      return client;
    },
  };
}

/** Resolves when a web server has no connection any more. Its clients may not notice, because they do not read. */
async function allGone(web: WebServer): Promise<void> {
  const [server] = web.httpServers;
  for (;;) {
    const count = await new Promise((resolve) => {
      server!.getConnections((_, connections) => resolve(connections));
    });
    if (count === 0) return;
    await turns();
  }
}

/** Has a listener of the user answer the requests. Returns the answers that it is to give. */
function takeRequests(web: WebServer): Promise<ServerResponse> {
  const [server] = web.httpServers;
  server!.removeAllListeners('request');
  return new Promise((resolve) => {
    server!.on('request', (_: IncomingMessage, response) => resolve(response));
  });
}

describe.each(['HTTP', 'HTTPS'])('over %s', (kind) => {
  describe('a client that takes too long for the head of a request is cut off after handshakeTimeoutMs', () => {
    test.each([
      ['nothing', ''],
      ['half a head', 'GET / HTTP/1.1\r\nHost: loc'],
      ['half a WebSocket handshake', 'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n'],
    ])('having sent %s', async (_, text) => {
      const { web, connect } = await serve(kind, {});
      WebSocketServer.new({ onConnection: () => null }, { webServer: web, handshakeTimeoutMs: 100 });
      const client = await connect();
      client.socket.write(text);
      await client.closed;
      expect(client.statuses).toEqual([408]);
    });

    test('having sent half of its second head', async () => {
      const { web, connect } = await serve(kind, {});
      WebSocketServer.new({ onConnection: () => null }, { webServer: web, handshakeTimeoutMs: 100 });
      const client = await connect();
      client.socket.write(plainRequest('/a.txt'));
      await client.answers(1);
      client.socket.write('GET / HT');
      await client.closed;
      expect(client.statuses).toEqual([200, 408]);
    });
  });

  describe('a body that does not end is cut off after requestTimeoutMs', () => {
    test.each([
      ['POST', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nb'],
      ['GET', 'GET /a.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbo'],
      ['pipelined', `${plainRequest('/a.txt')}PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nb`],
    ])('%s', async (_, text) => {
      const { connect } = await serve(kind, { requestTimeoutMs: 100 });
      const client = await connect();
      client.socket.write(text);
      await client.closed;
      expect([200, 405, 408]).toContain(client.statuses[0]);
    });

    test('also where a listener of the user waits for it', async () => {
      const { web, connect } = await serve(kind, { requestTimeoutMs: 100 });
      const answer = takeRequests(web);
      const client = await connect();
      client.socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nb');
      const { req } = await answer;
      req.resume();
      await client.closed;
      expect([client.statuses, req.complete]).toEqual([[408], false]);
    });
  });

  describe('a client that fetches and does not read is cut off after responseStallMs', () => {
    test.each([
      ['one file', plainRequest('/big.bin')],
      ['a range', plainRequest('/big.bin', ['Range: bytes=9-'])],
      ['several files', plainRequest('/big.bin').repeat(5)],
      ['an upgrade behind a file', plainRequest('/big.bin') + handshakeRequest()],
    ])('%s', async (_, text) => {
      const { web, connect } = await serve(kind, { responseStallMs: 100 });
      WebSocketServer.new({ onConnection: () => null }, { webServer: web, handshakeTimeoutMs: 500 });
      const files = new OpenedFiles();
      const client = await connect();
      client.socket.pause();
      client.socket.write(text);
      await files.atLeast(1);
      await allGone(web);
      await files.allClosed();
      expect(files.all).toHaveLength(1);
    });

    test('an answer of a listener of the user', async () => {
      const { web, connect } = await serve(kind, { responseStallMs: 100 });
      const answer = takeRequests(web);
      const client = await connect();
      client.socket.pause();
      client.socket.write(plainRequest('/'));
      const response = await answer;
      const closed = once(response, 'close');
      response.end(Buffer.alloc(20_000_000));
      await allGone(web);
      await closed;
      expect(response.destroyed).toBe(true);
    });
  });

  test('Node tells of a time without progress: an answer in the making goes on, an idle connection ends', async () => {
    const { web, connect } = await serve(kind, {});
    const answer = takeRequests(web);
    const [[socket], client] = (await Promise.all([
      once(web.httpServers[0]!, kind === 'HTTP' ? 'connection' : 'secureConnection'),
      connect(),
    ])) as [[Socket], PlainClient];
    // A client that has sent nothing yet has another limit.
    await turns();
    socket.emit('timeout');
    client.socket.write(plainRequest('/'));
    const response = await answer;
    expect(socket.timeout).toBe(20_000);
    socket.emit('timeout');
    expect(socket.destroyed).toBe(false);
    response.end('made');
    await client.until('made');
    await turns();
    // The keep-alive time is over.
    socket.emit('timeout');
    await client.closed;
    expect(client.statuses).toEqual([200]);
  });

  test('a WebSocket has no limit of plain HTTP', async () => {
    const { web } = await serve(kind, { responseStallMs: 100, requestTimeoutMs: 100 });
    const handler = recordingHandler();
    WebSocketServer.new({ onConnection: () => handler }, { webServer: web });
    const accepted = once(web.httpServers[0]!, kind === 'HTTP' ? 'connection' : 'secureConnection');
    const secure = { host: '127.0.0.1', port: web.HTTPSPort, rejectUnauthorized: false };
    const socket = kind === 'HTTP' ? undefined : connectTls(secure);
    const client = socket === undefined ? await RawClient.connect(web.HTTPPort) : new RawClient(socket);
    onTestFinished(() => void client.socket.destroy());
    // The fast path leaves a request with this header to Node.
    client.requestHandshake({ headers: ['TE: trailers'] });
    expect((await client.answered).status).toBe(101);
    const [server] = (await accepted) as [Socket];
    await handler.opened();
    expect([server.timeout ?? 0, server.listenerCount('timeout')]).toEqual([0, 0]);
  });
});

test('a client that does not even shake hands over TLS is cut off after handshakeTimeoutMs', async () => {
  const { web } = await serve('HTTPS', {});
  WebSocketServer.new({ onConnection: () => null }, { webServer: web, handshakeTimeoutMs: 100 });
  const silent = await PlainClient.connect(web.HTTPSPort);
  const half = await PlainClient.send(web.HTTPSPort, '\x16\x03\x01\x00\xc8\x01\x00\x00\xc4');
  await Promise.all([silent.closed, half.closed]);
  expect([silent.text, half.text]).toEqual(['', '']);
});
