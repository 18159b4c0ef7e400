import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket, type WebSocketServerOptions } from '../../src/index.ts';
import { recordingHandler, type RecordingHandler } from '../../src/testing.ts';
import { makeCertificate, type SelfSigned } from '../helpers/certificate.ts';
import { createDeferred } from '../helpers/deferred.ts';
import { startLibraryServer, startServerOf } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { nextMessage } from './pair.ts';
import { caddy, haproxy, nginx, type Proxy, startProxy } from './proxies.ts';
import { describeTool } from './tools.ts';

/** What a browser says when a page of `origin` connects to `host`. PORT stands for the port of the proxy. */
interface BrowserRequest {
  readonly host: string;
  readonly origin: string;
}

const pages = {
  'a page on port 80': { host: 'chat.example', origin: 'http://chat.example' },
  'a page on port 443': { host: 'chat.example', origin: 'https://chat.example' },
  'a page on another port': { host: 'chat.example:PORT', origin: 'http://chat.example:PORT' },
  'a page on another port with TLS': { host: 'chat.example:PORT', origin: 'https://chat.example:PORT' },
  'a page of another host': { host: 'chat.example', origin: 'https://elsewhere.example' },
  'a page of a dev server on this machine': { host: 'localhost:PORT', origin: 'http://localhost:5173' },
} as const satisfies Record<string, BrowserRequest>;

type Page = keyof typeof pages;

/** A configuration of a proxy, and what becomes of each page with it. */
interface Setup {
  readonly proxy: Proxy;
  readonly title: string;
  readonly lines: readonly string[];
  readonly options?: Pick<WebSocketServerOptions, 'trustedProxies'>;
  /** The status of the answer. */
  readonly expected: Readonly<Record<Page, number>>;
}

/** The dev server of the same machine is let in where no header tells of a proxy. */
const letsLocalPagesIn = { 'a page of a dev server on this machine': 101 };

const sameHostOnly: Setup['expected'] = {
  'a page on port 80': 101,
  'a page on port 443': 101,
  'a page on another port': 101,
  'a page on another port with TLS': 101,
  'a page of another host': 403,
  'a page of a dev server on this machine': 403,
};

const withoutPort: Setup['expected'] = {
  ...sameHostOnly,
  'a page on another port': 403,
  'a page on another port with TLS': 403,
};

function everyPage(status: number): Setup['expected'] {
  return Object.fromEntries(Object.keys(pages).map((name) => [name, status])) as Setup['expected'];
}

const NGINX_UPGRADE = [
  'proxy_http_version 1.1;',
  'proxy_set_header Upgrade $http_upgrade;',
  'proxy_set_header Connection $connection_upgrade;',
];
const NGINX_FORWARDED = [
  'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;',
  'proxy_set_header X-Forwarded-Proto $scheme;',
  'proxy_set_header X-Forwarded-Host $http_host;',
];

/** The settings that the guide recommends. */
function guideLines(language: string): readonly string[] {
  const guide = readFileSync(join(import.meta.dirname, '../../docs/guide/deploying.md'), 'utf8');
  const [, block = ''] = guide.split(`\`\`\`${language}\n`);
  const lines = block.slice(0, block.indexOf('```')).split('\n');
  return lines
    .map((line) => line.trim())
    .filter((line) => /^(?:proxy_(?!pass)|option |http-request |timeout tunnel )/.test(line));
}

