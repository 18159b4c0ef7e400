import dns from 'node:dns';
import { createServer, type LookupFunction, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type FourDError, WebSocket, type WebSocketOptions } from '../../src/index.ts';
import { checkProxy } from '../../src/client/proxy-option.ts';
import { parseWebSocketUrl } from '../../src/client/web-socket-url.ts';
import { type SeenRequest, startAnsweringServer, switchingProtocols } from '../helpers/answering-server.ts';
import { makeCertificate, type SelfSigned } from '../helpers/certificate.ts';
import { startPeerServer } from '../helpers/peer.ts';
import { startHttpProxy } from '../helpers/proxies.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';

const OK = 'HTTP/1.1 200 Connection established\r\n\r\n';
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
const EARLY_HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n';
const LOG_IN = 'HTTP/1.1 407 Log in\r\nProxy-Authenticate: Basic\r\n\r\n';

const certificate = makeCertificate();
const trust = { ca: certificate.cert };

/** Returns what a promise rejects with. */
async function rejectionOf(attempt: Promise<unknown>): Promise<FourDError> {
  const outcome = await attempt.then(
    () => undefined,
    (error: FourDError) => error,
  );
  if (outcome === undefined) throw new Error('the promise was resolved');
  return outcome;
}

async function write(socket: Socket, packets: readonly string[]): Promise<void> {
  for (const packet of packets) {
    socket.write(packet, 'latin1');
    await turns();
  }
}

