import { readFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { SecureVersion } from 'node:tls';
import { type ErrorItem, FourDError } from '../errors.ts';
import { CLOSE_GOING_AWAY } from '../protocol/constants.ts';
import type { UpgradableServer } from '../transport/upgrade.ts';
import { createRequestListener } from './web-server-requests.ts';
import { type CheckedSettings, checkSettings, type CORSRule, type WebServerSettings } from './web-server-settings.ts';

/** How long the peers of a stopped web server have to answer, in milliseconds. */
const STOP_TIMEOUT_MS = 5000;
/** Longest time for a client to send its request headers, and how often Node looks, in milliseconds. */
const HEADERS_TIMEOUT_MS = 10_000;

const TLS_VERSIONS = { 1: 'TLSv1', 2: 'TLSv1.1', 3: 'TLSv1.2', 4: 'TLSv1.3' } as const satisfies Record<
  number,
  SecureVersion
>;

/** What `start()` tells. */
export interface StartResult {
  readonly success: boolean;
  /** Why it did not succeed, the most specific item first. Absent when it did. */
  readonly errors?: readonly ErrorItem[];
}

/** What hangs on a web server and ends with it. */
interface Attached {
  shutdown(code: number, timeoutMs: number): void;
  onceEnded(listener: () => void): void;
}

/** Makes a WebSocket server end with its web server; returns the undoing of that. Internal to this room. */
export let attach: (web: WebServer, server: Attached) => () => void;

/**
 * An HTTP(S) server for static files and WebSocket servers.
 *
 * @see the 4D page of the WebServer class
 */
export class WebServer {
  readonly #ownSettings: WebServerSettings;
  #settings: CheckedSettings;
  #servers: UpgradableServer[] = [];
  #isStarting = false;
  #stopping: Promise<void> | undefined;
  readonly #attached = new Set<Attached>();

  static {
    attach = (web, server) => {
      web.#attached.add(server);
      return () => web.#attached.delete(server);
    };
  }

  /**
   * @param settings - used by each {@link start}, which may override them for one run
   * @throws FourDError `ERR_INVALID_OPTION`
   */
  constructor(settings: WebServerSettings = {}) {
    this.#ownSettings = { ...settings };
    this.#settings = checkSettings(settings);
  }

  /**
   * Starts listening.
   *
   * @param settings - override those of the constructor until {@link stop}
   * @returns `{ success: true }`, or `{ success: false, errors }`; it does not reject. A server that runs goes on.
   */
  async start(settings: WebServerSettings = {}): Promise<StartResult> {
    if (this.isRunning || this.#isStarting || this.#stopping !== undefined) {
      return failure(webError('ERR_WEB_SERVER_ALREADY_STARTED', 'cannot start the web server: it is running'));
    }
    this.#isStarting = true;
    const servers: UpgradableServer[] = [];
    try {
      const checked = checkSettings(settings, this.#ownSettings);
      const listener = await createRequestListener(checked);
      const limits = { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: HEADERS_TIMEOUT_MS / 2 };
      const ports: { HTTPPort?: number; HTTPSPort?: number } = {};
      if (checked.HTTPEnabled) {
        const server = createHttpServer(limits, listener);
        ports.HTTPPort = await listen(server, checked.HTTPPort, checked.IPAddressToListen);
        servers.push(server);
      }
      if (checked.HTTPSEnabled) {
        const minVersion = TLS_VERSIONS[checked.minTLSVersion];
        const certificate = await readCertificate(checked.certificateFolder ?? '');
        const server = createSecureServer({ ...limits, ...certificate, minVersion }, listener);
        ports.HTTPSPort = await listen(server, checked.HTTPSPort, checked.IPAddressToListen);
        servers.push(server);
      }
      this.#settings = Object.freeze({ ...checked, ...ports });
      this.#servers = servers;
      return { success: true };
    } catch (error) {
      for (const server of servers) server.close();
      return failure(error as FourDError);
    } finally {
      this.#isStarting = false;
    }
  }

  /**
   * Stops: no new connections, WebSocket peers get 1001 and at most 5 s to answer, their onTerminate run, then those of
   * the WebSocket servers. Settings of {@link start} are forgotten.
   *
   * @returns resolves when all of that is over; at once when the server is not running
   */
  stop(): Promise<void> {
    if (!this.isRunning) return Promise.resolve();
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Whether the server listens. */
  get isRunning(): boolean {
    return this.#servers.length > 0;
  }

  /** The Node servers of a running web server, none when it is stopped. Use them for routes of your own. */
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

  async #stop(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    const attached = Array.from(this.#attached);
    const ended = attached.map((server) => new Promise<void>((resolve) => server.onceEnded(resolve)));
    for (const server of attached) server.shutdown(CLOSE_GOING_AWAY, STOP_TIMEOUT_MS);
    await Promise.all(ended);
    // What is left are requests of plain HTTP clients, and sockets whose upgrade was refused.
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(closed);
    this.#servers = [];
    this.#settings = checkSettings(this.#ownSettings);
    this.#stopping = undefined;
  }
}

let defaultWebServer: WebServer | undefined;

/** The default web server: the one that a `WebSocketServer` without `webServer` option hangs on. */
export function webServer(): WebServer {
  defaultWebServer ??= new WebServer();
  return defaultWebServer;
}

async function listen(server: UpgradableServer, port: number, address: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    // Stays on: an error of a listening server, such as too many open files, must not end the process.
    server.on('error', (cause) => {
      const where = address === '' ? `port ${port}` : `${address}, port ${port}`;
      reject(webError('ERR_WEB_SERVER_LISTEN', `cannot listen on ${where}: ${cause.message}`, cause));
    });
    server.listen({ port, ...(address !== '' && { host: address }) }, resolve);
  });
  return (server.address() as AddressInfo).port;
}

async function readCertificate(folder: string): Promise<{ key: Buffer; cert: Buffer }> {
  try {
    const [key, cert] = await Promise.all([readFile(join(folder, 'key.pem')), readFile(join(folder, 'cert.pem'))]);
    return { key, cert };
  } catch (cause) {
    throw certificateError(cause);
  }
}

function createSecureServer(...parameters: Parameters<typeof createHttpsServer>): UpgradableServer {
  try {
    return createHttpsServer(...parameters);
  } catch (cause) {
    throw certificateError(cause);
  }
}

function certificateError(cause: unknown): FourDError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return webError(
    'ERR_WEB_SERVER_CERTIFICATE',
    `cannot use key.pem and cert.pem of certificateFolder: ${detail}`,
    cause,
  );
}

function webError(
  code: 'ERR_WEB_SERVER_ALREADY_STARTED' | 'ERR_WEB_SERVER_LISTEN' | 'ERR_WEB_SERVER_CERTIFICATE',
  message: string,
  cause?: unknown,
): FourDError {
  return new FourDError(code, message, { componentSignature: 'HTTP', cause });
}

function failure(error: FourDError): StartResult {
  return { success: false, errors: [error.item] };
}
