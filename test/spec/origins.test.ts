import { connect } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocketServer, type WebSocketServerOptions } from '../../src/index.ts';
import { makeCertificateFolder } from '../helpers/certificate-folder.ts';
import { startServerOf, startWebServer } from '../helpers/library-server.ts';
import { RawClient } from '../helpers/raw-client.ts';

/** The status that a page of this origin gets on a server at 127.0.0.1. */
async function ask(
  origin: string,
  { host, headers = [], options = {} }: { host?: string; headers?: string[]; options?: WebSocketServerOptions } = {},
): Promise<number> {
  const { web } = await startServerOf({ onMessage() {} }, options);
  const client = await RawClient.request(web.HTTPPort, {
    without: ['Host'],
    headers: [
      `Host: ${(host ?? 'localhost:PORT').replace('PORT', String(web.HTTPPort))}`,
      `Origin: ${origin}`,
      ...headers,
    ],
  });
  return (await client.answered).status;
}

describe('an Origin is read kindly', () => {
  test.each([
    ['https://a.example/', 101],
    ['wss://a.example', 101],
    ['WSS://A.example/', 101],
    ['ws://a.example', 403],
    ['https://a.example//', 403],
    ['https://a.example/path', 403],
  ])('4D-196 %s gives %i where https://a.example is listed', async (origin, status) => {
    expect(await ask(origin, { options: { origins: ['https://a.example'] } })).toBe(status);
  });

  test.each(['http://h.example/', 'ws://h.example'])('4D-196 %s is a page of the same host', async (origin) => {
    expect(await ask(origin, { host: 'h.example' })).toBe(101);
  });
});

describe('a page of the same host and port', () => {
  const trustedProxies = ['127.0.0.1'];

  test.each([
    ['https', 101],
    ['wss', 101],
    ['http', 403],
    ['ws', 403],
  ])('loaded with %s: gets %i over TLS', async (scheme, status) => {
    const { certificateFolder, ca } = makeCertificateFolder();
    const web = await startWebServer({ HTTPEnabled: false, HTTPSEnabled: true, HTTPSPort: 0, certificateFolder });
    WebSocketServer.new({ onConnection: () => ({ onMessage() {} }) }, { webServer: web });
    for (const host of [`chat.example:${web.HTTPSPort}`, 'chat.example']) {
      const client = new RawClient(connect({ host: '127.0.0.1', port: web.HTTPSPort, ca }));
      onTestFinished(() => void client.socket.destroy());
      client.requestHandshake({ without: ['Host'], headers: [`Host: ${host}`, `Origin: ${scheme}://${host}`] });
      expect((await client.answered).status).toBe(status);
    }
  });

  test.each([
    ['https', 'https', 101],
    ['https', 'http', 101],
    ['http', 'http', 101],
    ['http', 'https', 403],
    ['http', 'wss', 403],
    ['ws', 'https', 403],
  ])('loaded with %s, through a trusted proxy that tells %s: gets %i', async (scheme, proto, status) => {
    const headers = [`X-Forwarded-Proto: ${proto}`];
    const origin = `${scheme}://chat.example:8443`;
    expect(await ask(origin, { host: 'chat.example:8443', headers, options: { trustedProxies } })).toBe(status);
  });

  test.each(['http', 'https'])('loaded with %s: connects where nobody tells of TLS', async (scheme) => {
    for (const headers of [[], ['X-Forwarded-Proto: https']]) {
      expect(await ask(`${scheme}://chat.example:8443`, { host: 'chat.example:8443', headers })).toBe(101);
    }
  });
});

describe('a page of this machine', () => {
  test.each([
    'http://localhost:5173',
    'http://127.0.0.1:3000',
    'http://127.9.9.9',
    'http://[::1]:5173',
    'https://app.localhost:5173',
  ])('4D-197 on %s may connect to any port of it', async (origin) => {
    for (const host of ['localhost:PORT', '127.0.0.1:PORT', '[::1]:PORT', 'api.localhost']) {
      expect(await ask(origin, { host })).toBe(101);
    }
  });

  test.each(['http://evil.example', 'http://localhost.evil.example', 'http://127.0.0.1.evil.example', 'null'])(
    '4D-197 is not one on %s',
    async (origin) => {
      expect(await ask(origin)).toBe(403);
    },
  );

  test.each(['example.com', 'evil.example:PORT', '192.168.1.5:PORT'])(
    '4D-197 may not connect when it asks for the host %s',
    async (host) => {
      expect(await ask('http://localhost:5173', { host })).toBe(403);
    },
  );

  test.each([
    'Forwarded: for=192.0.2.1',
    'X-Forwarded-For: 127.0.0.1',
    'X-Forwarded-Host: localhost',
    'Via: 1.1 proxy',
  ])('4D-197 may not connect through a proxy: %s', async (header) => {
    expect(await ask('http://localhost:5173', { headers: [header] })).toBe(403);
    const options = { trustedProxies: ['127.0.0.1'] };
    expect(await ask('http://localhost:5173', { headers: [header], options })).toBe(403);
  });

  test.each([[], ['http://localhost:3000']])('4D-197 is no exception where origins are %j', async (...origins) => {
    expect(await ask('http://localhost:5173', { options: { origins: origins.flat() } })).toBe(403);
  });
});