/** Starts a proxy that answers CONNECT with these packets, and keeps what comes. */
async function startAnsweringProxy(
  packets: readonly string[],
  tls: SelfSigned | undefined,
): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = [];
  const onConnection = (socket: Socket): void => {
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      requests.push(chunk.toString('latin1'));
      if (requests.length === 1) void write(socket, packets);
    });
  };
  const server = tls === undefined ? createServer(onConnection) : createTlsServer(tls, onConnection);
  const port = await listen(server);
  return { url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`, requests };
}

const interimAnswers: readonly [name: string, packets: (final: string) => readonly string[]][] = [
  ['one', (final) => [EARLY_HINTS + final]],
  ['several in one packet', (final) => [CONTINUE + EARLY_HINTS + final]],
  ['in packets of their own', (final) => [CONTINUE, EARLY_HINTS, final]],
  ['byte by byte', (final) => Array.from(EARLY_HINTS + CONTINUE + final)],
  ['a hundred', (final) => [EARLY_HINTS.repeat(100) + final]],
];
const tooMany = (final: string): string => EARLY_HINTS.repeat(101) + final;

describe.each([
  ['http', undefined],
  ['https', certificate],
])('1xx answers of a proxy (%s)', (_scheme, tls) => {
  test.each(interimAnswers)('4D-205 1xx answers before the 200 of CONNECT are skipped: %s', async (_name, packets) => {
    const proxy = await startAnsweringProxy(packets(OK), tls);
    const ws = new WebSocket('ws://127.0.0.1:9/', {}, { proxy: proxy.url, tls: trust });
    // The client sends its request into the tunnel, and CONNECT only once.
    while (proxy.requests.length < 2) await turns(1);
    expect(proxy.requests.map((text) => text.split('\r\n')[0])).toEqual([
      'CONNECT 127.0.0.1:9 HTTP/1.1',
      'GET / HTTP/1.1',
    ]);
    ws.terminate();
  });

  test.each([
    ['a refusal', [EARLY_HINTS + LOG_IN], { code: 'ERR_PROXY_REFUSED', httpStatus: 407 }],
    ['a refusal in a packet of its own', [EARLY_HINTS, LOG_IN], { code: 'ERR_PROXY_REFUSED', httpStatus: 407 }],
    [
      '101, which is a final answer',
      [`${EARLY_HINTS}HTTP/1.1 101 Switching Protocols\r\n\r\n`],
      { code: 'ERR_PROXY_REFUSED', httpStatus: 101 },
    ],
    ['garbage', [`${EARLY_HINTS}nonsense\r\n\r\n`], { code: 'ERR_PROXY_FAILED' }],
    ['bytes before the client has sent any', [`${EARLY_HINTS}${OK}x`], { code: 'ERR_PROXY_FAILED' }],
    [
      'too many',
      [tooMany(OK)],
      { code: 'ERR_PROXY_FAILED', message: 'proxy failed: it sent more than 100 1xx answers' },
    ],
  ])('4D-205 what follows the 1xx answers of a proxy decides: %s', async (_name, packets, expected) => {
    const proxy = await startAnsweringProxy(packets, tls);
    const attempt = WebSocket.new('ws://127.0.0.1:9/', {}, { proxy: proxy.url, tls: trust });
    await expect(attempt).rejects.toMatchObject(expected);
  });
});

/** Connects to a server that answers with packets, which are made of its 101. */
async function open(
  packets: (switching: string) => readonly string[],
  tls: SelfSigned | undefined,
): Promise<{ status: string; got: readonly string[] }> {
  const port = await startAnsweringServer((socket, { accept }) => {
    socket.setNoDelay(true);
    void write(socket, packets(switchingProtocols(accept)));
  }, tls && { tls });
  const got: string[] = [];
  const url = `${tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}/`;
  const ws = (await WebSocket.new(url, { onMessage: (_ws, { data }) => got.push(data) }, { tls: trust }))!;
  while (got.length === 0) await turns(1);
  const { status } = ws;
  ws.destroy();
  return { status, got };
}

describe.each([
  ['ws', undefined],
  ['wss', certificate],
])('1xx answers of a server (%s)', (_scheme, tls) => {
  test.each(interimAnswers)('4D-205 1xx answers before the 101 are skipped: %s', async (_name, packets) => {
    const seen = await open((switching) => packets(`${switching}\x81\x05Hello`), tls);
    expect(seen).toEqual({ status: 'Connected', got: ['Hello'] });
  });

  test('4D-205 more than a hundred 1xx answers before the 101 end the attempt', async () => {
    await expect(open((switching) => [tooMany(switching)], tls)).rejects.toMatchObject({
      code: 'ERR_HANDSHAKE_INVALID',
      message: 'invalid handshake answer: more than 100 1xx answers',
    });
  });
});

const isDirect = (url: string, noProxy: string): boolean =>
  checkProxy('environment', { ALL_PROXY: 'http://p', no_proxy: noProxy })(parseWebSocketUrl(url)) === undefined;

describe('NO_PROXY', () => {
  test.each<[what: string, noProxy: string, url: string]>([
    ['everything', '*', 'ws://a'],
    ['everything, beside something else', 'x,*', 'ws://a'],
    ['a host', 'x, A.B.C', 'ws://a.b.c'],
    ['a subdomain', 'b.c', 'ws://a.b.c'],
    ['a subdomain by a dot', '.b.c', 'ws://a.b.c'],
    ['a subdomain by a star', '*.b.c', 'ws://a.b.c'],
    ['blanks', 'foo \t a.b\n', 'ws://a.b'],
    ['blanks and commas', ' foo , a.b , ', 'ws://a.b'],
    ['a dot at the end of the entry', 'a.b.', 'ws://a.b'],
    ['a dot at the end of the entry, and a port', 'a.b.:80', 'ws://a.b'],
    ['a dot at the end of the host', 'a.b', 'ws://a.b.'],
    ['a dot at the end of both, a star', '*.a.b.', 'ws://c.a.b.'],
    ['a name in Unicode', 'bücher.example', 'ws://xn--bcher-kva.example'],
    ['a name in ASCII', 'xn--bcher-kva.example', 'ws://BÜCHER.example'],
    ['a port', 'a:81', 'ws://a:81'],
    ['the default port', 'a:443', 'wss://a'],
    ['an address', '10.1.2.3', 'ws://10.1.2.3'],
    ['an address with a port', '10.1.2.3:81', 'ws://10.1.2.3:81'],
    ['IPv6', '::1', 'ws://[::1]:81'],
    ['IPv6 in brackets', '[::1]', 'ws://[::1]:81'],
    ['IPv6 in brackets with a port', '[::1]:81', 'ws://[::1]:81'],
    ['IPv6 in another form', 'FD00:0:0::0001', 'ws://[fd00::1]'],
    ['IPv6 with a zone', 'fe80::1%eth0', 'ws://[fe80::1]'],
    ['a range', '10.0.0.0/8', 'ws://10.1.2.3'],
    ['a range of one', '10.1.2.3/32', 'ws://10.1.2.3'],
    ['a range of all', '0.0.0.0/0', 'ws://10.1.2.3'],
    ['a range whose bits behind the prefix are set', '10.9.9.9/8', 'ws://10.1.2.3'],
    ['a range of IPv6', 'fd00::/8', 'ws://[fd12::1]'],
    ['a range of IPv6 in brackets', '[fd00::]/8', 'ws://[fd12::1]'],
    ['a range and a mapped address', '10.0.0.0/8', 'ws://[::ffff:10.1.2.3]'],
    ['an address and a mapped address', '10.1.2.3', 'ws://[::ffff:a01:203]'],
    ['a mapped address', '::ffff:10.1.2.3', 'ws://10.1.2.3'],
    ['a mapped range', '::ffff:10.0.0.0/104', 'ws://10.1.2.3'],
    ['a range behind others, with blanks', 'localhost 192.168.0.0/16  10.0.0.0/8', 'ws://10.1.2.3'],
  ])('4D-205 NO_PROXY lists a host: %s', (_what, noProxy, url) => {
    expect(isDirect(url, noProxy)).toBe(true);
  });

  test.each<[what: string, noProxy: string, url: string]>([
    ['nothing', ' , ,', 'ws://a'],
    ['a part of a name', 'b.c,,', 'ws://ab.c'],
    ['a longer name', 'a.b.c', 'ws://b.c'],
    ['another port', 'a:80', 'ws://a:81'],
    ['another port of an address', '[::1]:80', 'ws://[::1]:81'],
    ['the end of an address', '2.3', 'ws://10.1.2.3'],
    ['the end of an address by a dot', '.2.3', 'ws://10.1.2.3'],
    ['another range', '10.0.0.0/8', 'ws://11.1.2.3'],
    ['a range of IPv6 and IPv4', '::/0', 'ws://11.1.2.3'],
    ['a range of IPv4 and IPv6', '0.0.0.0/0', 'ws://[::1]'],
    ['a range and a name', '0.0.0.0/0', 'ws://a.b'],
    ['ranges that cannot be read', '10.0.0.0/33,x/8,/,10.0.0.0/,10.0.0.0/-1,10.0.0.0/8/8,10.0.0/8', 'ws://10.1.2.3'],
    ['entries that cannot be read', ':80,[::1,a:b,%,.,*.,http://a', 'ws://a:80'],
  ])('4D-205 NO_PROXY does not list a host: %s', (_what, noProxy, url) => {
    expect(isDirect(url, noProxy)).toBe(false);
  });

  test.each([
    ['http', undefined],
    ['https', certificate],
  ])('4D-205 NO_PROXY decides anew for the target of a redirect (%s proxy)', async (scheme, tls) => {
    const proxy = await startHttpProxy(tls && { tls });
    const port = await startAnsweringServer((socket) => socket.end('HTTP/1.1 404 x\r\n\r\n'));
    const start = await startAnsweringServer((socket) => {
      socket.end(`HTTP/1.1 302 x\r\nLocation: ws://127.0.0.1:${port}/\r\n\r\n`);
    });
    const keys = ['all_proxy', 'no_proxy'] as const;
    for (const [i, value] of [`${scheme}://127.0.0.1:${proxy.port}`, `127.0.0.1:${start}`].entries()) {
      vi.stubEnv(keys[i]!, value);
    }
    onTestFinished(() => void vi.unstubAllEnvs());
    const options: WebSocketOptions = { proxy: 'environment', followRedirects: 1, tls: trust };
    await rejectionOf(WebSocket.new(`ws://127.0.0.1:${start}/`, {}, options));
    expect(proxy.requests.map(({ target }) => target)).toEqual([`127.0.0.1:${port}`]);
  });
});

