import { promises as fileSystem } from 'node:fs';
import { createServer as createHttpServer, type ServerOptions } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { DEFAULT_CIPHERS, type SecureVersion } from 'node:tls';
import { FourDError, textOfThrown } from '../errors.ts';
import { UpgradeFastPath } from '../http/upgrade-fast-path.ts';
import { PendingAnswers } from '../http/pending-answers.ts';
import type { HttpOrHttpsServer } from '../http/upgradable-server.ts';
import { UpgradeRouter } from '../http/upgrade-router.ts';
import { HostRule } from '../session/host-rule.ts';
import { FileServer } from './file-server.ts';
import { OpenSockets } from './open-sockets.ts';
import { limitTlsHandshakes } from './tls-handshakes.ts';
import { createRequestListener, limitPipelining, refusalOfHost } from './web-server-requests.ts';
import type { CheckedSettings } from './web-server-settings.ts';

/** Time for the head of a request while no WebSocket server says otherwise, in milliseconds. */
export const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;

/** How often Node looks for requests that take too long. */
const CHECK_INTERVAL_MS = 250;

/** Longest time that a timer of Node can wait. */
const MAX_TIMER_MS = 2_147_483_647;

const TLS_VERSIONS = { 1: 'TLSv1', 2: 'TLSv1.1', 3: 'TLSv1.2', 4: 'TLSv1.3' } as const satisfies Record<
  number,
  SecureVersion
>;

/** What to do about an error of Node, by its code. */
const LISTEN_HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program uses this port: choose another one, or 0 for any that is free',
  EACCES: 'this user may not open this port: choose one from 1024 on',
  EADDRNOTAVAIL: 'this machine does not have this address',
  ENOTFOUND: 'this name has no address',
};

/** A private key and its certificate, in PEM. */
export interface Certificate {
  readonly key: string | Uint8Array;
  /** The certificate; those of its authorities may follow. */
  readonly cert: string | Uint8Array;
}

/** The HTTP and HTTPS servers of one run of a web server, from its start to its stop, and their connections. */
export class HttpServers {
  readonly all: readonly HttpOrHttpsServer[];
  readonly #http: HttpOrHttpsServer | undefined;
  readonly #https: HttpOrHttpsServer | undefined;
  readonly #fastPath: UpgradeFastPath | undefined;
  readonly #requestTimeoutMs: number;
  readonly #files: FileServer | undefined;
  /** Functions that take back what the library has attached to the servers. */
  readonly #detach: readonly (() => void)[];
  /** All connections, also upgraded ones, which Node's HTTP server no longer closes. */
  readonly #sockets: OpenSockets;
  /** Promises that resolve when a server has stopped listening and its last connection has ended. */
  #closed: readonly Promise<void>[] = [];

  /**
   * Creates the servers and lets them listen.
   *
   * @param certificate - takes the place of `certificateFolder`
   * @throws FourDError `ERR_WEB_SERVER_LISTEN` or `ERR_WEB_SERVER_CERTIFICATE`: then no port remains open
   */
  static async listen(settings: CheckedSettings, certificate?: Certificate): Promise<HttpServers> {
    const files = await FileServer.of(settings);
    const hosts = settings.hosts && new HostRule(settings.hosts, 'HTTP');
    const http = settings.HTTPEnabled ? createHttpServer(limitsOf(settings)) : undefined;
    const https = settings.HTTPSEnabled ? await createSecureServer(settings, certificate) : undefined;
    const servers = new HttpServers(http, https, settings, files);
    for (const server of servers.all) {
      server.on('request', createRequestListener(server, settings, hosts, files));
      if (hosts !== undefined) UpgradeRouter.of(server).guard = (request) => refusalOfHost(hosts, request);
    }
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
    http: HttpOrHttpsServer | undefined,
    https: HttpOrHttpsServer | undefined,
    settings: CheckedSettings,
    files: FileServer | undefined,
  ) {
    this.all = [http, https].filter((server) => server !== undefined);
    this.#http = http;
    this.#https = https;
    this.#requestTimeoutMs = settings.requestTimeoutMs;
    this.#files = files;
    this.#fastPath = http && UpgradeFastPath.of(http);
    this.#detach = this.all.map(limitPipelining);
    this.#sockets = new OpenSockets(settings);
    if (http !== undefined) this.#sockets.guard(http, true);
    if (https !== undefined) this.#sockets.guard(https, false);
    for (const server of this.all) cutOffStalledClients(server, settings.responseStallMs);
    this.setHandshakeTimeout(DEFAULT_HANDSHAKE_TIMEOUT_MS);
  }

