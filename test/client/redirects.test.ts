import { X509Certificate } from 'node:crypto';
import { type ConnectionOptions, createSecureContext, type PeerCertificate, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { FourDError, WebSocket, type WebSocketOptions } from '../../src/index.ts';
import { readRedirect } from '../../src/client/redirects.ts';
import { recordingHandler } from '../../src/testing.ts';
import { type SeenRequest, startAnsweringServer, switchingProtocols } from '../helpers/answering-server.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { expectNoDeadlines } from '../helpers/leftovers.ts';
import { type RawConnection, type RawServer, startRawServer } from '../helpers/raw-server.ts';

afterEach(() => expectNoDeadlines());

const HEADERS = { Authorization: 'Bearer secret', Cookie: 'a=secret', 'x-key': 'secret' };

async function redirect(server: RawServer, location: string, status = 302): Promise<RawConnection> {
  const peer = await server.accept();
  peer.socket.end(`HTTP/1.1 ${status} Over there\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`);
  return peer;
}

/** Opens a connection, and closes it. */
async function visit(url: string, options: WebSocketOptions): Promise<void> {
  const handler = recordingHandler({ headers: HEADERS });
  const ws = (await WebSocket.new(url, handler, options))!;
  expect(ws.url).toBe(url);
  ws.terminate();
  await handler.ended();
}

async function answer(server: RawServer): Promise<RawConnection> {
  const peer = await server.open();
  await peer.frames.next();
  peer.socket.end(Buffer.of(0x88, 2, 0x03, 0xe8));
  return peer;
}

describe('followRedirects', () => {
  test('is off by default', async () => {
    const server = await startRawServer();
    const attempt = WebSocket.new(server.url);
    await redirect(server, '/there');
    await expect(attempt).rejects.toMatchObject({ code: 'ERR_HANDSHAKE_REFUSED', httpStatus: 302 });
    expect(server.connections.all).toHaveLength(1);
  });

  test.each([301, 302, 303, 307, 308])('follows %i within the origin with all headers', async (status) => {
    const server = await startRawServer();
    const url = `ws://me:secret@127.0.0.1:${server.port}/here`;
    const visited = visit(url, { followRedirects: 1 });
    await redirect(server, '/there?a=1#part', status);
    const peer = await answer(server);
    await visited;
    expect(peer.request).toContain('GET /there?a=1 HTTP/1.1');
    expect(peer.header('x-key')).toBe('secret');
    expect(peer.header('cookie')).toBe('a=secret');
    expect(peer.header('authorization')).toBe('Bearer secret');
  });

  test('sends another origin no secret, and the first origin none after it', async () => {
    const [server, other] = [await startRawServer(), await startRawServer()];
    const visited = visit(`ws://me:secret@127.0.0.1:${server.port}/`, { followRedirects: 2 });
    await redirect(server, `http://you:secret@127.0.0.1:${other.port}/other`);
    const between = await redirect(other, `${server.url}/back`);
    const peer = await answer(server);
    await visited;
    expect(between.request).toContain('GET /other HTTP/1.1');
    expect(peer.request).toContain('GET /back HTTP/1.1');
    expect(between.request + peer.request).not.toMatch(/secret|authorization|cookie/i);
    expect(between.header('host')).toBe(`127.0.0.1:${other.port}`);
  });

  test('sends another origin no token among the subprotocols', async () => {
    const [server, other] = [await startRawServer(), await startRawServer()];
    const protocols = ['bearer.secret', 'chat', 'bearer.other-secret', 'session.22-letters-of-a-secret'];
    const visited = visit(server.url, { followRedirects: 2, protocols });
    const first = await redirect(server, '/there');
    const same = await redirect(server, other.url);
    const peer = await answer(other);
    await visited;
    const offers = [first, same, peer].map((each) => each.header('sec-websocket-protocol'));
    expect(offers).toEqual([protocols.join(', '), protocols.join(', '), 'chat']);
  });

  test('ends a loop of redirects', async () => {
    const server = await startRawServer();
    const attempt = WebSocket.new(server.url, {}, { followRedirects: 3 });
    for (let i = 0; i < 4; i++) await redirect(server, '/');
    await expect(attempt).rejects.toMatchObject({ code: 'ERR_HANDSHAKE_REFUSED', httpStatus: 302 });
    expect(server.connections.all).toHaveLength(4);
  });

  test('has one deadline for all redirects', async () => {
    const clock = useFakeClock();
    const server = await startRawServer();
    const attempt = WebSocket.new(server.url, {}, { followRedirects: 3 }).catch((error: unknown) => error);
    await server.accept();
    await clock.advance(6000);
    server.connections.all[0]!.socket.end('HTTP/1.1 302 x\r\nLocation: /\r\nContent-Length: 0\r\n\r\n');
    await server.accept();
    await clock.advance(4200);
    expect(await attempt).toMatchObject({ code: 'ERR_HANDSHAKE_TIMEOUT' });
  });

  test.each([-1, 1.5, 21, '1'])('%j is refused', async (followRedirects) => {
    await expect(WebSocket.new('ws://127.0.0.1:1', {}, { followRedirects } as WebSocketOptions)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
    });
  });
});

