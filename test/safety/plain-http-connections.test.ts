import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect as connectTls } from 'node:tls';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { WebSocketServer } from '../../src/index.ts';
import { recordingHandler } from '../../src/testing.ts';
import { makeCertificateFolder } from '../helpers/certificate-folder.ts';
import { makeFolder } from '../helpers/folder.ts';
import { requestPath } from '../helpers/http.ts';
import { expectNoDeadlines, expectNoOpenSockets } from '../helpers/leftovers.ts';
import { startWebServer } from '../helpers/library-server.ts';
import { PlainClient, plainRequest } from '../helpers/plain-client.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { turns } from '../helpers/turns.ts';

afterAll(async () => {
  await expectNoDeadlines();
  await expectNoOpenSockets();
});

const FULL = 'the server is full (maxConnections 3): try again later\n';

describe('maxConnections', () => {
  test('counts plain, idle, silent and upgraded connections of both ports together', async () => {
    const { certificateFolder } = makeCertificateFolder();
    const web = await startWebServer({
      rootFolder: makeFolder({ 'index.html': 'home' }),
      HTTPSEnabled: true,
      HTTPSPort: 0,
      certificateFolder,
      maxConnections: 3,
    });
    WebSocketServer.new({ onConnection: () => recordingHandler() }, { webServer: web });
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    expect((await requestPath(web.HTTPPort, '/', { agent })).status).toBe(200);
    await RawClient.open(web.HTTPPort);
    // A client in the middle of its TLS handshake.
    const silent = await PlainClient.connect(web.HTTPSPort);
    await turns();
    const { status, headers, body } = await requestPath(web.HTTPPort, '/');
    expect([status, headers.connection, body]).toEqual([503, 'close', FULL]);
    expect((await (await RawClient.request(web.HTTPPort)).answered).status).toBe(503);
    // Over TLS nothing can be said.
    const secure = await PlainClient.connect(web.HTTPSPort);
    await secure.closed;
    expect(secure.text).toBe('');
    // The connections within the limit go on.
    expect((await requestPath(web.HTTPPort, '/', { agent })).status).toBe(200);
    silent.socket.destroy();
    await turns();
    expect((await requestPath(web.HTTPPort, '/')).status).toBe(200);
  });

  test('refuses before a request is sent, and a client that sends its request all the same reads the refusal', async () => {
    const web = await startWebServer({ maxConnections: 1 });
    await PlainClient.connect(web.HTTPPort);
    const silent = await PlainClient.connect(web.HTTPPort);
    await silent.closed;
    expect(silent.text.endsWith(`\r\n\r\n${FULL.replace('3', '1')}`)).toBe(true);
    expect((await requestPath(web.HTTPPort, '/', { method: 'POST', body: 'x'.repeat(1_000_000) })).status).toBe(503);
  });

  test('lets 64 refused clients linger, and cuts off all others', async () => {
    const web = await startWebServer({ maxConnections: 1 });
    await PlainClient.connect(web.HTTPPort);
    await turns();
    // They keep their side open.
    const lingering: RawClient[] = [];
    for (let i = 0; i < 64; i++) lingering.push(await RawClient.connect(web.HTTPPort));
    await Promise.all(lingering.map((client) => client.answered));
    const cutOff = await PlainClient.connect(web.HTTPPort);
    await cutOff.closed;
    expect(cutOff.text).toBe('');
    lingering.pop()!.socket.destroy();
    await turns();
    expect((await requestPath(web.HTTPPort, '/')).status).toBe(503);
    // stop() does not wait for the others.
    await web.stop();
    await Promise.all(lingering.map((client) => client.ended));
  });

  test('is the limit of one start()', async () => {
    const web = await startWebServer();
    await web.stop();
    await web.start({ maxConnections: 1 });
    await PlainClient.connect(web.HTTPPort);
    expect((await requestPath(web.HTTPPort, '/')).status).toBe(503);
    await web.stop();
    await web.start();
    await PlainClient.connect(web.HTTPPort);
    expect((await requestPath(web.HTTPPort, '/')).status).toBe(404);
  });
});

describe('maxConnectionsPerAddress', () => {
  test.skipIf(process.platform !== 'linux')('counts each address on its own', async () => {
    const web = await startWebServer({ maxConnectionsPerAddress: 2 });
    const from = (localAddress: string): Promise<PlainClient> =>
      PlainClient.connect({ host: '127.0.0.1', port: web.HTTPPort, localAddress });
    const clients = [await from('127.0.0.2'), await from('127.0.0.2'), await from('127.0.0.3')];
    await turns();
    const { status, body } = await requestPath(web.HTTPPort, '/', { localAddress: '127.0.0.2' });
    expect(status).toBe(503);
    expect(body).toBe('too many connections from your address (maxConnectionsPerAddress 2): close one of them first\n');
    expect((await requestPath(web.HTTPPort, '/', { localAddress: '127.0.0.3' })).status).toBe(404);
    clients[0]!.socket.resetAndDestroy();
    await turns();
    expect((await requestPath(web.HTTPPort, '/', { localAddress: '127.0.0.2' })).status).toBe(404);
    expect(clients.map(({ isClosed }) => isClosed)).toEqual([true, false, false]);
  });

  test('knows an IPv4 client by the same address on a socket that takes IPv6 as well', async () => {
    const web = await startWebServer({ IPAddressToListen: '::', maxConnectionsPerAddress: 1 });
    await PlainClient.connect(web.HTTPPort);
    await turns();
    expect((await requestPath(web.HTTPPort, '/')).status).toBe(503);
    if (process.platform === 'linux') {
      expect((await requestPath(web.HTTPPort, '/', { localAddress: '127.0.0.2' })).status).toBe(404);
    }
  });

  test('frees the place of a connection that has ended, however often', async () => {
    const web = await startWebServer({ maxConnectionsPerAddress: 1, rootFolder: makeFolder({ 'a.txt': 'a' }) });
    for (let i = 0; i < 5; i++) {
      const client = await PlainClient.send(web.HTTPPort, plainRequest('/a.txt', ['Connection: close']));
      await client.closed;
      expect(client.statuses).toEqual([200]);
      await turns();
    }
    const idle = await PlainClient.send(web.HTTPPort, plainRequest('/a.txt'));
    await idle.answers(1);
    expect((await requestPath(web.HTTPPort, '/a.txt')).status).toBe(503);
    idle.socket.destroy();
    await turns();
    expect((await requestPath(web.HTTPPort, '/a.txt')).status).toBe(200);
  });
});

test('without limits TLS clients come in as ever', async () => {
  const { certificateFolder, ca } = makeCertificateFolder();
  const web = await startWebServer({ HTTPSEnabled: true, HTTPSPort: 0, certificateFolder });
  const sockets = Array.from({ length: 20 }, () =>
    connectTls({ host: '127.0.0.1', port: web.HTTPSPort, ca, servername: 'localhost' }),
  );
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
  await Promise.all(sockets.map((socket) => once(socket, 'secureConnect')));
  expect((await requestPath(web.HTTPSPort, '/', { tls: { ca } })).status).toBe(404);
});