/** Leads every name to this machine. */
const lookup: LookupFunction = (_host, { all }, done) => {
  if (all === true) done(null, [{ address: '127.0.0.1', family: 4 }]);
  else done(null, '127.0.0.1', 4);
};

interface SeenTarget {
  readonly line: string;
  readonly serverName: unknown;
  readonly host: string | undefined;
}

/** Starts a TLS server that answers with `location` first, and lets clients in afterwards. */
async function startTlsServer(location?: string): Promise<{ port: number; seen: SeenTarget[] }> {
  const seen: SeenTarget[] = [];
  const answer = (socket: Socket, { line, headers, accept }: SeenRequest): void => {
    const host = headers.find(([name]) => name === 'Host')?.[1];
    seen.push({ line, serverName: (socket as TLSSocket).servername, host });
    if (location !== undefined && seen.length === 1) {
      socket.end(Buffer.from(`HTTP/1.1 302 x\r\nLocation: ${location.replace('PORT', String(port))}\r\n\r\n`));
    } else socket.write(switchingProtocols(accept));
  };
  const port: number = await startAnsweringServer(answer, { tls: certificate, host: '::' });
  return { port, seen };
}

async function visit(url: string, options: WebSocketOptions = {}): Promise<void> {
  (await WebSocket.new(url, {}, { tls: { ...trust, lookup }, ...options }))!.destroy();
}