const redirectTo = (url: string): string => `HTTP/1.1 307 There\r\nLocation: ${url}\r\nContent-Length: 0\r\n\r\n`;

describe('a client certificate', () => {
  const certificate = makeCertificate();
  const own = makeCertificate();
  const expected = new X509Certificate(own.cert).fingerprint256;

  /** A server that requests a client certificate. */
  async function startTlsServer(answerWith: (seen: SeenRequest) => string) {
    const fingerprints: (string | undefined)[] = [];
    const port = await startAnsweringServer(
      (socket, seen) => {
        const { fingerprint256 } = (socket as TLSSocket).getPeerCertificate() as Partial<PeerCertificate>;
        fingerprints.push(fingerprint256);
        socket.on('data', () => socket.end(Buffer.of(0x88, 2, 0x03, 0xe8)));
        socket.write(answerWith(seen));
      },
      { tls: { ...certificate, requestCert: true, rejectUnauthorized: false } },
    );
    return { url: `wss://127.0.0.1:${port}`, fingerprints };
  }

  const ways: readonly (readonly [what: string, tls: ConnectionOptions])[] = [
    ['key and cert', own],
    ['key and cert, with a passphrase that is not needed', { ...own, passphrase: 'secret' }],
    ['a secureContext', { secureContext: createSecureContext({ ...own, ca: certificate.cert }) }],
  ];

  test.each(ways)('as %s is sent to the first origin only', async (_, tls) => {
    let back = '';
    const other = await startTlsServer(() => redirectTo(back));
    const server = await startTlsServer(({ line, accept }) => {
      if (line.startsWith('GET / ')) return redirectTo('/again');
      return line.startsWith('GET /again ') ? redirectTo(other.url) : switchingProtocols(accept);
    });
    back = `${server.url}/back`;
    await visit(server.url, { followRedirects: 3, tls: { ...tls, ca: certificate.cert } });
    expect(server.fingerprints).toEqual([expected, expected, undefined]);
    expect(other.fingerprints).toEqual([undefined]);
  });

  test('in a secureContext does not make the client trust another origin', async () => {
    const stranger = await startTlsServer(({ accept }) => switchingProtocols(accept));
    const server = await startTlsServer(() => redirectTo(stranger.url));
    const secureContext = createSecureContext({ ...own, ca: certificate.cert });
    // The secureContext stays with the first origin, and without `ca` beside it nothing trusts the second server.
    await expect(WebSocket.new(server.url, {}, { followRedirects: 1, tls: { secureContext } })).rejects.toMatchObject({
      code: 'ERR_CONNECT_FAILED',
    });
    expect(server.fingerprints).toEqual([expected]);
    expect(stranger.fingerprints).toEqual([]);
  });
});

const refusal = (location: string | undefined, httpStatus = 302): FourDError =>
  new FourDError('ERR_HANDSHAKE_REFUSED', '', { httpStatus, httpHeaders: { location } });

describe('readRedirect', () => {
  test.each<[from: string, location: string | undefined, url: string | undefined, isSameOrigin: boolean]>([
    // Raw UTF-8, as Node gives it: each byte a character.
    ['ws://a/', Buffer.from('/café', 'utf8').toString('latin1'), 'ws://a/caf%C3%A9', true],
    ['ws://a/', Buffer.from('/caf\xe9', 'latin1').toString('latin1'), 'ws://a/caf%C3%A9', true],
    ['ws://a/b', 'c', 'ws://a/c', true],
    ['ws://a', 'http://a:80/c', 'ws://a/c', true],
    ['ws://a', 'https://a/c', 'wss://a/c', false],
    ['ws://a', 'ws://a:81/', 'ws://a:81/', false],
    ['wss://a', '//b/', 'wss://b/', false],
    ['wss://a', 'https://a/', 'wss://a/', true],
    ['wss://a', 'http://a/', undefined, false],
    ['wss://a', 'ws://a/', undefined, false],
    ['ws://a', 'ftp://a/', undefined, false],
    ['ws://a', 'ws+unix:/socket', undefined, false],
    ['ws+unix:/socket', 'ws://a/', undefined, false],
    ['ws://a', 'http://[', undefined, false],
    ['ws://a', undefined, undefined, false],
  ])('reads a redirect from %s to %s', (from, location, url, isSameOrigin) => {
    expect(readRedirect(refusal(location), from)).toEqual(url && { url, isSameOrigin });
  });

  test.each([200, 300, 304, 305, 404])('does not take %i for a redirect', (status) => {
    expect(readRedirect(refusal('/c', status), 'ws://a')).toBeUndefined();
  });
});