const setups: readonly Setup[] = [
  {
    proxy: nginx,
    title: 'the lines of the guide',
    lines: guideLines('nginx'),
    options: { trustedProxies: ['127.0.0.1'] },
    expected: sameHostOnly,
  },
  {
    proxy: nginx,
    title: 'Host $http_host',
    lines: [...NGINX_UPGRADE, 'proxy_set_header Host $http_host;'],
    expected: { ...sameHostOnly, ...letsLocalPagesIn },
  },
  {
    proxy: nginx,
    title: 'Connection "upgrade" for every request',
    lines: [
      'proxy_http_version 1.1;',
      'proxy_set_header Upgrade $http_upgrade;',
      'proxy_set_header Connection "upgrade";',
      'proxy_set_header Host $http_host;',
    ],
    expected: { ...sameHostOnly, ...letsLocalPagesIn },
  },
  {
    proxy: nginx,
    title: 'Host $host, which has no port',
    lines: [...NGINX_UPGRADE, 'proxy_set_header Host $host;'],
    expected: { ...withoutPort, ...letsLocalPagesIn },
  },
  {
    proxy: nginx,
    title: 'Host $host:$server_port, where the port is that of the page',
    lines: [...NGINX_UPGRADE, 'proxy_set_header Host $host:$server_port;'],
    expected: {
      ...sameHostOnly,
      // Here nginx listens on another port than 80 and 443.
      'a page on port 80': 403,
      'a page on port 443': 403,
      ...letsLocalPagesIn,
    },
  },
  {
    proxy: nginx,
    title: 'no Host line, so that Host names the server behind nginx',
    lines: NGINX_UPGRADE,
    expected: { ...everyPage(403), ...letsLocalPagesIn },
  },
  {
    proxy: nginx,
    title: 'no Host line, and X-Forwarded headers that are not trusted',
    lines: [...NGINX_UPGRADE, ...NGINX_FORWARDED],
    expected: everyPage(403),
  },
  {
    proxy: nginx,
    title: 'no Host line, and X-Forwarded headers that are trusted',
    lines: [...NGINX_UPGRADE, ...NGINX_FORWARDED],
    options: { trustedProxies: ['127.0.0.1'] },
    // nginx itself speaks http: here.
    expected: sameHostOnly,
  },
  {
    proxy: nginx,
    title: 'Host $http_host and X-Forwarded headers that are not trusted',
    lines: [...NGINX_UPGRADE, ...NGINX_FORWARDED, 'proxy_set_header Host $http_host;'],
    expected: sameHostOnly,
  },
  {
    proxy: nginx,
    title: 'no Upgrade and Connection lines: nginx passes on a plain request',
    lines: ['proxy_http_version 1.1;', 'proxy_set_header Host $http_host;'],
    expected: everyPage(404),
  },
  {
    proxy: nginx,
    title: 'no Connection line: nginx passes on a plain request',
    lines: ['proxy_http_version 1.1;', 'proxy_set_header Upgrade $http_upgrade;', 'proxy_set_header Host $http_host;'],
    expected: everyPage(404),
  },
  {
    proxy: nginx,
    title: 'no proxy_http_version: nginx passes on a request of HTTP/1.0',
    lines: [...NGINX_UPGRADE.slice(1), 'proxy_set_header Host $http_host;'],
    expected: everyPage(505),
  },
  {
    proxy: haproxy,
    title: 'no further lines',
    lines: [],
    expected: { ...sameHostOnly, ...letsLocalPagesIn },
  },
  {
    proxy: haproxy,
    title: 'the lines of the guide',
    lines: guideLines('haproxy'),
    options: { trustedProxies: ['127.0.0.1'] },
    expected: sameHostOnly,
  },
  {
    proxy: caddy,
    title: 'no further lines',
    lines: [],
    expected: sameHostOnly,
  },
  {
    proxy: caddy,
    title: 'trusted headers',
    lines: [],
    options: { trustedProxies: ['127.0.0.1'] },
    expected: sameHostOnly,
  },
];

/** Connects as a browser does. Resolves to the status of the answer. */
async function statusFor(port: number, { host, origin }: BrowserRequest, tls?: SelfSigned): Promise<number> {
  const name = (text: string): string => text.replace('PORT', String(port));
  const client =
    tls === undefined
      ? await RawClient.connect(port)
      : new RawClient(connectTls({ host: '127.0.0.1', port, ca: tls.cert }));
  onTestFinished(() => void client.socket.destroy());
  client.requestHandshake({ headers: [`Host: ${name(host)}`, `Origin: ${name(origin)}`], without: ['Host'] });
  const { status } = await client.answered;
  return status;
}

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const messages: readonly (string | Uint8Array)[] = [
  'Grüße, 😀',
  everyByte,
  '',
  new Uint8Array(),
  'é'.repeat(50_000),
  Buffer.alloc(1_000_000, everyByte),
];

/** The lines of the guide for each proxy, and lines with which it ends a quiet connection soon. */
const proxyLines = new Map<Proxy, { readonly lines: readonly string[]; readonly shortTimeouts: readonly string[] }>([
  [nginx, { lines: guideLines('nginx'), shortTimeouts: ['proxy_read_timeout 2s;'] }],
  [haproxy, { lines: guideLines('haproxy'), shortTimeouts: ['timeout tunnel 2s'] }],
  [caddy, { lines: [], shortTimeouts: [] }],
]);

