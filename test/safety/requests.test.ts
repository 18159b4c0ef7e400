import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import { WebSocketServer } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { handshakeRequest, type RequestOptions } from '../helpers/handshake-request.ts';
import { startWebServer } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { startUpgradeWay, upgradeWays } from '../helpers/upgrade-ways.ts';

function junk(count: number): string[] {
  return Array.from({ length: count }, () => 'a:');
}

/** The headers of the plain request. */
const USUAL = 5;

describe('headers that vanish behind others (Node 20 keeps 1 000 headers and drops the rest in silence)', () => {
  describe.each(upgradeWays)('$name', (way) => {
    test('refuses with 431 when headers may be lost, and with no doubt about them lets in', async () => {
      const { ask, asked } = await startUpgradeWay(way);
      for (const count of [994, 0, 500]) {
        expect((await ask(handshakeRequest({ headers: junk(count) }))).status, `${count}`).toBe(101);
      }
      asked.length = 0;
      for (const count of [996, 1100, 3000]) {
        expect((await ask(handshakeRequest({ headers: junk(count) }))).status, `${count}`).toBe(431);
        // The header that makes it a WebSocket handshake may be lost too.
        const late = handshakeRequest({ without: ['Upgrade'], headers: [...junk(count), 'Upgrade: websocket'] });
        expect((await ask(late)).status, `${count}`).toBe(431);
      }
      expect(asked).toEqual([]);
    });

    test("takes the address of no client's own X-Forwarded-For for that of its proxy", async () => {
      const { ask, asked } = await startUpgradeWay(way, { trustedProxies: ['127.0.0.1'] });
      for (const count of [0, 100, 992, 993, 994, 1000, 2000, 3500]) {
        const headers = ['X-Forwarded-For: 6.6.6.6', ...junk(count), 'X-Forwarded-For: 203.0.113.9'];
        expect([101, 431]).toContain((await ask(handshakeRequest({ headers }))).status);
      }
      expect(asked).toHaveLength(3);
      expect(new Set(asked.map(({ request }) => request.remoteAddress))).toEqual(new Set(['203.0.113.9']));
    });

    test('lets no page in whose Origin stands behind other headers', async () => {
      const { ask } = await startUpgradeWay(way);
      for (const count of [0, 994, 1000, 3500]) {
        const headers = [...junk(count), 'Origin: http://evil.example'];
        expect([403, 431]).toContain((await ask(handshakeRequest({ headers }))).status);
      }
    });
  });

  test.each([
    // At 31 headers, Node 20 begins to drop headers at exactly the limit.
    [10, 9, 10],
    [31, 30, 31],
    [31, 30, 100],
    [100, 99, 101],
    [2000, 1999, 2001],
    // Node doubles the number by a shift, which drops the fraction.
    [12.5, 11, 12],
  ])('maxHeadersCount %d: %d headers pass, %d are refused', async (maxHeadersCount, few, many) => {
    for (const way of upgradeWays) {
      const { server, ask } = await startUpgradeWay(way);
      server.maxHeadersCount = maxHeadersCount;
      expect((await ask(handshakeRequest({ headers: junk(few - USUAL) }))).status, way.name).toBe(101);
      expect((await ask(handshakeRequest({ headers: junk(many - USUAL) }))).status, way.name).toBe(431);
    }
  });

  test.each([0, -1])('maxHeadersCount %d, which means no limit: nothing is lost', async (maxHeadersCount) => {
    for (const way of upgradeWays) {
      const { server, ask, asked } = await startUpgradeWay(way, { origins: '*' });
      server.maxHeadersCount = maxHeadersCount;
      const headers = [...junk(2500), 'Origin: http://last.example'];
      expect((await ask(handshakeRequest({ headers }))).status, way.name).toBe(101);
      expect(asked[0]!.request.headers.origin).toBe('http://last.example');
    }
  });

  test('the answer says the limit', async () => {
    const server = createServer();
    server.maxHeadersCount = 0;
    const port = await listen(server);
    WebSocketServer.new({ onConnection: () => recordingHandler() as never }, { webServer: server });
    // The parser of a connection keeps the limit that the server had when the client connected.
    const [client] = await Promise.all([RawClient.connect(port), once(server, 'connection')]);
    server.maxHeadersCount = 50;
    client.requestHandshake({ headers: junk(100) });
    expect(await client.answered).toMatchObject({
      status: 431,
      body: 'too many headers: some may be lost where there are 50 or more (maxHeadersCount)\n',
    });
  });

  test('a plain request to a web server is refused with 431 too, and the connection ends', async () => {
    // The rules of CORS refuse the Origin where it is seen.
    const web = await startWebServer({ CORSEnabled: true });
    for (const [count, status] of [
      [500, 403],
      [1000, 431],
      [3500, 431],
    ] as const) {
      const client = await RawClient.connect(web.HTTPPort);
      const lines = ['GET / HTTP/1.1', 'Host: localhost', ...junk(count), 'Origin: http://evil.example'];
      client.socket.write(`${lines.join('\r\n')}\r\n\r\n`);
      expect((await client.answered).status).toBe(status);
      if (status === 431) await client.ended;
    }
  });
});