describe.each<[way: string, tls: SelfSigned | undefined]>([
  ['directly', undefined],
  ['through an http proxy', undefined],
  ['through an https proxy', certificate],
])('the server name of TLS %s', (way, tls) => {
  const start = async (): Promise<WebSocketOptions> => {
    if (way === 'directly') return {};
    // It leads everything to this machine, as `lookup` does for direct connections.
    const { port } = await startHttpProxy({ ...(tls && { tls }), toHost: '::1' });
    return { proxy: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}` };
  };

  test('4D-205 has no dot at its end, and the certificate is checked against the name without it', async () => {
    const { port, seen } = await startTlsServer();
    await visit(`wss://localhost.:${port}/`, await start());
    expect(seen).toEqual([{ line: 'GET / HTTP/1.1', serverName: 'localhost', host: `localhost.:${port}` }]);
  });

  test('4D-205 has no dot at its end behind a redirect', async () => {
    const { port, seen } = await startTlsServer('//localhost.:PORT/there');
    await visit(`wss://127.0.0.1:${port}/`, { ...(await start()), followRedirects: 1 });
    expect(seen.map(({ serverName }) => serverName)).toEqual([false, 'localhost']);
  });

  test('4D-205 a certificate for another name is refused', async () => {
    const { port } = await startTlsServer();
    const error = await rejectionOf(visit(`wss://example.com.:${port}/`, await start()));
    expect(error.cause).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID', host: 'example.com' });
  });

  test('4D-205 an address sends none, and the certificate is checked against the address', async () => {
    const { port, seen } = await startTlsServer();
    const options = await start();
    await visit(`wss://127.0.0.1:${port}/`, options);
    expect(seen).toMatchObject([{ serverName: false }]);
    // The server is the same, but its certificate is not for this address.
    const error = await rejectionOf(visit(`wss://[::1]:${port}/`, { ...options, tls: { ...trust } }));
    expect(error.cause).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID', host: '::1' });
  });

  test('4D-205 a server name of the user has no dot at its end either', async () => {
    const { port, seen } = await startTlsServer();
    await visit(`wss://127.0.0.1:${port}/`, { ...(await start()), tls: { ...trust, servername: 'localhost.' } });
    expect(seen).toMatchObject([{ serverName: 'localhost' }]);
  });
});

test('4D-205 the server name that a proxy gets has no dot at its end', async () => {
  const names: unknown[] = [];
  const server = createTlsServer(certificate, (socket) => {
    names.push(socket.servername);
    socket.end('HTTP/1.1 502 x\r\n\r\n');
  });
  const port = await listen(server);
  vi.spyOn(dns, 'lookup').mockImplementation(lookup as typeof dns.lookup);
  onTestFinished(() => void vi.restoreAllMocks());
  const attempt = WebSocket.new('ws://a/', {}, { proxy: `https://localhost.:${port}`, tls: trust });
  await expect(attempt).rejects.toMatchObject({ code: 'ERR_PROXY_REFUSED', httpStatus: 502 });
  expect(names).toEqual(['localhost']);
});

