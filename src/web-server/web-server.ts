import { readFile } from 'node:fs/promises';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { DEFAULT_CIPHERS, type SecureVersion } from 'node:tls';
import { type ErrorItem, FourDError, textOfThrown } from '../errors.ts';
import { CLOSE_GOING_AWAY } from '../protocol/constants.ts';
import { UpgradeFastPath } from '../http/upgrade-fast-path.ts';
import { keepUntilClosed } from '../transport/socket-transport.ts';
import { timers } from '../base/timers.ts';
import type { UpgradableServer } from '../http/upgradable-server.ts';
import { createRequestListener } from './web-server-requests.ts';
import { type CheckedSettings, checkSettings, type CORSRule, type WebServerSettings } from './web-server-settings.ts';

/** Time for the peers of a stopped web server to answer the close frame, in milliseconds. */
const STOP_TIMEOUT_MS = 5000;
/** Time for a TLS handshake, and time for a client to send its request headers, in milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Cuts off slow clients: Node checks every `connectionsCheckingInterval` ms whether headers take too long. */
const LIMITS = { headersTimeout: HANDSHAKE_TIMEOUT_MS, connectionsCheckingInterval: HANDSHAKE_TIMEOUT_MS / 2 } as const;

const TLS_VERSIONS = { 1: 'TLSv1', 2: 'TLSv1.1', 3: 'TLSv1.2', 4: 'TLSv1.3' } as const satisfies Record<
  number,
  SecureVersion
>;

/** The result of `start()`. */
export interface StartResult {
  readonly success: boolean;
  /** Why the server did not start, the most specific item first. Absent on success. */
  readonly errors?: readonly ErrorItem[];
}

/** A WebSocket server that is attached to a web server and ends with it. */
interface Attached {
  shutdown(code: number, timeoutMs: number): void;
  onceEnded(listener: () => void): void;
}

/** Makes a WebSocket server end with its web server. Returns a function that undoes it. Internal, not public. */
export let attach: (web: WebServer, server: Attached) => () => void;

/**
 * An HTTP(S) server for static files and WebSocket servers.
 *
 * @see the 4D page of the WebServer class
 */
export class WebServer {
  readonly #ownSettings: WebServerSettings;
  #settings: CheckedSettings;
  #servers: readonly UpgradableServer[] = [];
  #fastPath: UpgradeFastPath | undefined;
  #starting: Promise<StartResult> | undefined;
  #stopping: Promise<void> | undefined;
  readonly #attached = new Set<Attached>();
  /** All TCP connections, also upgraded ones, which Node's HTTP server no longer closes. */
  readonly #sockets = new Set<Socket>();

  static {
    attach = (web, server) => {
      web.#attached.add(server);
      return () => web.#attached.delete(server);
    };
  }

  /**
   * @param settings - settings of every {@link start}, which may override them for one run
   * @throws FourDError `ERR_INVALID_OPTION`
   */
  constructor(settings: WebServerSettings = {}) {
    this.#ownSettings = { ...settings };
    this.#settings = checkSettings(settings);
  }

  /**
   * Starts listening. A start during a {@link stop} first waits until the server has stopped.
   *
   * @param settings - settings that override those of the constructor until {@link stop}
   * @returns `{ success: true }`, or `{ success: false, errors }`; the promise never rejects. On a running server it
   *   fails, and the server keeps running.
   */
  start(settings: WebServerSettings = {}): Promise<StartResult> {
    if (this.isRunning || this.#starting !== undefined) {
      const error = webError(
        'ERR_WEB_SERVER_ALREADY_STARTED',
        'cannot start the web server: it is already running, await stop() first',
      );
      return Promise.resolve({ success: false, errors: [error.item] });
    }
    this.#starting = this.#start(settings);
    return this.#starting;
  }