  /** The ports that the servers have got. */
  get ports(): { readonly HTTPPort?: number; readonly HTTPSPort?: number } {
    return {
      ...(this.#http !== undefined && { HTTPPort: portOf(this.#http) }),
      ...(this.#https !== undefined && { HTTPSPort: portOf(this.#https) }),
    };
  }

  /**
   * Sets how long a client may take for the head of a request, and before it for the TLS handshake, in milliseconds;
   * Infinity for no limit.
   */
  setHandshakeTimeout(timeoutMs: number): void {
    // Node exchanges the two times when the head has more time than the whole request.
    const headersTimeout = toNodeTimeout(Math.min(timeoutMs, this.#requestTimeoutMs));
    for (const server of this.all) server.headersTimeout = headersTimeout;
  }

  /** Accepts no further connections. */
  stopListening(): void {
    this.#closed = this.all.map((server) => new Promise((resolve) => server.close(() => resolve())));
  }

  /** Ends the connections of plain HTTP: upgraded ones have other owners. */
  closePlainConnections(): void {
    this.#fastPath?.release();
    for (const server of this.all) server.closeAllConnections();
    this.#sockets.destroyRefused();
  }

  /** Ends all connections, whatever they are used for. */
  destroySockets(): void {
    this.#sockets.destroyAll();
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

  async #listenOn(server: HttpOrHttpsServer, port: number, address: string): Promise<void> {
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

/** The limits in time that Node keeps. */
function limitsOf({ requestTimeoutMs }: CheckedSettings): ServerOptions {
  // The time for the head of a request, which must not be longer, is set later: see setHandshakeTimeout().
  return {
    headersTimeout: 0,
    requestTimeout: toNodeTimeout(requestTimeoutMs),
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
  };
}

/** Returns a time limit as Node takes it: 0 for none. */
function toNodeTimeout(timeoutMs: number): number {
  return timeoutMs > MAX_TIMER_MS ? 0 : timeoutMs;
}

/**
 * Cuts off clients that take nothing of an answer that waits for them.
 *
 * @remarks Node tells when nothing has happened on a connection for a time, and sees progress within a piece of memory
 * that the system takes bit by bit. Node also tells so when the keep-alive time between two requests is over. On other
 * connections a request is on its way, which has limits of its own, or an answer is being made.
 */
function cutOffStalledClients(server: HttpOrHttpsServer, stallMs: number): void {
  server.setTimeout(toNodeTimeout(stallMs), (socket: Socket) => {
    const isStalled = socket.writableLength > 0;
    const isIdle = PendingAnswers.of(socket)?.count === 0;
    if (isStalled || isIdle) socket.destroy();
  });
}

function portOf(server: HttpOrHttpsServer): number {
  return (server.address() as AddressInfo).port;
}

async function createSecureServer(settings: CheckedSettings, given?: Certificate): Promise<HttpOrHttpsServer> {
  const minVersion = TLS_VERSIONS[settings.minTLSVersion];
  // OpenSSL 3 refuses TLS 1.0 and 1.1 at its default security level, whatever minVersion says.
  const ciphers = settings.minTLSVersion < 3 ? `${DEFAULT_CIPHERS}:@SECLEVEL=0` : DEFAULT_CIPHERS;
  try {
    const { key, cert } = given ?? (await readCertificate(settings.certificateFolder ?? ''));
    const server = createHttpsServer({
      ...limitsOf(settings),
      key: toPem(key),
      cert: toPem(cert),
      minVersion,
      ciphers,
    });
    limitTlsHandshakes(server);
    return server;
  } catch (cause) {
    const source = given === undefined ? 'key.pem and cert.pem of certificateFolder' : 'tls.key and tls.cert';
    const message = `cannot use ${source}: ${textOfThrown(cause)}`;
    throw webError('ERR_WEB_SERVER_CERTIFICATE', message, cause);
  }
}

async function readCertificate(folder: string): Promise<Certificate> {
  const [key, cert] = await Promise.all([
    fileSystem.readFile(join(folder, 'key.pem')),
    fileSystem.readFile(join(folder, 'cert.pem')),
  ]);
  return { key, cert };
}

/** Node's types take bytes as a Buffer only. Any view of bytes becomes one. */
function toPem(value: string | Uint8Array): string | Buffer {
  return typeof value === 'string' ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function listenError(cause: unknown, port: number, address: string): FourDError {
  const where = address === '' ? `port ${port}` : `${address}, port ${port}`;
  const hint = LISTEN_HINTS[String((cause as NodeJS.ErrnoException).code)];
  const text = `${textOfThrown(cause)}${hint === undefined ? '' : ` (${hint})`}`;
  return webError('ERR_WEB_SERVER_LISTEN', `cannot listen on ${where}: ${text}`, cause);
}

function webError(
  code: 'ERR_WEB_SERVER_LISTEN' | 'ERR_WEB_SERVER_CERTIFICATE',
  message: string,
  cause: unknown,
): FourDError {
  return new FourDError(code, message, { componentSignature: 'HTTP', cause });
}