describe('Location', () => {
  test.each<[what: string, location: string | Buffer, target: string]>([
    ['UTF-8', '/café', '/caf%C3%A9'],
    ['UTF-8 of four bytes', '/\u{1f600}?q=ü', '/%F0%9F%98%80?q=%C3%BC'],
    ['UTF-8 in a URL', 'ws://127.0.0.1:PORT/café', '/caf%C3%A9'],
    ['Latin-1', Buffer.from('/caf\xe9', 'latin1'), '/caf%C3%A9'],
    ['percent signs', '/caf%C3%A9%2F', '/caf%C3%A9%2F'],
    ['a percent sign that is none', '/100%', '/100%'],
    ['a path', '/b?c', '/b?c'],
    ['a relative path', 'b', '/dir/b'],
    ['a relative path upwards', '../b', '/b'],
    ['a query', '?b=c', '/dir/start?b=c'],
    ['a host without scheme', '//127.0.0.1:PORT/b', '/b'],
    ['a scheme in capitals', 'HTTP://127.0.0.1:PORT/b', '/b'],
    ['an IPv6 address that is mapped', 'http://[::ffff:127.0.0.1]:PORT/b', '/b'],
    ['blanks around', ' \t/b \t', '/b'],
  ])('4D-205 Location is read: %s', async (_what, location, target) => {
    const lines: string[] = [];
    const port: number = await startAnsweringServer(
      (socket, { line, accept }) => {
        lines.push(line);
        if (lines.length > 1) socket.write(switchingProtocols(accept));
        else {
          const text = typeof location === 'string' ? Buffer.from(location.replace('PORT', String(port))) : location;
          socket.end(Buffer.concat([Buffer.from('HTTP/1.1 302 x\r\nLocation: '), text, Buffer.from('\r\n\r\n')]));
        }
      },
      { host: '::' },
    );
    await visit(`ws://127.0.0.1:${port}/dir/start`, { followRedirects: 1 });
    expect(lines).toEqual(['GET /dir/start HTTP/1.1', `GET ${target} HTTP/1.1`]);
  });

  test('4D-205 Location with a host in UTF-8 leads to its name in ASCII', async () => {
    const { port, seen } = await startTlsServer('wss://bücher.localhost.:PORT/');
    const error = await rejectionOf(visit(`wss://localhost:${port}/`, { followRedirects: 1 }));
    expect(error.cause).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID', host: 'xn--bcher-kva.localhost' });
    expect(seen).toHaveLength(1);
  });
});

test('4D-205 the reason of a refusal is read as UTF-8', async () => {
  const port = await startAnsweringServer((socket) => {
    socket.end(Buffer.from('HTTP/1.1 403 Verbotenß\r\n\r\n'));
  });
  const error = await rejectionOf(WebSocket.new(`ws://127.0.0.1:${port}/`));
  expect(error.message).toContain('handshake refused: HTTP 403 Verbotenß');
  const options: WebSocketOptions = { proxy: `http://127.0.0.1:${port}` };
  const proxyError = await rejectionOf(WebSocket.new('ws://a/', {}, options));
  expect(proxyError.message).toContain('proxy refused: HTTP 403 Verbotenß');
});

describe('an AbortSignal for many clients', () => {
  test('4D-205 a hundred clients on one AbortSignal raise no warning, and all end when it is aborted', async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning.message);
    process.on('warning', onWarning);
    const server = await startPeerServer();
    const controller = new AbortController();
    const { signal } = controller;
    const clients = await Promise.all(
      Array.from({ length: 100 }, () => WebSocket.new(server.url, {}, { signal, handshakeTimeoutMs: Infinity })),
    );
    // Warnings are emitted in a later turn.
    await turns();
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
    controller.abort();
    while (!clients.every((ws) => ws!.status === 'Closed')) await turns(1);
  });
});
