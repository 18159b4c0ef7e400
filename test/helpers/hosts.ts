import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { WebServer } from '../../src/index.ts';
import { makeCertificateFolder } from './certificate-folder.ts';
import { startWebServer } from './library-server.ts';
import { listen, makeSocketPath } from './transport-pairs.ts';

/** An HTTP server for a WebSocket server to attach to. The server ends with the test. */
export interface Host {
  readonly webServer: WebServer | HttpServer;
  /** Connects without sending anything. The socket ends with the test, and keeps its side open when the server ends. */
  connect(): Promise<Socket>;
}

/** Starts a host, by the kind of its sockets. */
export const startHost = {
  TCP: async () => {
    const webServer = await startWebServer();
    return { webServer, connect: () => connected(connect({ ...HALF_OPEN, port: webServer.HTTPPort }), 'connect') };
  },
  TLS: async () => {
    const { certificateFolder, ca } = makeCertificateFolder();
    const settings = { HTTPEnabled: false, HTTPSEnabled: true, HTTPSPort: 0, certificateFolder };
    const webServer = await startWebServer(settings);
    const to = (): Socket => connectTls({ ...HALF_OPEN, port: webServer.HTTPSPort, ca });
    return { webServer, connect: () => connected(to(), 'secureConnect') };
  },
  Unix: async () => {
    const [webServer, path] = [createServer(), makeSocketPath()];
    await listen(webServer, { path });
    return { webServer, connect: () => connected(connect({ path, allowHalfOpen: true }), 'connect') };
  },
} as const satisfies Record<string, () => Promise<Host>>;

const HALF_OPEN = { host: '127.0.0.1', allowHalfOpen: true } as const;

async function connected(socket: Socket, event: string): Promise<Socket> {
  onTestFinished(() => void socket.destroy());
  await once(socket, event);
  return socket;
}