interface Ambiguous extends RequestOptions {
  readonly method?: string;
  readonly version?: string;
  readonly behind?: string;
}

function requestOf({ method = 'GET', version = ' HTTP/1.1', behind = '', ...options }: Ambiguous): string {
  return handshakeRequest(options).replace('GET', method).replace(' HTTP/1.1', version) + behind;
}

describe('a request that two parties may read differently', () => {
  const refused: readonly (readonly [what: string, request: Ambiguous])[] = [
    ['two Hosts', { headers: ['Host: evil.example'] }],
    ['the same Host twice', { headers: ['host: localhost'] }],
    ['an empty Host before another', { without: ['Host'], headers: ['Host:', 'HOST: localhost'] }],
    ['a list of Hosts', { without: ['Host'], headers: ['Host: localhost, evil.example'] }],
    ['a Host with a path', { without: ['Host'], headers: ['Host: localhost/a'] }],
    ['a Host with a user', { without: ['Host'], headers: ['Host: evil.example@localhost'] }],
    ['no Host', { without: ['Host'] }],
    ['another Host than in the target', { path: 'http://evil.example/' }],
    ['another port than in the target', { path: 'http://localhost:81/' }],
    ['HTTP/2.0', { version: ' HTTP/2.0' }],
    ['HTTP/0.9', { version: ' HTTP/0.9' }],
    ['no version', { version: '' }],
    ['HTTP/1.2', { version: ' HTTP/1.2' }],
    ['HTTP/3.0', { version: ' HTTP/3.0' }],
    ['a body', { headers: ['Content-Length: 5'], behind: 'hello' }],
    ['a body that does not come', { headers: ['Content-Length: 5'] }],
    ['a long body', { headers: ['Content-Length: 9007199254740993'] }],
    ['two lengths', { headers: ['Content-Length: 0', 'Content-Length: 5'] }],
    ['a body in chunks', { headers: ['Transfer-Encoding: chunked'], behind: '5\r\nhello\r\n0\r\n\r\n' }],
    ['chunks that do not come', { headers: ['Transfer-Encoding: chunked'] }],
    ['an empty body in chunks', { headers: ['Transfer-Encoding: chunked'], behind: '0\r\n\r\n' }],
    ['another coding', { headers: ['Transfer-Encoding: identity'] }],
    ['an empty coding', { headers: ['Transfer-Encoding:'] }],
    ['a coding and a length', { headers: ['Transfer-Encoding: chunked', 'Content-Length: 5'] }],
  ];
  const accepted: typeof refused = [
    ['one Host', {}],
    ['the Host of the target', { path: 'http://LOCALHOST/' }],
    ['an empty Host, as RFC 9112 3.2 demands where a URI has none', { without: ['Host'], headers: ['Host:'] }],
    ['a length of zero', { headers: ['Content-Length: 0'] }],
    ['a length of zeros', { headers: ['Content-Length: 000'] }],
  ];

  describe.each(upgradeWays)('sent to $name', (way) => {
    test('is refused with 400 before anybody is asked', async () => {
      const { ask, asked } = await startUpgradeWay(way);
      for (const [what, request] of refused) expect((await ask(requestOf(request))).status, what).toBe(400);
      expect((await ask(requestOf({ version: ' HTTP/1.0' }))).status).toBe(505);
      expect(asked).toEqual([]);
    });

    test('is let in when it is clear after all', async () => {
      const { ask } = await startUpgradeWay(way);
      for (const [what, request] of accepted) expect((await ask(requestOf(request))).status, what).toBe(101);
    });
  });
});
