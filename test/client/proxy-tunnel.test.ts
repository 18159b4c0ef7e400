import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { FourDError, WebSocket, type WebSocketOptions } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';
import { expectNoDeadlines, expectNoOpenSockets } from '../helpers/leftovers.ts';
import { type PeerServer, startPeerServer } from '../helpers/peer.ts';
import { startHttpProxy, startSocksProxy } from '../helpers/proxies.ts';
import { findClosedPort, startRawServer } from '../helpers/raw-server.ts';

const certificate = makeCertificate();

afterEach(() => expectNoDeadlines());
afterAll(() => expectNoOpenSockets());

/** Sends a message from the client to the server, and one back. */
async function talk(server: PeerServer, url: string, options: WebSocketOptions): Promise<void> {
  const handler = recordingHandler();
  const ws = (await WebSocket.new(url, handler, options))!;
  const peer = await server.accept();
  ws.send('there');
  expect(await peer.nextText()).toBe('there');
  peer.send('back');
  expect(await handler.nextMessage()).toBe('back');
  ws.terminate();
  await handler.ended();
}

async function failureOf(proxy: string, options: WebSocketOptions = {}, url = 'ws://127.0.0.1:1'): Promise<FourDError> {
  const failure: unknown = await WebSocket.new(url, {}, { proxy, ...options }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(FourDError);
  expect(JSON.stringify([(failure as Error).message, failure])).not.toContain('secret');
  return failure as FourDError;
}

describe('an HTTP proxy', () => {
  test('carries ws:, and gets user and password, which the server does not get', async () => {
    const [server, proxy] = [await startPeerServer(), await startHttpProxy()];
    await talk(server, server.url, { proxy: `http://me:s%3Acret@127.0.0.1:${proxy.port}` });
    const authorization = `Basic ${Buffer.from('me:s:cret').toString('base64')}`;
    expect(proxy.requests).toEqual([{ target: `127.0.0.1:${server.port}`, authorization }]);
    expect(server.peers.all[0]!.request.headers).not.toHaveProperty('proxy-authorization');
  });

  test('carries wss: with TLS to the server', async () => {
    const [server, proxy] = [await startPeerServer({ tls: certificate }), await startHttpProxy()];
    await talk(server, server.url, { proxy: `http://127.0.0.1:${proxy.port}`, tls: { ca: certificate.cert } });
    expect(proxy.requests).toEqual([{ target: `127.0.0.1:${server.port}`, authorization: undefined }]);
  });

  test('that speaks TLS carries wss: within it', async () => {
    const [server, proxy] = [await startPeerServer({ tls: certificate }), await startHttpProxy({ tls: certificate })];
    await talk(server, server.url, { proxy: `https://127.0.0.1:${proxy.port}`, tls: { ca: certificate.cert } });
    expect(proxy.requests).toHaveLength(1);
  });

  test('does not replace the certificate check of the server', async () => {
    const [server, proxy] = [await startPeerServer({ tls: certificate }), await startHttpProxy()];
    const error = await failureOf(`http://127.0.0.1:${proxy.port}`, {}, server.url);
    expect(error.code).toBe('ERR_CONNECT_FAILED');
    expect(server.peers.all).toEqual([]);
  });

  test('with an untrusted certificate gets no password', async () => {
    const proxy = await startHttpProxy({ tls: certificate });
    const error = await failureOf(`https://me:secret@127.0.0.1:${proxy.port}`, { tls: { rejectUnauthorized: false } });
    expect(error.code).toBe('ERR_PROXY_FAILED');
    expect(proxy.requests).toEqual([]);
  });

  test('that refuses is reported as ERR_PROXY_REFUSED with status and headers', async () => {
    const { port } = await startHttpProxy({ refusal: 'HTTP/1.1 407 Log in\r\nProxy-Authenticate: Basic\r\n\r\n' });
    expect(await failureOf(`http://me:secret@127.0.0.1:${port}`)).toMatchObject({
      code: 'ERR_PROXY_REFUSED',
      message: 'proxy refused: HTTP 407 Log in (the proxy demands credentials: put user and password into its URL)',
      side: 'remote',
      httpStatus: 407,
      httpHeaders: { 'proxy-authenticate': 'Basic' },
    });
  });

  test.each(['nonsense\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\nearly', ''])(
    'that answers %j is reported as ERR_PROXY_FAILED',
    async (refusal) => {
      const { port } = await startHttpProxy({ refusal });
      expect((await failureOf(`http://me:secret@127.0.0.1:${port}`)).code).toBe('ERR_PROXY_FAILED');
    },
  );

  test('that does not answer fails after handshakeTimeoutMs', async () => {
    const clock = useFakeClock();
    const silent = await startRawServer();
    const failure = failureOf(`http://127.0.0.1:${silent.port}`);
    const seen = await silent.accept();
    expect(seen.request).toContain('CONNECT 127.0.0.1:1 HTTP/1.1');
    await clock.advance(10_100);
    expect((await failure).code).toBe('ERR_HANDSHAKE_TIMEOUT');
    await seen.ended;
  });
});

test.each(['http', 'https', 'socks5', 'socks5h'])(
  'a proxy that cannot be reached is reported as ERR_PROXY_FAILED: %s',
  async (kind) => {
    const error = await failureOf(`${kind}://me:secret@127.0.0.1:${await findClosedPort()}`);
    expect(error).toMatchObject({ code: 'ERR_PROXY_FAILED', errCode: 1006 });
  },
);

describe('a SOCKS proxy', () => {
  test('carries ws: to an address, also when it answers byte by byte', async () => {
    for (const isSlow of [false, true]) {
      const [server, proxy] = [await startPeerServer(), await startSocksProxy({ isSlow })];
      await talk(server, server.url, { proxy: `socks5://127.0.0.1:${proxy.port}` });
      expect(proxy.requests).toEqual([{ target: `1:127.0.0.1:${server.port}`, authorization: undefined }]);
    }
  });

  test('carries wss:, with user and password', async () => {
    const [server, proxy] = [
      await startPeerServer({ tls: certificate }),
      await startSocksProxy({ login: 'me:secret' }),
    ];
    await talk(server, server.url, {
      proxy: `socks5://me:secret@127.0.0.1:${proxy.port}`,
      tls: { ca: certificate.cert },
    });
    expect(proxy.requests[0]!.authorization).toBe('me:secret');
  });

  test('resolves the host name with socks5h, and with socks5 gets an address', async () => {
    const [server, proxy] = [await startPeerServer(), await startSocksProxy()];
    const url = `ws://localhost:${server.port}`;
    await talk(server, url, { proxy: `socks5h://127.0.0.1:${proxy.port}` });
    expect(proxy.requests[0]!.target).toBe(`3:localhost:${server.port}`);
    const refusing = await startSocksProxy({ reply: '05050001000000000000' });
    await failureOf(`socks5://127.0.0.1:${refusing.port}`, {}, url);
    expect(refusing.requests[0]!.target).toMatch(/^(1:127\.0\.0\.1|4:0{31}1):/);
  });

  test('gets an IPv6 address as 16 bytes', async () => {
    const { port, requests } = await startSocksProxy({ reply: '05040001000000000000' });
    await failureOf(`socks5://127.0.0.1:${port}`, {}, 'ws://[2001:db8::ff:1]:7');
    await failureOf(`socks5://127.0.0.1:${port}`, {}, 'ws://[::1]:7');
    expect(requests.map(({ target }) => target)).toEqual([
      '4:20010db8000000000000000000ff0001:7',
      '4:00000000000000000000000000000001:7',
    ]);
  });

  test.each<[what: string, behaviour: object, code: string, message: string]>([
    [
      'a wrong password',
      { login: 'me:other' },
      'ERR_PROXY_REFUSED',
      'proxy refused: the user or password in its URL is wrong',
    ],
    [
      'no accepted method',
      { method: '05ff' },
      'ERR_PROXY_REFUSED',
      'proxy refused: it accepts no login that this client offers: does its URL have user and password?',
    ],
    ['SOCKS 4', { method: '005a' }, 'ERR_PROXY_FAILED', 'proxy failed: it does not speak SOCKS 5'],
    [
      'a refusal',
      { reply: '05050001000000000000' },
      'ERR_PROXY_REFUSED',
      'proxy refused: connection refused (SOCKS reply 5)',
    ],
    [
      'a wrong version',
      { reply: '04000001000000000000' },
      'ERR_PROXY_FAILED',
      'proxy failed: it does not speak SOCKS 5',
    ],
    [
      'an odd address',
      { reply: '05000002000000000000' },
      'ERR_PROXY_FAILED',
      'proxy failed: it answered with an address of unknown type',
    ],
  ])('that answers with %s is reported', async (_what, behaviour, code, message) => {
    const { port } = await startSocksProxy(behaviour);
    expect(await failureOf(`socks5://me:secret@127.0.0.1:${port}`)).toMatchObject({ code, message });
  });

  test('that closes during its handshake is reported as ERR_PROXY_FAILED', async () => {
    const server = await startRawServer();
    const failure = failureOf(`socks5://127.0.0.1:${server.port}`);
    const { socket } = await server.connections.next();
    socket.end(Buffer.of(5));
    expect(await failure).toMatchObject({
      code: 'ERR_PROXY_FAILED',
      message: 'proxy failed: it closed the connection',
    });
  });
});