  /**
   * Stops the server: it accepts no new connections, and its WebSocket peers get 1001 and at most 5 s to answer. The
   * onTerminate of all connections run, then those of the WebSocket servers. HTTP requests in progress are cut off.
   * Settings of {@link start} are dropped. A stop during a {@link start} first waits until the server has started.
   *
   * @returns resolves when the server has stopped; at once when it is not running
   */
  stop(): Promise<void> {
    if (this.#starting !== undefined) return this.#starting.then(() => this.stop());
    if (this.isRunning) this.#stopping = this.#stop();
    return this.#stopping ?? Promise.resolve();
  }

  /** Stops the server: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Whether the server listens. */
  get isRunning(): boolean {
    return this.#servers.length > 0;
  }

  /** The Node servers of a running web server; empty when it is stopped. Use them for routes of your own. */
  get httpServers(): readonly UpgradableServer[] {
    return this.#servers;
  }

  get name(): string {
    return this.#settings.name;
  }

  get HTTPEnabled(): boolean {
    return this.#settings.HTTPEnabled;
  }

  /** The real port while running, also when 0 was set. */
  get HTTPPort(): number {
    return this.#settings.HTTPPort;
  }

  get HTTPSEnabled(): boolean {
    return this.#settings.HTTPSEnabled;
  }

  /** The real port while running, also when 0 was set. */
  get HTTPSPort(): number {
    return this.#settings.HTTPSPort;
  }

  get IPAddressToListen(): string {
    return this.#settings.IPAddressToListen;
  }

  get rootFolder(): string | undefined {
    return this.#settings.rootFolder;
  }

  get defaultHomepage(): string {
    return this.#settings.defaultHomepage;
  }

  get certificateFolder(): string | undefined {
    return this.#settings.certificateFolder;
  }

  get minTLSVersion(): 1 | 2 | 3 | 4 {
    return this.#settings.minTLSVersion;
  }

  get CORSEnabled(): boolean {
    return this.#settings.CORSEnabled;
  }

  get CORSSettings(): readonly CORSRule[] {
    return this.#settings.CORSSettings;
  }

  async #start(settings: WebServerSettings): Promise<StartResult> {
    await this.#stopping;
    const servers: UpgradableServer[] = [];
    try {
      const checked = checkSettings(settings, this.#ownSettings);
      const listener = await createRequestListener(checked);
      const http = checked.HTTPEnabled ? createHttpServer(LIMITS, listener) : undefined;
      this.#fastPath = http && UpgradeFastPath.of(http);
      const https = checked.HTTPSEnabled ? await createSecureServer(checked, listener) : undefined;
      const ports: { HTTPPort?: number; HTTPSPort?: number } = {};
      if (http !== undefined) {
        servers.push(http);
        ports.HTTPPort = await this.#listen(http, checked.HTTPPort, checked.IPAddressToListen);
      }
      if (https !== undefined) {
        servers.push(https);
        ports.HTTPSPort = await this.#listen(https, checked.HTTPSPort, checked.IPAddressToListen);
      }
      this.#settings = Object.freeze({ ...checked, ...ports });
      this.#servers = servers;
      return { success: true };
    } catch (error) {
      const closed = servers.map(close);
      this.#destroySockets();
      await Promise.all(closed);
      const known = error instanceof FourDError ? error : listenError(error);
      return { success: false, errors: [known.item] };
    } finally {
      this.#starting = undefined;
    }
  }

  async #stop(): Promise<void> {
    const servers = this.#servers;
    this.#servers = [];
    this.#settings = checkSettings(this.#ownSettings);
    const closed = servers.map(close);
    const attached = Array.from(this.#attached);
    const ended = attached.map((server) => new Promise<void>((resolve) => server.onceEnded(resolve)));
    for (const server of attached) server.shutdown(CLOSE_GOING_AWAY, STOP_TIMEOUT_MS);
    // Nobody else ends connections in an unfinished TLS handshake, or upgrades that another listener has taken.
    const deadline = { onDeadline: () => this.#destroySockets() };
    const ticket = timers.schedule(deadline, STOP_TIMEOUT_MS);
    await Promise.all(ended);
    this.#fastPath?.release();
    for (const server of servers) server.closeAllConnections();
    await Promise.all(closed);
    timers.cancel(deadline, ticket);
    this.#stopping = undefined;
  }

  /** Listens, and returns the port that the server got. */
  async #listen(server: UpgradableServer, port: number, address: string): Promise<number> {
    server.on('connection', (socket: Socket) => keepUntilClosed(socket, this.#sockets));
    await new Promise<void>((resolve, reject) => {
      // The listener stays: a later error of the server, such as too many open files, must not end the process.
      server.on('error', (cause) => reject(listenError(cause, port, address)));
      server.listen({ port, ...(address !== '' && { host: address }) }, resolve);
    });
    return (server.address() as AddressInfo).port;
  }

  #destroySockets(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

let defaultWebServer: WebServer | undefined;

/** Returns the default web server, which every `WebSocketServer` without the option `webServer` uses. */
export function webServer(): WebServer {
  defaultWebServer ??= new WebServer();
  return defaultWebServer;
}

function close(server: UpgradableServer): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
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

function listenError(cause: unknown, port?: number, address?: string): FourDError {
  const where = port === undefined ? '' : ` on ${address === '' ? '' : `${address}, `}port ${port}`;
  return webError('ERR_WEB_SERVER_LISTEN', `cannot listen${where}: ${textOfThrown(cause)}`, cause);
}

function webError(
  code: 'ERR_WEB_SERVER_ALREADY_STARTED' | 'ERR_WEB_SERVER_LISTEN' | 'ERR_WEB_SERVER_CERTIFICATE',
  message: string,
  cause?: unknown,
): FourDError {
  return new FourDError(code, message, { componentSignature: 'HTTP', cause });
}