for (const [proxy, { lines, shortTimeouts }] of proxyLines) {
  describeTool(proxy, () => {
    for (const { title, lines: setupLines, options, expected } of setups.filter((setup) => setup.proxy === proxy)) {
      describe(title, () => {
        for (const [name, status] of Object.entries(expected)) {
          test(`answers ${name} with ${status}`, async () => {
            const { web } = await startServerOf({ onMessage: () => {} }, options);
            const port = await startProxy(proxy, web.HTTPPort, setupLines);
            expect(await statusFor(port, pages[name as Page])).toBe(status);
          });
        }
      });
    }

    test.each([false, true])('passes messages, pings and the close on (compression: %s)', async (compression) => {
      const echo = recordingHandler({
        dataType: 'blob',
        onMessage: (connection, { data }) => void connection.send(data),
      });
      const { web } = await startServerOf(echo, {
        dataType: 'blob',
        compression,
        protocols: ['chat'],
        pingIntervalMs: 100,
      });
      const port = await startProxy(proxy, web.HTTPPort, lines);
      const handler = recordingHandler({ dataType: 'blob' });
      const ws = await WebSocket.new(`ws://127.0.0.1:${port}/path?query=1`, handler as object, {
        compression,
        protocols: ['chat'],
      });
      expect(ws!.protocol).toBe('chat');
      for (const message of messages) {
        ws!.send(message);
        const echoed = (await nextMessage(handler)) as Uint8Array;
        expect(Buffer.from(echoed).equals(Buffer.from(message as string))).toBe(true);
      }
      ws!.terminate(4001, 'enough');
      const there = await echo.ended();
      expect({ code: there.code, reason: there.reason }).toEqual({ code: 4001, reason: 'enough' });
      const here = await handler.ended();
      expect({ code: here.code, wasClean: here.wasClean }).toEqual({ code: 4001, wasClean: true });
    });

    test('passes the close of the server on', async () => {
      const { web } = await startServerOf({ onOpen: closeWith4002, onMessage: () => {} });
      const port = await startProxy(proxy, web.HTTPPort, lines);
      const handler = recordingHandler();
      await WebSocket.new(`ws://127.0.0.1:${port}/`, handler as object);
      const { code, reason, wasClean } = await handler.ended();
      expect({ code, reason, wasClean }).toEqual({ code: 4002, reason: 'bye', wasClean: true });
    });

    test('passes a client that vanishes on', async () => {
      const there = recordingHandler();
      const { web } = await startServerOf(there);
      const client = await RawClient.open(await startProxy(proxy, web.HTTPPort, lines));
      await there.opened();
      client.socket.resetAndDestroy();
      expect((await there.ended()).code).toBe(1006);
    });

    describe('with TLS', () => {
      const certificate = makeCertificate();
      const startSecurely = async (): Promise<number> => {
        const { web } = await startServerOf(
          { onOpen: closeWith4002, onMessage: () => {} },
          { trustedProxies: ['127.0.0.1'] },
        );
        return startProxy(proxy, web.HTTPPort, lines, certificate);
      };

      test('passes a connection on', async () => {
        const handler = recordingHandler();
        const url = `wss://127.0.0.1:${await startSecurely()}/`;
        await WebSocket.new(url, handler as object, { tls: { ca: certificate.cert } });
        expect((await handler.ended()).code).toBe(4002);
      });

      // A page that was loaded without TLS may be anybody's.
      test.each([
        ['chat.example', 'https', 101],
        ['chat.example', 'http', 403],
        ['chat.example:PORT', 'https', 101],
        ['chat.example:PORT', 'http', 403],
      ])('answers a page of %s that was loaded with %s with %d', async (host, scheme, status) => {
        const request = { host, origin: `${scheme}://${host}` };
        expect(await statusFor(await startSecurely(), request, certificate)).toBe(status);
      });
    });

    test.each(shortTimeouts)(
      'cuts a quiet connection off with %s, unless there is a heartbeat',
      async (shortTimeout) => {
        const allLines = [...lines.filter((line) => !line.startsWith(shortTimeout.split(' 2s')[0]!)), shortTimeout];
        const [quiet, alive] = await Promise.all([
          connectQuietly(proxy, allLines, Infinity),
          connectQuietly(proxy, allLines, 50),
        ]);
        expect((await quiet.ended()).code).toBe(1006);
        expect(alive.callbacks).toEqual(['onOpen']);
      },
    );
  });
}

/** Connects through a proxy. Nothing but the server's heartbeat is sent then. */
async function connectQuietly(
  proxy: Proxy,
  lines: readonly string[],
  pingIntervalMs: number,
): Promise<RecordingHandler<unknown>> {
  const { web } = await startServerOf(recordingHandler(), { pingIntervalMs });
  const port = await startProxy(proxy, web.HTTPPort, lines);
  const handler = recordingHandler();
  await WebSocket.new(`ws://127.0.0.1:${port}/`, handler as object, { pingIntervalMs: Infinity });
  return handler;
}

function closeWith4002(connection: { terminate(code: number, reason: string): void }): void {
  connection.terminate(4002, 'bye');
}

describeTool(nginx, () => {
  test.each([
    ['127.0.0.9 when nginx is trusted', { trustedProxies: ['127.0.0.1'] }, '127.0.0.9'],
    ['that of nginx when it is not', {}, '127.0.0.1'],
  ])('the address of a client is %s', async (_, options, address) => {
    const asked = createDeferred<string>();
    const { web } = await startLibraryServer((_wss, { request }) => {
      asked.resolve(request.remoteAddress);
      return null;
    }, options);
    const port = await startProxy(nginx, web.HTTPPort, [...NGINX_UPGRADE, ...NGINX_FORWARDED]);
    await RawClient.request({ port, host: '127.0.0.1', localAddress: '127.0.0.9' });
    expect(await asked.promise).toBe(address);
  });
});

describe('without a proxy', () => {
  for (const [name, status] of Object.entries({ ...sameHostOnly, ...letsLocalPagesIn })) {
    test(`a server answers ${name} with ${status}`, async () => {
      const { web } = await startServerOf({ onMessage: () => {} });
      expect(await statusFor(web.HTTPPort, pages[name as Page])).toBe(status);
    });
  }
});
