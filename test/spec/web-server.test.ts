import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { connect as connectTcp, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { fetch } from 'undici';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type FourDError, WebServer, type WebServerSettings, webServer, WebSocketServer } from '../../src/index.ts';
import { makeCertificateFolder, shakeHands } from '../helpers/certificate-folder.ts';
import { errorOf } from '../helpers/error-of.ts';
import { throwingProxy } from '../helpers/hostile-values.ts';
import { makeFolder } from '../helpers/folder.ts';
import { requestPath } from '../helpers/http.ts';
import { startWebServer } from '../helpers/library-server.ts';
import { findClosedPort } from '../helpers/raw-server.ts';

const LOCAL: WebServerSettings = { HTTPPort: 0, IPAddressToListen: '127.0.0.1' };

const errorItem = {
  errCode: expect.any(Number) as number,
  message: expect.any(String) as string,
  componentSignature: 'HTTP',
};

/** Listens on a port until the test ends. */
async function occupyPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    await once(server, 'close');
  });
  return (server.address() as { port: number }).port;
}

function creationError(web: WebServer): FourDError {
  return errorOf(() => WebSocketServer.new({ onConnection: () => null }, { webServer: web }));
}

/** Tells whether TCP connections to this port are accepted. */
async function isListening(port: number, host = '127.0.0.1'): Promise<boolean> {
  const socket = connectTcp({ port, host });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Assigns to a read-only member, as untyped code may. Expects a TypeError. */
function assign(target: object, name: string, value: unknown): void {
  expect(() => {
    (target as Record<string, unknown>)[name] = value;
  }).toThrow(TypeError);
}

test('4D-136 start() gives {success: true} without errors, and isRunning is true', async () => {
  const web = new WebServer(LOCAL);
  onTestFinished(() => web.stop());
  expect(web.isRunning).toBe(false);
  expect(await web.start()).toStrictEqual({ success: true });
  expect(web.isRunning).toBe(true);
  expect((await fetch(`http://127.0.0.1:${web.HTTPPort}/`)).status).toBe(404);
});

test('4D-136 the default web server starts like any other', async () => {
  const web = webServer();
  expect(webServer()).toBe(web);
  expect(web.isRunning).toBe(false);
  expect(await web.start(LOCAL)).toStrictEqual({ success: true });
  expect(web.isRunning).toBe(true);
  await web.stop();
  expect(web.isRunning).toBe(false);
});

test('4D-137 start() on a running server gives success false and errors; the server keeps running', async () => {
  const web = await startWebServer();
  const port = web.HTTPPort;
  expect(await web.start({ HTTPPort: await findClosedPort() })).toStrictEqual({ success: false, errors: [errorItem] });
  expect(web.isRunning).toBe(true);
  expect(web.HTTPPort).toBe(port);
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
});

test('4D-138 start() on a busy port gives success false and error items of three fields', async () => {
  const port = await occupyPort();
  const web = new WebServer({ ...LOCAL, HTTPPort: port });
  const { success, errors } = await web.start();
  expect(success).toBe(false);
  expect(errors).toStrictEqual([{ ...errorItem, message: expect.stringContaining(String(port)) as string }]);
  expect(web.isRunning).toBe(false);
});

test('4D-139 stop() on a stopped server does nothing', async () => {
  const web = new WebServer(LOCAL);
  await web.stop();
  expect(web.isRunning).toBe(false);
  expect(await web.start()).toStrictEqual({ success: true });
  await web.stop();
  await web.stop();
  expect(web.isRunning).toBe(false);
});

test('4D-140 settings given to start() are forgotten after stop()', async () => {
  const web = new WebServer({ ...LOCAL, name: 'own', rootFolder: makeFolder({ 'index.html': 'own' }) });
  onTestFinished(() => web.stop());
  const ownFolder = web.rootFolder;
  const otherFolder = makeFolder({ 'home.htm': 'other' });
  await web.start({ name: 'other', rootFolder: otherFolder, defaultHomepage: 'home.htm', CORSEnabled: true });
  expect([web.name, web.rootFolder, web.defaultHomepage, web.CORSEnabled]).toEqual([
    'other',
    otherFolder,
    'home.htm',
    true,
  ]);
  expect((await requestPath(web.HTTPPort, '/')).body).toBe('other');

  await web.stop();
  const own = ['own', ownFolder, 'index.html', false];
  expect([web.name, web.rootFolder, web.defaultHomepage, web.CORSEnabled]).toEqual(own);

  await web.start();
  expect([web.name, web.rootFolder, web.defaultHomepage, web.CORSEnabled]).toEqual(own);
  expect((await requestPath(web.HTTPPort, '/')).body).toBe('own');
});

test('4D-141 isRunning and name cannot be assigned', async () => {
  const web = await startWebServer({ name: 'mine' });
  assign(web, 'isRunning', false);
  assign(web, 'name', 'yours');
  expect(web.isRunning).toBe(true);
  expect(web.name).toBe('mine');
});

test('4D-142 HTTPPort is the port that listens', async () => {
  const port = await findClosedPort();
  const web = await startWebServer({ HTTPPort: port });
  expect(web.HTTPPort).toBe(port);
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
});

test('4D-142 HTTPPort 0 is any free port, and the property shows it while the server runs', async () => {
  const web = new WebServer(LOCAL);
  expect(web.HTTPPort).toBe(0);
  await web.start();
  const port = web.HTTPPort;
  expect(port).toBeGreaterThan(0);
  expect(await isListening(port)).toBe(true);
  await web.stop();
  expect(web.HTTPPort).toBe(0);
  expect(await isListening(port)).toBe(false);
});

test('4D-142 IPAddressToListen limits the address', async () => {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list!.map(({ address }) => address));
  // Every address of 127.0.0.0/8 is this machine.
  const other = addresses.find((address) => address.includes('.') && !address.startsWith('127.')) ?? '127.0.0.2';

  const local = await startWebServer({ IPAddressToListen: '127.0.0.1' });
  expect(await isListening(local.HTTPPort, '127.0.0.1')).toBe(true);
  expect(await isListening(local.HTTPPort, other)).toBe(false);

  const all = await startWebServer({ IPAddressToListen: '' });
  expect(await isListening(all.HTTPPort, '127.0.0.1')).toBe(true);
  expect(await isListening(all.HTTPPort, other)).toBe(true);
});

