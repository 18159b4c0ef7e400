import { readFile } from 'node:fs/promises';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { DEFAULT_CIPHERS, type SecureVersion } from 'node:tls';
import { FourDError, textOfThrown } from '../errors.ts';
import { UpgradeFastPath } from '../http/upgrade-fast-path.ts';
import type { UpgradableServer } from '../http/upgradable-server.ts';
import { keepUntilClosed } from '../transport/socket-transport.ts';
import { FileServer } from './file-server.ts';
import { createRequestListener, limitPipelining } from './web-server-requests.ts';
import type { CheckedSettings } from './web-server-settings.ts';

/** Time for a TLS handshake, and time for a client to send its request headers, in milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Cuts off slow clients: Node checks every `connectionsCheckingInterval` ms whether headers take too long. */
const LIMITS = { headersTimeout: HANDSHAKE_TIMEOUT_MS, connectionsCheckingInterval: HANDSHAKE_TIMEOUT_MS / 2 } as const;

const TLS_VERSIONS = { 1: 'TLSv1', 2: 'TLSv1.1', 3: 'TLSv1.2', 4: 'TLSv1.3' } as const satisfies Record<
  number,
  SecureVersion
>;

/** The HTTP and HTTPS servers of one run of a web server, from its start to its stop, and their connections. */
export class HttpServers {
  readonly all: readonly UpgradableServer[];
  readonly #http: UpgradableServer | undefined;
  readonly #https: UpgradableServer | undefined;
  readonly #fastPath: UpgradeFastPath | undefined;
  readonly #files: FileServer | undefined;
  /** Functions that take back what the library has attached to the servers. */
  readonly #detach: readonly (() => void)[];
  /** All TCP connections, also upgraded ones, which Node's HTTP server no longer closes. */
  readonly #sockets = new Set<Socket>();
  /** Promises that resolve when a server has stopped listening and its last connection has ended. */
  #closed: readonly Promise<void>[] = [];

  /**
   * Creates the servers and lets them listen.
   *
   * @throws FourDError `ERR_WEB_SERVER_LISTEN` or `ERR_WEB_SERVER_CERTIFICATE`: then no port remains open
   */
  static async listen(settings: CheckedSettings): Promise<HttpServers> {
    const files = await FileServer.of(settings);
    const listener = createRequestListener(settings, files);
    const http = settings.HTTPEnabled ? createHttpServer(LIMITS, listener) : undefined;
    const https = settings.HTTPSEnabled ? await createSecureServer(settings, listener) : undefined;
    const servers = new HttpServers(http, https, files);
    try {
      await servers.#listen(settings);
      return servers;
    } catch (error) {
      servers.stopListening();
      servers.destroySockets();
      await servers.closed();
      throw error;
    }
  }

  private constructor(
    http: UpgradableServer | undefined,
    https: UpgradableServer | undefined,
    files: FileServer | undefined,
  ) {
    this.all = [http, https].filter((server) => server !== undefined);
    this.#http = http;
    this.#https = https;
    this.#files = files;
    this.#fastPath = http && UpgradeFastPath.of(http);
    this.#detach = this.all.map(limitPipelining);
  }

  /** The ports that the servers have got. */
  get ports(): { readonly HTTPPort?: number; readonly HTTPSPort?: number } {
    return {
      ...(this.#http !== undefined && { HTTPPort: portOf(this.#http) }),
      ...(this.#https !== undefined && { HTTPSPort: portOf(this.#https) }),
    };
  }

  /** Accepts no further connections. */
  stopListening(): void {
    this.#closed = this.all.map((server) => new Promise((resolve) => server.close(() => resolve())));
  }

  /** Ends the connections of plain HTTP: upgraded ones have other owners. */
  closePlainConnections(): void {
    this.#fastPath?.release();
    for (const server of this.all) server.closeAllConnections();
  }

  /** Ends all connections, whatever they are used for. */
  destroySockets(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Resolves when all connections have ended and all files are closed. The servers must have stopped listening. */
  async closed(): Promise<void> {
    await Promise.all(this.#closed);
    for (const detach of this.#detach) detach();
    await this.#files?.closed();
  }

  async #listen({ HTTPPort, HTTPSPort, IPAddressToListen }: CheckedSettings): Promise<void> {
    if (this.#http !== undefined) await this.#listenOn(this.#http, HTTPPort, IPAddressToListen);
    if (this.#https !== undefined) await this.#listenOn(this.#https, HTTPSPort, IPAddressToListen);
  }

  async #listenOn(server: UpgradableServer, port: number, address: string): Promise<void> {
    server.on('connection', (socket: Socket) => keepUntilClosed(socket, this.#sockets));
    await new Promise<void>((resolve, reject) => {
      // The listener stays: a later error of the server, such as too many open files, must not end the process.
      server.on('error', (cause) => reject(listenError(cause, port, address)));
      try {
        server.listen({ port, ...(address !== '' && { host: address }) }, resolve);
      } catch (cause) {
        reject(listenError(cause, port, address));
      }
    });
  }
}

function portOf(server: UpgradableServer): number {
  return (server.address() as AddressInfo).port;
}

async function createSecureServer(settings: CheckedSettings, listener: RequestListener): Promise<UpgradableServer> {
  const folder = settings.certificateFolder ?? '';
  const minVersion = TLS_VERSIONS[settings.minTLSVersion];
  // OpenSSL 3 refuses TLS 1.0 and 1.1 at its default security level, whatever minVersion says.
  const ciphers = settings.minTLSVersion < 3 ? `${DEFAULT_CIPHERS}:@SECLEVEL=0` : DEFAULT_CIPHERS;
  try {
    const [key, cert] = await Promise.all([readFile(join(folder, 'key.pem')), readFile(join(folder, 'cert.pem'))]);
    const tls = { key, cert, minVersion, ciphers, handshakeTimeout: HANDSHAKE_TIMEOUT_MS };
    return createHttpsServer({ ...LIMITS, ...tls }, listener);
  } catch (cause) {
    const message = `cannot use key.pem and cert.pem of certificateFolder: ${textOfThrown(cause)}`;
    throw webError('ERR_WEB_SERVER_CERTIFICATE', message, cause);
  }
}

function listenError(cause: unknown, port: number, address: string): FourDError {
  const where = address === '' ? `port ${port}` : `${address}, port ${port}`;
  return webError('ERR_WEB_SERVER_LISTEN', `cannot listen on ${where}: ${textOfThrown(cause)}`, cause);
}

function webError(
  code: 'ERR_WEB_SERVER_LISTEN' | 'ERR_WEB_SERVER_CERTIFICATE',
  message: string,
  cause: unknown,
): FourDError {
  return new FourDError(code, message, { componentSignature: 'HTTP', cause });
}
