import { once } from 'node:events';
import { createServer } from 'node:http';
import { createSecureServer as createHttp2Server } from 'node:http2';
import { createServer as createSecureServer, type Server as HttpsServer } from 'node:https';
import { connect as connectTls } from 'node:tls';
import { onTestFinished } from 'vitest';
import { type ConnectionEvent, WebSocketServer, type WebSocketServerOptions } from '../../src/index.ts';
import type { HttpOrHttpsServer } from '../../src/http/upgradable-server.ts';
import { recordingHandler } from '../../src/testing.ts';
import { makeCertificate } from './certificate.ts';
import { makeCertificateFolder } from './certificate-folder.ts';
import { startWebServer } from './library-server.ts';
import { type HttpAnswer, RawClient } from './raw-client.ts';
import { listen } from './transport-pairs.ts';

/** Servers that differ only in who reads an upgrade request, and how it arrives. */
export interface UpgradeWay {
  readonly name: string;
  /** Starts an HTTP server, which ends with the test. */
  readonly start: () => Promise<StartedServer>;
}

interface StartedServer {
  readonly server: HttpOrHttpsServer;
  readonly port: number;
  /** The certificate of the server, when it uses TLS. */
  readonly ca?: string;
}

async function startOwn(): Promise<StartedServer> {
  const web = await startWebServer();
  return { server: web.httpServers[0]!, port: web.HTTPPort };
}

/** The fast path steps aside for a server that counts headers. */
async function startOwnWithNodesParser(): Promise<StartedServer> {
  const own = await startOwn();
  own.server.maxHeadersCount = 1000;
  return own;
}

async function startOwnOverTls(): Promise<StartedServer> {
  const { certificateFolder, ca } = makeCertificateFolder();
  const tls = { HTTPEnabled: false, HTTPSEnabled: true, HTTPSPort: 0, certificateFolder };
  const web = await startWebServer(tls);
  return { server: web.httpServers[0]!, port: web.HTTPSPort, ca };
}

async function startForeign(): Promise<StartedServer> {
  const server = createServer();
  return { server, port: await listen(server) };
}

async function startForeignOverTls(): Promise<StartedServer> {
  const { key, cert } = makeCertificate();
  const server = createSecureServer({ key, cert });
  return { server, port: await listen(server), ca: cert };
}

/** A server of HTTP/2 with the parser of HTTP/1.1 beside, as Vite's dev server is over TLS. */
async function startForeignBesideHttp2(): Promise<StartedServer> {
  const { key, cert } = makeCertificate();
  // Its type lacks the settings of HTTP/1.1, which it reads all the same.
  const server = createHttp2Server({ key, cert, allowHTTP1: true }) as unknown as HttpsServer;
  return { server, port: await listen(server), ca: cert };
}

/** A parser that accepts much of what HTTP forbids, such as lines that go on (obs-fold). */
async function startForeignAndLenient(): Promise<StartedServer> {
  const server = createServer({ insecureHTTPParser: true, joinDuplicateHeaders: true });
  return { server, port: await listen(server) };
}

export const upgradeWays: readonly UpgradeWay[] = [
  { name: 'the fast path of an own server', start: startOwn },
  { name: "Node's parser of an own server", start: startOwnWithNodesParser },
  { name: 'an own server over TLS', start: startOwnOverTls },
  { name: 'a foreign server', start: startForeign },
  { name: 'a foreign server over TLS', start: startForeignOverTls },
  { name: 'a foreign server of node:http2 over TLS', start: startForeignBesideHttp2 },
  { name: 'a foreign server with a lenient parser', start: startForeignAndLenient },
];

/** A server with a WebSocket server, and a function that sends it a request. */
export interface AskedServer {
  readonly server: HttpOrHttpsServer;
  /** The events of `onConnection`. */
  readonly asked: ConnectionEvent[];
  /** Sends the text of a request as Latin-1, and resolves to the answer. */
  readonly ask: (text: string) => Promise<HttpAnswer>;
}

/** Starts a server of this way with a WebSocket server that accepts everybody. */
export async function startUpgradeWay(
  way: UpgradeWay,
  options: Omit<WebSocketServerOptions, 'webServer' | 'dataType'> = {},
): Promise<AskedServer> {
  const { server, port, ca } = await way.start();
  const asked: ConnectionEvent[] = [];
  const wss = WebSocketServer.new(
    {
      onConnection(_, event) {
        asked.push(event);
        return recordingHandler() as never;
      },
    },
    { ...options, webServer: server },
  )!;
  onTestFinished(() => wss.terminate(0));
  const ask = async (text: string): Promise<HttpAnswer> => {
    const client = await connectTo(port, ca);
    client.socket.write(text, 'latin1');
    const answer = await client.answered;
    client.socket.destroy();
    return answer;
  };
  return { server, asked, ask };
}

async function connectTo(port: number, ca: string | undefined): Promise<RawClient> {
  if (ca === undefined) return RawClient.connect(port);
  const socket = connectTls({ host: '127.0.0.1', port, ca, servername: 'localhost' });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  return new RawClient(socket);
}
