import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect as connectTls } from 'node:tls';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { WebSocketServer } from '../../src/index.ts';
import type { UpgradableServer } from '../../src/http/upgradable-server.ts';
import { recordingHandler } from '../../src/testing.ts';
import { makeCertificate } from '../helpers/certificate.ts';
import { makeCertificateFolder } from '../helpers/certificate-folder.ts';
import { frame } from '../helpers/frames.ts';
import { makeFolder } from '../helpers/folder.ts';
import { handshakeRequest } from '../helpers/handshake-request.ts';
import { expectNoOpenSockets } from '../helpers/leftovers.ts';
import { startWebServer } from '../helpers/library-server.ts';
import { PlainClient, plainRequest } from '../helpers/plain-client.ts';
import { listen } from '../helpers/transport-pairs.ts';
import { turns } from '../helpers/turns.ts';

afterAll(() => expectNoOpenSockets());

const BODY = '~'.repeat(10_000_000);

interface Target {
  readonly port: number;
  readonly ca?: string;
}

/** Starts a server of Node that answers after some turns, with a WebSocket server on it. */
async function startForeign(server: UpgradableServer): Promise<number> {
  const port = await listen(server);
  const wss = WebSocketServer.new({ onConnection: () => recordingHandler() }, { webServer: server })!;
  onTestFinished(() => wss.terminate(0));
  return port;
}

const answerLater: RequestListener = (_, response) => {
  void turns().then(() => response.end(BODY));
};

/** Starts a web server of the library with a file, and a WebSocket server on it. */
async function startOwn(isTls: boolean): Promise<Target> {
  const { certificateFolder, ca } = makeCertificateFolder();
  const web = await startWebServer({
    HTTPEnabled: !isTls,
    HTTPSEnabled: isTls,
    HTTPSPort: 0,
    certificateFolder,
    rootFolder: makeFolder({ 'big.txt': BODY }),
  });
  WebSocketServer.new({ onConnection: () => recordingHandler() }, { webServer: web });
  return isTls ? { port: web.HTTPSPort, ca } : { port: web.HTTPPort };
}

const targets: Readonly<Record<string, () => Promise<Target>>> = {
  'a web server of the library': () => startOwn(false),
  'a web server of the library, over TLS': () => startOwn(true),
  'a server of Node': async () => ({ port: await startForeign(createServer(answerLater)) }),
  'a server of Node, over TLS': async () => {
    const certificate = makeCertificate();
    return { port: await startForeign(createSecureServer(certificate, answerLater)), ca: certificate.cert };
  },
};

describe.each(Object.entries(targets))('%s', (_, start) => {
  test('an upgrade pipelined behind a slow GET opens behind its answer, and both are whole', async () => {
    const { port, ca } = await start();
    const client =
      ca === undefined
        ? await PlainClient.connect(port)
        : new PlainClient(connectTls({ host: '127.0.0.1', port, ca, servername: 'localhost' }));
    onTestFinished(() => void client.socket.destroy());
    const close = frame('client', '88', '03e8').toString('latin1');
    client.socket.write(plainRequest('/big.txt') + handshakeRequest() + close, 'latin1');
    await client.closed;
    expect(client.statuses).toEqual([200, 101]);
    const [answer, upgrade] = client.text.split(/(?=HTTP\/1\.1 101)/);
    expect(answer!.endsWith(`\r\n\r\n${BODY}`)).toBe(true);
    expect(upgrade!.endsWith('\r\n\r\n\x88\x02\x03\xe8')).toBe(true);
  });
});
