import { connect as connectTls } from 'node:tls';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { type WebServer, WebSocketServer } from '../../src/index.ts';
import { recordingServerHandler, type RecordingServerHandler } from '../../src/testing.ts';
import { makeCertificateFolder } from '../helpers/certificate-folder.ts';
import { makeFolder } from '../helpers/folder.ts';
import { handshakeRequest } from '../helpers/handshake-request.ts';
import { expectNoOpenSockets } from '../helpers/leftovers.ts';
import { startWebServer } from '../helpers/library-server.ts';
import { PlainClient } from '../helpers/plain-client.ts';

afterAll(() => expectNoOpenSockets());

const WHY =
  'this host is not allowed: the option "hosts" of the server does not name the host of this request. ' +
  'The option keeps pages out that reach the server under a name of their own (DNS rebinding).\n';

async function serve(hosts?: readonly string[]): Promise<{ web: WebServer; server: RecordingServerHandler<unknown> }> {
  const { certificateFolder } = makeCertificateFolder();
  const web = await startWebServer({
    HTTPSEnabled: true,
    HTTPSPort: 0,
    certificateFolder,
    rootFolder: makeFolder({ 'index.html': 'home' }),
    CORSEnabled: true,
    hosts,
  });
  const server = recordingServerHandler();
  WebSocketServer.new(server, { webServer: web, origins: '*' });
  await server.opened();
  return { web, server };
}

/** Sends a request, and returns what came until the server, which is asked to, ends the connection. */
async function ask(web: WebServer, isSecure: boolean, text: string): Promise<PlainClient> {
  let client;
  if (isSecure) {
    const socket = connectTls({ host: '127.0.0.1', port: web.HTTPSPort, rejectUnauthorized: false });
    onTestFinished(() => void socket.destroy());
    client = new PlainClient(socket);
  } else {
    client = await PlainClient.connect(web.HTTPPort);
  }
  client.socket.write(text, 'latin1');
  await client.answers(1);
  client.socket.end();
  await client.closed;
  return client;
}

/** Each request with its Host lines and its target. */
const requests: Readonly<Record<string, (hostLines: string, target: string) => string>> = {
  GET: (hostLines, target) => `GET ${target} HTTP/1.1\r\n${hostLines}Connection: close\r\n\r\n`,
  HEAD: (hostLines, target) => `HEAD ${target} HTTP/1.1\r\n${hostLines}Connection: close\r\n\r\n`,
  POST: (hostLines, target) => `POST ${target} HTTP/1.1\r\n${hostLines}Connection: close\r\nContent-Length: 0\r\n\r\n`,
  'CORS preflight': (hostLines, target) =>
    `OPTIONS ${target} HTTP/1.1\r\n${hostLines}Connection: close\r\nOrigin: http://evil.example\r\n` +
    'Access-Control-Request-Method: GET\r\n\r\n',
  upgrade: (hostLines, target) =>
    handshakeRequest({ path: target, without: ['Host'] }).replace('\r\n', `\r\n${hostLines}`),
  'upgrade that Node parses': (hostLines, target) =>
    handshakeRequest({ path: target, without: ['Host'], headers: ['TE: trailers'] }).replace(
      '\r\n',
      `\r\n${hostLines}`,
    ),
};

describe.each(Object.entries(requests))('DNS rebinding: %s', (name, build) => {
  const isUpgrade = name.startsWith('upgrade');

  test.each([false, true])('a host that is not in the list is refused with 421, over TLS: %s', async (isSecure) => {
    const { web, server } = await serve(['localhost', '*.friend.example']);
    const refused: [hostLines: string, target: string][] = [
      ['Host: evil.example\r\n', '/'],
      ['Host: evil.example:8080\r\nOrigin: http://evil.example:8080\r\n', '/'],
      ['Host: localhost.evil.example\r\n', '/'],
      ['Host: friend.example\r\n', '/'],
      ['Host: 127.0.0.1\r\n', '/'],
      ['Host: \r\n', '/'],
      ['Host: evil.example\r\n', 'http://evil.example/'],
    ];
    for (const [hostLines, target] of refused) {
      const { statuses, text } = await ask(web, isSecure, build(hostLines, target));
      expect(statuses).toEqual([421]);
      if (name !== 'HEAD') expect(text.endsWith(`\r\n\r\n${WHY}`)).toBe(true);
    }
    expect(server.callbacks).toEqual(['onOpen']);
  });

  test.each([[undefined], [['localhost']]])('a request for two hosts is refused with 400, hosts: %s', async (hosts) => {
    const { web, server } = await serve(hosts);
    const refused: [hostLines: string, target: string][] = [
      ['Host: localhost\r\nHost: evil.example\r\n', '/'],
      ['Host: evil.example\r\nHost: localhost\r\n', '/'],
      ['Host: localhost\r\nHOST: localhost\r\n', '/'],
      ['Host: localhost, evil.example\r\n', '/'],
      ['Host: evil.example@localhost\r\n', '/'],
      ['Host: localhost\r\n', 'http://evil.example/'],
      ['Host: evil.example\r\n', 'http://localhost/'],
      ['Host: localhost\r\n', 'http://localhost:81/'],
      ['Host: \r\n', 'http://localhost/'],
    ];
    for (const [hostLines, target] of refused) {
      for (const isSecure of [false, true]) {
        const { statuses } = await ask(web, isSecure, build(hostLines, target));
        expect(statuses, hostLines + target).toEqual([400]);
      }
    }
    expect(server.callbacks).toEqual(['onOpen']);
  });

  test('a host of the list is served', async () => {
    const { web } = await serve(['localhost', '*.friend.example', '[::1]']);
    for (const host of ['localhost', 'LOCALHOST:1', 'a.friend.example', '[::1]:8080']) {
      const { statuses } = await ask(web, false, build(`Host: ${host}\r\n`, '/'));
      expect(statuses).not.toContain(421);
      if (isUpgrade) expect(statuses).toEqual([101]);
    }
    const { statuses } = await ask(web, false, build('Host: localhost\r\n', 'http://LocalHost/'));
    expect([[101], [200], [403], [405]]).toContainEqual(statuses);
  });

  test('without a list every host is served', async () => {
    const { web } = await serve();
    const { statuses } = await ask(web, false, build('Host: evil.example\r\n', '/'));
    expect(statuses).not.toContain(421);
    if (isUpgrade) expect(statuses).toEqual([101]);
  });
});

test('a request of HTTP/1.0 without Host is refused where there is a list', async () => {
  for (const [hosts, status] of [
    [['localhost'], 421],
    [undefined, 200],
  ] as const) {
    const { web } = await serve(hosts);
    expect((await ask(web, false, 'GET / HTTP/1.0\r\n\r\n')).statuses).toEqual([status]);
  }
});