test('4D-143 / serves defaultHomepage from rootFolder', async () => {
  const rootFolder = makeFolder({ 'welcome.html': '<p>Welcome</p>', 'index.html': 'not this one' });
  const web = await startWebServer({ rootFolder, defaultHomepage: 'welcome.html' });
  const response = await fetch(`http://127.0.0.1:${web.HTTPPort}/`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(await response.text()).toBe('<p>Welcome</p>');
});

test('4D-143 without a setting the homepage is index.html', async () => {
  const web = await startWebServer({ rootFolder: makeFolder({ 'index.html': 'home' }) });
  expect(await requestPath(web.HTTPPort, '/?x=1')).toMatchObject({ status: 200, body: 'home' });
});

test('4D-143 /ws%20client.htm serves the file "ws client.htm"', async () => {
  const web = await startWebServer({ rootFolder: makeFolder({ 'ws client.htm': 'the client', 'ä/é.txt': 'accents' }) });
  expect(await requestPath(web.HTTPPort, '/ws%20client.htm')).toMatchObject({ status: 200, body: 'the client' });
  expect(await requestPath(web.HTTPPort, '/%C3%A4/%c3%a9.txt')).toMatchObject({ status: 200, body: 'accents' });
});

describe('4D-144 a path that leaves rootFolder is not found', () => {
  const paths = [
    '/../secret.txt',
    '/sub/../../secret.txt',
    '/..',
    '/%2e%2e/secret.txt',
    '/%2e%2e%2fsecret.txt',
    '/.%2e/secret.txt',
    '/sub/%2e%2e/%2E%2E/secret.txt',
    '/..%2fsecret.txt',
    '/..%5csecret.txt',
    '/..\\secret.txt',
    '/sub/..%5c..%5csecret.txt',
    '//../secret.txt',
    '/../root-sibling/secret.txt',
    '/%00/../../secret.txt',
    '/index.html%00',
    '/%252e%252e/secret.txt',
    '/%c0%ae%c0%ae/secret.txt',
    '/%',
  ];

  test.each(paths)('4D-144 %s', async (path) => {
    const folder = makeFolder({ 'secret.txt': 'secret', 'root-sibling/secret.txt': 'secret', 'root/index.html': 'x' });
    mkdirSync(join(folder, 'root/sub'));
    const web = await startWebServer({ rootFolder: join(folder, 'root') });
    const reply = await requestPath(web.HTTPPort, path);
    expect(reply).toMatchObject({ status: 404, body: 'Not Found\n' });
  });

  test('4D-144 the absolute path of a file', async () => {
    const folder = makeFolder({ 'secret.txt': 'secret', 'root/index.html': 'x' });
    const web = await startWebServer({ rootFolder: join(folder, 'root') });
    const secret = join(folder, 'secret.txt');
    for (const path of [secret, `/${secret}`, `/${encodeURIComponent(secret)}`, `//${secret}`]) {
      expect((await requestPath(web.HTTPPort, path)).status).toBe(404);
    }
  });

  test('4D-144 a file that exists is found with dots that stay inside', async () => {
    const web = await startWebServer({ rootFolder: makeFolder({ 'a/b.txt': 'inside', 'c.txt': 'c' }) });
    expect((await requestPath(web.HTTPPort, '/a/./b.txt')).body).toBe('inside');
    expect((await requestPath(web.HTTPPort, '/a/../c.txt')).body).toBe('c');
  });
});

test('4D-145 TRACE is answered with 405', async () => {
  const web = await startWebServer({ rootFolder: makeFolder({ 'index.html': 'home' }) });
  const reply = await requestPath(web.HTTPPort, '/', { method: 'TRACE', headers: { Cookie: 'secret=1' } });
  expect(reply.status).toBe(405);
  expect(reply.body).not.toContain('secret');
});

test('4D-145 TRACE is answered with 405 also when CORS is on and the host not allowed', async () => {
  const web = await startWebServer({ CORSEnabled: true });
  const headers = { Origin: 'https://other.example' };
  expect((await requestPath(web.HTTPPort, '/', { method: 'TRACE', headers })).status).toBe(405);
});

const CORSSettings = [{ host: 'https://friend.example', methods: 'get;head' }];

function corsHeadersOf(headers: object): string[] {
  return Object.keys(headers).filter((name) => name.startsWith('access-control-'));
}

test('4D-146 with CORSEnabled an allowed host gets CORS headers', async () => {
  const web = await startWebServer({
    rootFolder: makeFolder({ 'index.html': 'home' }),
    CORSEnabled: true,
    CORSSettings,
  });
  const reply = await requestPath(web.HTTPPort, '/', { headers: { Origin: 'https://friend.example' } });
  expect(reply).toMatchObject({ status: 200, body: 'home' });
  expect(reply.headers['access-control-allow-origin']).toBe('https://friend.example');
  expect(reply.headers.vary).toBe('Origin');
});

test('4D-146 with CORSEnabled a preflight request of an allowed host is answered', async () => {
  const web = await startWebServer({
    rootFolder: makeFolder({ 'index.html': 'home' }),
    CORSEnabled: true,
    CORSSettings,
  });
  const reply = await requestPath(web.HTTPPort, '/', {
    method: 'OPTIONS',
    headers: {
      Origin: 'https://friend.example',
      'Access-Control-Request-Method': 'GET',
      'Access-Control-Request-Headers': 'x-token',
    },
  });
  expect(reply).toMatchObject({ status: 204, body: '' });
  expect(reply.headers['access-control-allow-origin']).toBe('https://friend.example');
  expect(reply.headers['access-control-allow-methods']).toBe('GET, HEAD');
  expect(reply.headers['access-control-allow-headers']).toBe('x-token');
});

test('4D-146 with CORSEnabled another host gets 403', async () => {
  const web = await startWebServer({
    rootFolder: makeFolder({ 'index.html': 'home' }),
    CORSEnabled: true,
    CORSSettings,
  });
  const headers = { Origin: 'https://friend.example.evil.example' };
  for (const request of [
    { headers },
    { method: 'OPTIONS', headers: { ...headers, 'Access-Control-Request-Method': 'GET' } },
  ]) {
    const reply = await requestPath(web.HTTPPort, '/', request);
    expect(reply.status).toBe(403);
    expect(reply.body).not.toContain('home');
    expect(corsHeadersOf(reply.headers)).toEqual([]);
  }
});

test('4D-146 without CORSEnabled there are no CORS headers', async () => {
  const web = await startWebServer({ rootFolder: makeFolder({ 'index.html': 'home' }), CORSSettings });
  const headers = { Origin: 'https://friend.example', 'Access-Control-Request-Method': 'GET' };
  const reply = await requestPath(web.HTTPPort, '/', { headers });
  expect(reply).toMatchObject({ status: 200, body: 'home' });
  expect(corsHeadersOf(reply.headers)).toEqual([]);
  expect(corsHeadersOf((await requestPath(web.HTTPPort, '/', { method: 'OPTIONS', headers })).headers)).toEqual([]);
});

test('4D-147 HTTPS uses key.pem and cert.pem of certificateFolder', async () => {
  const { certificateFolder, ca } = makeCertificateFolder();
  const rootFolder = makeFolder({ 'index.html': 'secure' });
  const web = await startWebServer({
    HTTPEnabled: false,
    HTTPSEnabled: true,
    HTTPSPort: 0,
    certificateFolder,
    rootFolder,
  });
  expect(await requestPath(web.HTTPSPort, '/', { tls: { ca } })).toMatchObject({ status: 200, body: 'secure' });
  await expect(requestPath(web.HTTPSPort, '/', { tls: {} })).rejects.toMatchObject({
    code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  });
});

test('4D-147 HTTP and HTTPS run side by side', async () => {
  const { certificateFolder, ca } = makeCertificateFolder();
  const web = await startWebServer({ HTTPSEnabled: true, HTTPSPort: 0, certificateFolder });
  expect(web.HTTPSPort).not.toBe(web.HTTPPort);
  expect((await requestPath(web.HTTPPort, '/')).status).toBe(404);
  expect((await requestPath(web.HTTPSPort, '/', { tls: { ca } })).status).toBe(404);
});

test('4D-147 by default TLS 1.1 is refused, TLS 1.2 and 1.3 are accepted', async () => {
  const { certificateFolder, ca } = makeCertificateFolder();
  const web = await startWebServer({ HTTPEnabled: false, HTTPSEnabled: true, HTTPSPort: 0, certificateFolder });
  expect(web.minTLSVersion).toBe(3);
  expect(await shakeHands(web.HTTPSPort, ca, 'TLSv1.1')).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  expect(await shakeHands(web.HTTPSPort, ca, 'TLSv1.2')).toBe('TLSv1.2');
  expect(await shakeHands(web.HTTPSPort, ca, 'TLSv1.3')).toBe('TLSv1.3');
});

test('4D-147 with minTLSVersion 4, TLS 1.2 is refused', async () => {
  const { certificateFolder, ca } = makeCertificateFolder();
  const web = await startWebServer({
    HTTPEnabled: false,
    HTTPSEnabled: true,
    HTTPSPort: 0,
    certificateFolder,
    minTLSVersion: 4,
  });
  expect(await shakeHands(web.HTTPSPort, ca, 'TLSv1.2')).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  expect(await shakeHands(web.HTTPSPort, ca, 'TLSv1.3')).toBe('TLSv1.3');
});

test('4D-147 with minTLSVersion 2, TLS 1.0 is refused and TLS 1.1 accepted', async () => {
  const { certificateFolder, ca } = makeCertificateFolder();
  const web = await startWebServer({
    HTTPEnabled: false,
    HTTPSEnabled: true,
    HTTPSPort: 0,
    certificateFolder,
    minTLSVersion: 2,
  });
  expect(await shakeHands(web.HTTPSPort, ca, 'TLSv1')).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  expect(await shakeHands(web.HTTPSPort, ca, 'TLSv1.1')).toBe('TLSv1.1');
  expect(await shakeHands(web.HTTPSPort, ca, 'TLSv1.3')).toBe('TLSv1.3');
});

describe('a WebSocket server whose web server does not run', () => {
  test('4D-219 is told why the last start failed', async () => {
    const port = await occupyPort();
    const web = new WebServer({ ...LOCAL, HTTPPort: port });
    await web.start();
    expect(creationError(web)).toMatchObject({
      code: 'ERR_WEB_SERVER_NOT_STARTED',
      message: expect.stringContaining(`its last start failed: EADDRINUSE 127.0.0.1:${port} (`) as string,
      cause: { code: 'ERR_WEB_SERVER_LISTEN' },
    });
    await web.start({ HTTPPort: 0, HTTPSEnabled: true, HTTPSPort: 0, certificateFolder: import.meta.dirname });
    expect(creationError(web)).toMatchObject({
      message: expect.stringContaining('its last start failed: cannot use key.pem and cert.pem') as string,
      cause: { code: 'ERR_WEB_SERVER_CERTIFICATE' },
    });
    // A success ends what the failures before it said.
    await web.start({ HTTPPort: 0 });
    await web.stop();
    expect(creationError(web)).toEqual(
      expect.objectContaining({
        message: 'cannot create a WebSocket server: the web server is not running: await web.start() first',
      }),
    );
  });

  test('4D-219 is told that the default web server was meant', () => {
    expect(() => WebSocketServer.new({ onConnection: () => null }, { webServer: undefined })).toThrow(
      /the web server is not running: await web\.start\(\) first\. No webServer was passed, so the default one was meant/,
    );
  });

  test('4D-219 is told so whatever a setting of the last start has thrown', async () => {
    const web = new WebServer(LOCAL);
    await web.start({
      get HTTPPort(): number {
        throw throwingProxy();
      },
    });
    expect(creationError(web)).toMatchObject({
      code: 'ERR_WEB_SERVER_NOT_STARTED',
      message: expect.stringContaining('its last start failed: invalid setting: HTTPPort cannot be read') as string,
    });
  });

  test('4D-219 is told that the start or the stop is not over', async () => {
    const web = new WebServer(LOCAL);
    const starting = web.start();
    expect(creationError(web)).toMatchObject({
      message: expect.stringContaining('the start of the web server is not over yet: await web.start()') as string,
    });
    await starting;
    const stopping = web.stop();
    expect(creationError(web)).toMatchObject({
      message: expect.stringContaining('the web server is stopping') as string,
    });
    await stopping;
  });
});
